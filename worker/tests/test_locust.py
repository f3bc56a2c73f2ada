"""The worker by hand under Locust's own rules: ramps, shapes, stops, and masters that come and go."""

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest
from locusts import Locust
from rig import (
    HERE,
    PATIENCE_S,
    PROGRAMS,
    Json,
    Master,
    NullServer,
    P,
    Program,
    Worker,
    begin_window,
    load,
    pool_file,
    prepare_window,
)

EVERY_LOCUST = True


class Start(Protocol):
    """Has a program ended with the test."""

    def __call__(self, program: P, /) -> P: ...


def by_hand(master: Master, port: int, name: str = "native", *options: str) -> Worker:
    """A worker with a load of its own."""
    return Worker(master.port, name, "--url", f"http://127.0.0.1:{port}/", *options)


def is_running(users: int) -> Callable[[Json], bool]:
    """All users run and requests are answered."""
    return lambda totals: totals["users"] == users and totals["requests"] > 0


def connections_of(program: Program) -> int:
    """Established TCP connections of a process, to the master included."""
    inodes = set()
    for entry in Path(f"/proc/{program.process.pid}/fd").iterdir():
        try:
            target = str(entry.readlink())
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(1 for row in rows if row[3] == "01" and row[9] in inodes)


def test_the_golden_messages_are_those_of_this_locust(locust: Locust) -> None:
    command = [locust.python, "-m", "pytest", "-q", HERE / "test_golden.py"]
    done = subprocess.run(command, cwd=HERE, capture_output=True, check=False, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stdout


def test_users_are_connections_and_follow_a_ramp(
    null_server: NullServer, master: Master, start: Start
) -> None:
    worker = start(by_hand(master, null_server.port, "native", "--closed", "--think-time-ms", "5"))
    master.wait_for("connected")
    master.tell(cmd="start", users=12, rate=6)
    ramp = []

    def is_up(totals: Json) -> bool:
        ramp.append(totals["users"])
        return bool(totals["users"] == 12)

    master.wait_until(is_up)
    assert any(0 < users < 12 for users in ramp), "the ramp takes two seconds"
    master.wait_until(lambda _: connections_of(worker) == 12 + 1)
    master.tell(cmd="start", users=3, rate=100)
    master.wait_until(is_running(3))
    master.tell(cmd="stop")
    totals = master.wait_until(lambda totals: totals["state"] == "stopped")
    assert (totals["users"], totals["failures"]) == (0, 0)
    truth = null_server.histogram()
    assert truth.get_total_count() == totals["requests"], "no sample is lost at the stop"


def test_open_load_has_its_rate_by_user(null_server: NullServer, master: Master, start: Start) -> None:
    options = ("--rate-per-user", "10", "--arrivals", "constant", "--method", "POST", "--header", "X: y")
    start(by_hand(master, null_server.port, "native", *options))
    master.wait_for("connected")
    master.tell(cmd="start", users=20, rate=100)
    master.wait_for("report", where=lambda report: report["users"] == 20)

    def next_report() -> Json:
        return master.wait_for("report", where=lambda report: report["requests"] > 0)

    reports = [next_report() for _ in range(4)]
    deadline_s = time.monotonic() + PATIENCE_S
    # 20 users at 10 a second each. A stretch may be spoilt: what a busy machine delays is sent after it.
    while rate_rps(reports[-4:]) != pytest.approx(200, rel=0.1):
        assert time.monotonic() < deadline_s, [rate_rps(reports[n : n + 4]) for n in range(len(reports) - 3)]
        reports.append(next_report())


def rate_rps(reports: list[Json]) -> float:
    """From the first report to the last, by the worker's own clock."""
    return float(
        sum(report["requests"] for report in reports[1:]) / (reports[-1]["at_s"] - reports[0]["at_s"])
    )


def test_a_test_is_stopped_started_again_and_ended(
    null_server: NullServer, master: Master, start: Start
) -> None:
    worker = start(by_hand(master, null_server.port))
    master.wait_for("connected")
    counts = []
    for users in (2, 4):
        master.tell(cmd="start", users=users, rate=100)
        master.wait_until(is_running(users))
        master.tell(cmd="stop")
        counts.append(master.wait_until(lambda totals: totals["state"] == "stopped")["requests"])
        master.wait_until(lambda totals: totals["workers"] == {"native": "ready"})
    truth = null_server.histogram()
    assert truth.get_total_count() == sum(counts)
    master.tell(cmd="quit")
    assert worker.process.wait(PATIENCE_S) == 0


def test_quit_alone_loses_no_sample_either(null_server: NullServer, master: Master, start: Start) -> None:
    worker = start(by_hand(master, null_server.port))
    master.wait_for("connected")
    master.tell(cmd="start", users=4, rate=100)
    master.wait_until(is_running(4))
    # As `locust --headless --run-time` does: no stop before it.
    master.tell(cmd="quit")
    totals = master.wait_for("totals")
    assert worker.process.wait(PATIENCE_S) == 0
    assert null_server.histogram().get_total_count() == totals["requests"]


def test_a_shape_is_followed(null_server: NullServer, master: Master, start: Start) -> None:
    start(by_hand(master, null_server.port, "native", "--rate-per-user", "5"))
    master.wait_for("connected")
    master.tell(cmd="shape", steps=[[2, 3.0], [7, 3.0], [1, 3.0]])
    for users in (2, 7, 1):
        master.wait_until(is_running(users))
    master.wait_until(lambda totals: totals["state"] == "stopped")


def test_users_move_when_workers_come_and_go(null_server: NullServer, master: Master, start: Start) -> None:
    start(by_hand(master, null_server.port, "first", "--think-time-ms", "5"))
    master.wait_for("connected")
    master.tell(cmd="start", users=10, rate=100)
    master.wait_until(is_running(10))
    second = start(by_hand(master, null_server.port, "second", "--think-time-ms", "5"))
    # Locust's master gives a new worker its share at once.
    master.wait_for("report", where=lambda report: report["worker"] == "second" and report["users"] == 5)
    master.wait_until(is_running(10))
    second.end(signal.SIGKILL)
    # It is missed after about four seconds; a start with the same number of users spreads them anew.
    master.wait_until(lambda totals: totals["workers"].get("second") == "missing")
    master.tell(cmd="start", users=10, rate=100)
    master.wait_for("report", where=lambda report: report["worker"] == "first" and report["users"] == 10)


def test_a_master_that_dies_takes_the_load_with_it_and_a_new_one_gets_the_worker(
    null_server: NullServer, locust: Locust, start: Start
) -> None:
    first = locust.master()
    worker = by_hand(first, null_server.port)
    start(worker)
    first.wait_for("connected")
    first.tell(cmd="start", users=4, rate=100)
    first.wait_until(is_running(4))
    first.end(signal.SIGKILL)
    deadline_s = time.monotonic() + PATIENCE_S
    while connections_of(worker) > 0:
        assert time.monotonic() < deadline_s, "the load goes on without a master"
        time.sleep(0.05)
    second = locust.master(first.port)
    start(second)
    second.wait_for("connected")
    second.tell(cmd="start", users=3, rate=100)
    second.wait_until(is_running(3))


def test_a_silent_master_is_lost_and_found_again(
    null_server: NullServer, master: Master, start: Start
) -> None:
    worker = start(by_hand(master, null_server.port))
    master.wait_for("connected")
    master.tell(cmd="start", users=4, rate=100)
    master.wait_until(is_running(4))
    master.process.send_signal(signal.SIGSTOP)
    deadline_s = time.monotonic() + PATIENCE_S
    try:
        while connections_of(worker) > 1:
            assert time.monotonic() < deadline_s, "the load goes on under a silent master"
            time.sleep(0.05)
    finally:
        master.process.send_signal(signal.SIGCONT)
    master.wait_for("connected")
    master.wait_until(is_running(4))


def test_a_worker_waits_for_its_master(locust: Locust, start: Start) -> None:
    first = locust.master()
    port = first.port
    first.end()
    start(Worker(port))
    second = locust.master(port)
    start(second)
    assert second.wait_for("connected")["worker"] == "native"


def test_reconnect_is_obeyed_without_losing_the_test(
    null_server: NullServer, master: Master, start: Start
) -> None:
    start(by_hand(master, null_server.port))
    master.wait_for("connected")
    master.tell(cmd="start", users=4, rate=100)
    master.wait_until(is_running(4))
    master.tell(cmd="send", type="reconnect", data=None, worker="native")
    before = master.totals()["requests"]
    totals = master.wait_until(lambda totals: totals["requests"] > before + 1_000)
    assert (totals["users"], totals["workers"]) == (4, {"native": "running"})


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_worker_in_order(
    null_server: NullServer, master: Master, start: Start, how: signal.Signals
) -> None:
    worker = start(by_hand(master, null_server.port))
    master.wait_for("connected")
    master.tell(cmd="start", users=4, rate=100)
    master.wait_until(is_running(4))
    assert worker.end(how) == 0
    totals = master.wait_until(lambda totals: totals["workers"] == {})
    assert null_server.histogram().get_total_count() == totals["requests"]


@pytest.mark.parametrize("is_loaded", [False, True])
def test_a_worker_ends_with_the_pipe_it_was_given(
    null_server: NullServer, master: Master, start: Start, tmp_path: Path, is_loaded: bool
) -> None:
    worker = start(Worker(master.port, "native", "--die-with-stdin"))
    master.wait_for("connected")
    if is_loaded:
        plan = load(null_server.port, pool_file(tmp_path), duration_s=60.0)
        prepare_window(master, plan, [worker.name])
        begin_window(master, plan, [worker.name])
        master.wait_for("report", where=lambda report: report["requests"] > 0)
    worker.say("words are no reason to end")
    assert worker.process.stdin is not None
    worker.process.stdin.close()
    assert worker.process.wait(PATIENCE_S) == 0


def test_a_null_server_ends_with_the_pipe_it_was_given(tmp_path: Path, start: Start) -> None:
    server = NullServer(tmp_path, "--die-with-stdin")
    start(server)
    assert server.process.stdin is not None
    server.process.stdin.close()
    assert server.process.wait(PATIENCE_S) == 0
    assert server.file.exists()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--master", "nowhere"], "expected HOST:PORT"),
        (["--url", "ftp://host/"], "expected http://"),
        (["--url", "http://127.0.0.1:1/"], "cannot be reached"),
        (["--url", "http://127.0.0.1:1/", "--body", "/nowhere"], "--body /nowhere"),
        (["--url", "http://127.0.0.1:1/", "--rate-per-user=-1"], "rate-per-user"),
    ],
)
def test_wrong_use_is_told_in_a_line(options: list[str], text: str) -> None:
    command: list[str | Path] = [PROGRAMS / "bench-worker", *options]
    result = subprocess.run(command, capture_output=True, check=False, text=True, timeout=PATIENCE_S)
    assert result.returncode == 2
    assert text in result.stderr
