"""Services that answer wrongly, oddly or not at all: every request is accounted for, under its proper reason."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rig import (
    Json,
    Master,
    NullServer,
    Window,
    Worker,
    begin_window,
    finish_window,
    load,
    pool_file,
    prepare_window,
    run_window,
)
from scripted_service import Reply, ScriptedService, whole
from test_windows import check_sums

BODY = b'{"answer": "expected"}'
GOOD = Reply((whole(BODY),))

Serve = Callable[..., ScriptedService]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts scripted services, and closes them with the test."""
    services: list[ScriptedService] = []

    def start(
        script: Callable[[int], Reply], family: socket.AddressFamily = socket.AF_INET
    ) -> ScriptedService:
        services.append(ScriptedService(script, family))
        return services[-1]

    yield start
    for service in services:
        service.close()


def run(master: Master, worker: Worker, folder: Path, service: ScriptedService, **changes: object) -> Window:
    """Forty requests, one every 10 ms."""
    settings: Json = {
        "mode": "open",
        "arrivals": "constant",
        "steps": [[100.0, 0.4]],
        "duration_s": 0.4,
        "connections": 4,
        "check_every": 1,
    }
    plan = load(service.port, pool_file(folder, expected=BODY), **(settings | changes))
    window = run_window(master, plan, [worker.name])
    check_sums(window, master)
    return window


def chunked(*chunks: bytes) -> bytes:
    """An answer whose body comes in chunks."""
    frames = b"".join(f"{len(chunk):x};note=x\r\n".encode() + chunk + b"\r\n" for chunk in chunks)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + frames + b"0\r\nTrailer: y\r\n\r\n"


