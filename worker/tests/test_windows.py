"""Windows of load as the harness runs them, under a real Locust master."""

import contextlib
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from rig import (
    PATIENCE_S,
    Json,
    Master,
    NullServer,
    P,
    Window,
    Worker,
    begin_window,
    finish_window,
    load,
    null_answer,
    pool_file,
    prepare_window,
    run_window,
)

EVERY_LOCUST = True


class Start(Protocol):
    """Has a program ended with the test."""

    def __call__(self, program: P, /) -> P: ...


def check_sums(window: Window, master: Master) -> None:
    """A worker's totals, its records, its rows and Locust's own count are one."""
    for worker, done in window.done.items():
        totals: Json = done["totals"]
        assert totals["intended"] == totals["sent"] + totals["dropped"]
        assert totals["sent"] == totals["completed"] + sum(totals["failed"].values())
        assert totals["wall_ns"] == totals["busy_ns"] + totals["wait_ns"]
        assert 0 < totals["busiest_ns"] <= totals["busy_ns"]
        reports = [report for report in window.reports if report["worker"] == worker]
        assert [report["seq"] for report in reports] == list(range(1, done["reports"] + 1))
        rows = [row for report in reports for row in report["seconds"]]
        for name in ("intended", "sent", "completed", "dropped", "busy_ns", "wait_ns"):
            assert sum(row[name] for row in rows) == totals[name], name
        assert sum(row["failed"] for row in rows) == sum(totals["failed"].values())
        records = [record for report in reports for record in report["records"]]
        for kind, counts in totals["by_kind"].items():
            of_kind = [record for record in records if record["kind"] == kind]
            assert sum(record["completed"] for record in of_kind) == counts["completed"]
            assert sum(sum(record["failed"].values()) for record in of_kind) == counts["failed"]
    locust = master.totals()
    failed = sum(window.failed().values())
    assert (locust["requests"], locust["failures"]) == (window.total("completed") + failed, failed)


def test_closed_load_keeps_every_connection_busy(
    null_server: NullServer, master: Master, worker: Worker, tmp_path: Path
) -> None:
    plan = load(null_server.port, pool_file(tmp_path, null_answer()), duration_s=1.5)
    window = run_window(master, plan, [worker.name])
    check_sums(window, master)
    assert window.failed() == {}
    assert window.ready[worker.name]["connections"] == window.total("connections_opened") == 16
    assert window.ready[worker.name]["schedule_sha256"] is None
    assert window.total("checked_bodies") > 0
    assert max(row["inflight_max"] for row in window.seconds()) == 16
    service = window.histogram("service")
    assert service.get_total_count() == window.total("completed") > 100
    assert all(record["response"] is None for record in window.records())
    truth = null_server.histogram()
    assert truth.get_total_count() == window.total("completed")


@pytest.mark.parametrize("arrivals", ["constant", "poisson"])
def test_open_load_sends_every_arrival_at_its_instant(
    null_server: NullServer, master: Master, worker: Worker, tmp_path: Path, arrivals: str
) -> None:
    plan = load(
        null_server.port,
        pool_file(tmp_path, null_answer()),
        mode="open",
        arrivals=arrivals,
        steps=[[200.0, 1.0], [600.0, 1.0]],
        duration_s=2.0,
    )
    window = run_window(master, plan, [worker.name])
    check_sums(window, master)
    assert window.failed() == {}
    assert len(window.ready[worker.name]["schedule_sha256"]) == 64
    first, second = (sum(row["intended"] for row in window.seconds() if row["second"] == at) for at in (0, 1))
    if arrivals == "constant":
        assert (first, second) == (200, 600)
    else:
        assert abs(first - 200) < 6 * math.sqrt(200)
        assert abs(second - 600) < 6 * math.sqrt(600)
    for name in ("service", "send_delay", "own_delay"):
        assert window.histogram(name).get_total_count() == first + second
    answered = sum(window.histogram(name).get_total_count() for name in ("response", "late_response"))
    assert answered == first + second


def test_the_same_seed_is_the_same_load(
    null_server: NullServer, master: Master, worker: Worker, tmp_path: Path
) -> None:
    requests = pool_file(tmp_path)
    hashes = []
    for seed in (1, 1, 2):
        plan = load(null_server.port, requests, mode="open", steps=[[500.0, 0.2]], duration_s=0.2, seed=seed)
        window = run_window(master, plan, [worker.name])
        hashes.append(window.ready[worker.name]["schedule_sha256"])
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize("mode", ["closed", "open"])
def test_two_workers_with_two_threads_each_share_one_load(
    null_server: NullServer, master: Master, tmp_path: Path, start: Start, mode: str
) -> None:
    names = ["first", "second"]
    for name in names:
        start(Worker(master.port, name))
        master.wait_for("connected")
    steps = [[1_000.0, 1.0]]
    plan = load(null_server.port, pool_file(tmp_path), mode=mode, arrivals="constant", steps=steps, threads=2)
    window = run_window(master, plan, names)
    check_sums(window, master)
    assert window.failed() == {}
    assert [window.ready[name]["connections"] for name in names] == [8, 8]
    assert window.ready["first"]["schedule_sha256"] == window.ready["second"]["schedule_sha256"]
    if mode == "open":
        assert [window.done[name]["totals"]["intended"] for name in names] == [500, 500]
    truth = null_server.histogram()
    assert truth.get_total_count() == window.total("sent")


def test_kinds_are_counted_apart_and_an_expected_refusal_is_no_failure(
    null_server: NullServer, master: Master, worker: Worker, tmp_path: Path
) -> None:
    requests = pool_file(tmp_path, kinds={"accepted": (3, 200), "refused": (1, 401)})
    plan = load(null_server.port, requests, mode="open", arrivals="constant", steps=[[400.0, 1.0]])
    window = run_window(master, plan, [worker.name])
    check_sums(window, master)
    by_kind = window.done[worker.name]["totals"]["by_kind"]
    assert by_kind["accepted"] == {"sent": 300, "completed": 300, "failed": 0}
    # The null server knows no 401: to this pool its 200 is the unexpected answer.
    assert by_kind["refused"] == {"sent": 100, "completed": 0, "failed": 100}
    assert window.failed() == {"status": 100}


def test_think_time_is_kept_between_answer_and_request(
    null_server: NullServer, master: Master, worker: Worker, tmp_path: Path
) -> None:
    plan = load(null_server.port, pool_file(tmp_path), connections=4, think_time_us=20_000)
    window = run_window(master, plan, [worker.name])
    check_sums(window, master)
    # At most one request every 20 ms a connection, the first at once.
    assert 4 < window.total("completed") <= 4 * (1_000 / 20 + 1)


def test_what_is_queued_and_in_flight_at_the_end_is_drained_and_counted(
    tmp_path: Path, master: Master, worker: Worker, start: Start
) -> None:
    server = NullServer(tmp_path, "--delay", "fixed:400ms")
    start(server)
    # Two connections carry five a second; twenty a second are asked for.
    plan = load(
        server.port,
        pool_file(tmp_path),
        mode="open",
        arrivals="constant",
        steps=[[20.0, 1.0]],
        connections=2,
        timeout_ms=10_000,
        drain_ms=10_000,
    )
    window = run_window(master, plan, [worker.name])
    check_sums(window, master)
    assert (window.total("intended"), window.total("completed")) == (20, 20)
    assert window.total("max_backlog") >= 10
    response, service = window.histogram("response"), window.histogram("service")
    assert response.get_max_value() > 2 * service.get_max_value()
    assert {record["second"] for record in window.records()} == {0}, (
        "an answer belongs to its intended second"
    )
    # What is done in the drain is no work of the window.
    busy_ns = {row["second"]: row["busy_ns"] for row in window.seconds()}
    assert window.total("busiest_ns") == busy_ns[0] < window.total("busy_ns")
    # Waiting for a connection is the service's doing, not the generator's.
    own_ns, send_ns = (window.histogram(name).get_max_value() for name in ("own_delay", "send_delay"))
    assert own_ns < send_ns / 2


def test_what_cannot_be_drained_has_failed_or_was_dropped(
    tmp_path: Path, master: Master, worker: Worker, start: Start
) -> None:
    server = NullServer(tmp_path, "--delay", "fixed:60s")
    start(server)
    plan = load(
        server.port,
        pool_file(tmp_path),
        mode="open",
        arrivals="constant",
        steps=[[20.0, 1.0]],
        connections=2,
        drain_ms=100,
    )
    window = run_window(master, plan, [worker.name])
    check_sums(window, master)
    assert window.total("sent") == 2
    assert window.failed() == {"timeout": 2}
    assert window.total("dropped") == 18


def test_requests_not_sent_within_the_timeout_are_dropped(
    tmp_path: Path, master: Master, worker: Worker, start: Start
) -> None:
    server = NullServer(tmp_path, "--delay", "fixed:60s")
    start(server)
    plan = load(
        server.port,
        pool_file(tmp_path),
        mode="open",
        arrivals="constant",
        steps=[[500.0, 3.0]],
        duration_s=3.0,
        connections=1,
        timeout_ms=300,
    )
    window = run_window(master, plan, [worker.name])
    check_sums(window, master)
    assert window.total("completed") == 0
    # A request holds the only connection until its deadline; missed deadlines are looked for every 10 ms.
    assert window.failed()["timeout"] >= 3
    assert window.total("dropped") > window.failed()["timeout"]
    assert window.total("connections_lost") == window.failed()["timeout"]


def test_a_flush_ends_the_load_early_and_loses_nothing(
    null_server: NullServer, master: Master, worker: Worker, tmp_path: Path
) -> None:
    plan = load(null_server.port, pool_file(tmp_path), duration_s=60.0)
    window = prepare_window(master, plan, [worker.name])
    begin_window(master, plan, [worker.name])
    master.wait_for("report", where=lambda report: report["requests"] > 0)
    master.tell(cmd="send", type="bench_flush", data={"run": plan["run"]}, worker=worker.name)
    finish_window(master, plan, [worker.name], window)
    check_sums(window, master)
    truth = null_server.histogram()
    assert truth.get_total_count() == window.total("completed") > 0