@pytest.mark.parametrize(
    "reply",
    [
        GOOD,
        Reply((chunked(BODY[:5], BODY[5:]),)),
        Reply(tuple(bytes([byte]) for byte in whole(BODY))),
        Reply(tuple(bytes([byte]) for byte in chunked(BODY))),
        Reply((b"HTTP/1.1 100 Continue\r\n\r\n", whole(BODY))),
        Reply((whole(BODY, headers="Connection: close\r\n"),), then="close"),
        Reply((b"HTTP/1.1 200 OK\r\n\r\n" + BODY[:3], BODY[3:]), then="close"),
        Reply((b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY), BODY), then="close"),
    ],
    ids=["plain", "chunked", "bytewise", "bytewise chunked", "interim", "closing", "until close", "HTTP/1.0"],
)
def test_proper_answers_are_completed_whatever_their_form(
    serve: Serve, master: Master, worker: Worker, tmp_path: Path, reply: Reply
) -> None:
    window = run(master, worker, tmp_path, serve(lambda _: reply))
    assert window.failed() == {}
    assert window.total("completed") == window.total("checked_bodies") == 40


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply((whole(BODY, "500 Internal Server Error"),)), "status"),
        (Reply((whole(BODY + b" "),)), "body"),
        (Reply((whole(BODY[:-1]),)), "body"),
        (Reply((whole(b"X" + BODY[1:]),)), "body"),
        (Reply((chunked(b"X", BODY[1:]),)), "body"),
        (Reply((whole(BODY)[:-1],), then="close"), "short"),
        (Reply((whole(BODY)[:20],), then="close"), "short"),
        (Reply((chunked(BODY)[:-4],), then="close"), "short"),
        (Reply((), then="close"), "reset"),
        (Reply((), then="reset"), "reset"),
        (Reply((b"this is not HTTP\r\n\r\n",)), "malformed"),
        (Reply((b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n",)), "malformed"),
        (Reply((whole(BODY) + b"more",)), "malformed"),
        (Reply((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot a size\r\n",)), "malformed"),
        (Reply(()), "timeout"),
        (Reply((whole(BODY)[:30],)), "timeout"),
    ],
)
def test_each_way_to_fail_has_its_reason(
    serve: Serve, master: Master, worker: Worker, tmp_path: Path, reply: Reply, reason: str
) -> None:
    # Every fourth answer is bad; the others must not suffer from it.
    service = serve(lambda number: reply if number % 4 == 3 else GOOD)
    changes: Json = {"timeout_ms": 3_000} if reason == "timeout" else {}
    window = run(master, worker, tmp_path, service, connections=16, **changes)
    assert window.failed() == {reason: 10}
    assert window.total("completed") == 30


def test_a_marker_tells_first_and_last_answer_with_each_value(
    serve: Serve, master: Master, worker: Worker, tmp_path: Path
) -> None:
    def versioned(number: int) -> Reply:
        text = whole(b'{"table_version": %d}' % (7 if number < 25 else 8))
        return Reply((text[:-8], text[-8:]))

    plan = load(
        serve(versioned).port,
        pool_file(tmp_path),
        mode="open",
        arrivals="constant",
        steps=[[100.0, 0.4]],
        duration_s=0.4,
        connections=1,
        marker='"table_version":',
    )
    window = run_window(master, plan, [worker.name])
    markers = window.done[worker.name]["markers"]
    assert {value: seen["count"] for value, seen in markers.items()} == {"7": 25, "8": 15}
    assert markers["7"]["first_unix_ns"] <= markers["7"]["last_unix_ns"] < markers["8"]["first_unix_ns"]


def completed_after(report: Json, second: int) -> bool:
    """Whether something was completed in a later second of the window."""
    return any(row["second"] > second and row["completed"] for row in report["bench"]["seconds"])


def test_a_service_that_stops_and_comes_back_costs_what_was_under_way(
    master: Master, worker: Worker, tmp_path: Path
) -> None:
    server = NullServer(tmp_path)
    plan = load(
        server.port,
        pool_file(tmp_path),
        mode="open",
        arrivals="constant",
        steps=[[100.0, 60.0]],
        duration_s=60.0,
    )
    window = prepare_window(master, plan, [worker.name])
    start_unix_ns = begin_window(master, plan, [worker.name])
    master.wait_for("report", where=lambda report: report["requests"] > 0)
    first = server.histogram().get_total_count()
    again = NullServer(tmp_path, "--port", str(server.port))
    back_s = (time.time_ns() - start_unix_ns) // 1_000_000_000
    master.wait_for("report", where=lambda report: completed_after(report, back_s))
    master.tell(cmd="send", type="bench_flush", data={"run": plan["run"]}, worker=worker.name)
    finish_window(master, plan, [worker.name], window)
    check_sums(window, master)
    second = again.histogram().get_total_count()
    # An answer may have been on its way when the first server ended.
    assert 0 <= first + second - window.total("completed") <= 16
    assert second > 0
    assert set(window.failed()) <= {"reset", "connect"}
    assert window.total("connections_lost") >= 16
    assert window.total("dropped") == 0


@contextlib.contextmanager
def kept_closed(port: int) -> Iterator[None]:
    """Nobody else, a connection to itself included, gets this port."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", port))
        yield


@pytest.mark.parametrize("mode", ["closed", "open"])
def test_a_service_that_is_gone_fails_connecting_and_nothing_hangs(
    master: Master, worker: Worker, tmp_path: Path, mode: str
) -> None:
    server = NullServer(tmp_path)
    plan = load(
        server.port, pool_file(tmp_path), mode=mode, arrivals="constant", steps=[[200.0, 2.0]], duration_s=2.0
    )
    window = prepare_window(master, plan, [worker.name])
    server.end()
    with kept_closed(server.port):
        begin_window(master, plan, [worker.name])
        finish_window(master, plan, [worker.name], window)
    check_sums(window, master)
    assert window.total("completed") == 0
    assert window.failed()["connect"] > 16


@pytest.mark.parametrize("host", ["::1", "localhost"])
def test_names_and_both_families_of_addresses_are_reached(
    serve: Serve, master: Master, worker: Worker, tmp_path: Path, host: str
) -> None:
    family = socket.AF_INET6 if host == "::1" else socket.AF_INET
    window = run(master, worker, tmp_path, serve(lambda _: GOOD, family), host=host)
    assert window.failed() == {}
    assert window.total("completed") == 40