@pytest.mark.parametrize(
    ("changes", "least_ratio"),
    [
        ({"think_time_us": 20_000, "connections": 100}, 0.2),
        ({"mode": "open", "arrivals": "constant", "steps": [[4_000.0, 2.0]], "connections": 64}, 0.12),
    ],
    ids=["closed", "open"],
)
def test_writing_counts_as_busy(
    null_server: NullServer,
    master: Master,
    worker: Worker,
    tmp_path: Path,
    changes: Json,
    least_ratio: float,
) -> None:
    """Over loopback a write is most of a request: a wait that began before it left 6 to 8 % of the CPU time as busy.

    Callers who rest together are served in one go, in which most is work (80 %; 37 % beside three other tests). At a
    constant rate two thirds go to falling asleep and waking up twice a request, which is waiting.
    """
    plan = load(null_server.port, pool_file(tmp_path), duration_s=2.0, **changes)
    window = run_window(master, plan, [worker.name])
    check_sums(window, master)
    cpu_ns = window.total("cpu_user_ns") + window.total("cpu_system_ns")
    assert window.total("busy_ns") > least_ratio * cpu_ns


@contextlib.contextmanager
def held_back(folder: Path) -> Iterator[tuple[Path, Callable[[], None]]]:
    """A pool that a worker cannot read to its end before the function is called: it comes through a pipe."""
    pipe = folder / "requests.pipe"
    os.mkfifo(pipe)
    with pipe.open("rb+", buffering=0) as writer:  # both ends, so that opening it does not wait

        def deliver() -> None:
            writer.write(pool_file(folder).read_bytes())
            writer.close()

        yield pipe, deliver


def await_preparing(worker: Worker) -> None:
    """Until the thread that reads the pool is there."""
    deadline_s = time.monotonic() + PATIENCE_S
    threads = Path(f"/proc/{worker.process.pid}/task")
    while not any(file.read_text() == "prepare\n" for file in threads.glob("*/comm")):
        assert time.monotonic() < deadline_s, "the worker prepares nothing"
        time.sleep(0.01)


def test_what_takes_long_to_prepare_loses_no_report(
    null_server: NullServer, master: Master, worker: Worker, tmp_path: Path
) -> None:
    with held_back(tmp_path) as (pipe, deliver):
        plan = load(null_server.port, pipe, duration_s=1.5)
        timer = threading.Timer(2.5, deliver)
        timer.start()
        window = run_window(master, plan, [worker.name])
        timer.join()
    check_sums(window, master)
    assert window.total("completed") > 0


def test_a_load_that_is_ended_while_it_is_prepared_is_not_begun(
    null_server: NullServer, master: Master, worker: Worker, tmp_path: Path
) -> None:
    with held_back(tmp_path) as (pipe, deliver):
        plan = load(null_server.port, pipe)
        share = {"share": {"index": 0, "count": 1}}
        master.tell(cmd="send", type="bench_load", data=plan | share, worker=worker.name)
        master.tell(cmd="send", type="bench_flush", data={"run": plan["run"]}, worker=worker.name)
        failed = master.wait_for_message("bench_failed")
        await_preparing(worker)
        deliver()
    assert (failed["run"], failed["reason"]) == (plan["run"], "the load was ended before it began")
    window = run_window(master, load(null_server.port, pool_file(tmp_path)), [worker.name])
    check_sums(window, master)


def test_a_signal_ends_a_worker_that_is_still_preparing(
    null_server: NullServer, master: Master, worker: Worker, tmp_path: Path
) -> None:
    with held_back(tmp_path) as (pipe, _):
        plan = load(null_server.port, pipe) | {"share": {"index": 0, "count": 1}}
        master.tell(cmd="send", type="bench_load", data=plan, worker=worker.name)
        await_preparing(worker)
        assert worker.end() == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"requests": "/nowhere/requests"}, "cannot be read"),
        ({"port": 1}, "cannot be reached"),
        ({"host": "no.such.host.invalid"}, "cannot be reached"),
        ({"duration_s": 0.0}, "duration_s is 0.0"),
        ({"mode": "open", "steps": []}, "steps is []"),
        ({"mode": "open", "steps": [[-1.0, 1.0]]}, "steps is"),
        ({"threads": 0}, "threads is 0"),
        ({"connections": 0}, "connections is 0"),
        ({"cpus": [1_023]}, "cannot run on CPU 1023"),
    ],
)
def test_a_load_that_cannot_be_run_is_told_and_the_next_one_runs(
    null_server: NullServer, master: Master, worker: Worker, tmp_path: Path, change: Json, reason: str
) -> None:
    plan = load(null_server.port, pool_file(tmp_path), duration_s=0.2)
    share = {"share": {"index": 0, "count": 1}}
    master.tell(cmd="send", type="bench_load", data=plan | share | change, worker=worker.name)
    failed = master.wait_for_message("bench_failed")
    assert reason in failed["reason"]
    assert failed["run"] == plan["run"]
    window = run_window(master, plan, [worker.name])
    assert window.total("completed") > 0
