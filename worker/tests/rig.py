"""Starts null servers, masters and workers, and runs windows of load: what tests and benchmarks stand on.

BENCH_WORKER_BIN names the folder with the programs (default: where the build puts them).
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgpack
from hdrh.histogram import HdrHistogram

HERE = Path(__file__).parent
PROGRAMS = Path(os.environ.get("BENCH_WORKER_BIN", HERE.parents[1] / ".build" / "worker" / "release"))
BODY_BYTES = 4096
PATIENCE_S = 60.0
"""A wait ends as soon as it can; this is many times what it takes, for a machine that is busy with other work."""

Json = dict[str, Any]


class Program:
    """A child process whose output lines are read by a thread, so that waiting for one always has a deadline."""

    def __init__(self, command: Sequence[object], name: str) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def line(self, deadline_s: float) -> str:
        """The next line of output; raises TimeoutError or, when there will be none, EOFError."""
        try:
            line = self.lines.get(timeout=max(0.0, deadline_s - time.monotonic()))
        except queue.Empty:
            raise TimeoutError(f"{self.name} said nothing more") from None
        if line is None:
            raise EOFError(f"{self.name} has ended with {self.process.wait()}")
        return line

    def say(self, text: str) -> None:
        """Writes a line to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def end(self, how: int = signal.SIGTERM, timeout_s: float = PATIENCE_S) -> int:
        """Sends a signal and waits for the end; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            for stream in (self.process.stdin, self.process.stdout):
                if stream is not None:
                    with contextlib.suppress(BrokenPipeError):
                        stream.close()

    def cpu_s(self) -> float:
        """CPU time used so far by all its threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


P = TypeVar("P", bound=Program)


class NullServer(Program):
    """A null server; after `end`, `histogram` is what it knows of its own delays, in ns."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.file = folder / f"null-{uuid.uuid4().hex}.json"
        command = [PROGRAMS / "null-server", "--histogram", self.file, *options]
        super().__init__(command, "null-server")
        self.port = int(self.line(time.monotonic() + PATIENCE_S).rsplit(":", 1)[1])

    def histogram(self) -> HdrHistogram:
        """Ends it and returns its histogram."""
        assert self.end() == 0
        content = json.loads(self.file.read_text())
        histogram = HdrHistogram.decode(content["histogram"])
        assert histogram.get_total_count() == content["count"]
        return histogram


class Master(Program):
    """An unmodified master, of the Locust that `python` has, under remote control."""

    def __init__(self, port: int = 0, python: str | Path = sys.executable) -> None:
        super().__init__([python, HERE / "mini_master.py", str(port)], "master")
        self.seen: list[Json] = []
        self.port: int = self.wait_for("listening")["port"]

    def tell(self, **command: Any) -> None:
        """Sends a command."""
        self.say(json.dumps(command))

    def wait_for(
        self, event: str, timeout_s: float = PATIENCE_S, where: Callable[[Json], bool] = lambda _: True
    ) -> Json:
        """The next event of this kind that satisfies the condition; the others are kept in `seen`."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            content: Json = json.loads(self.line(deadline_s))
            self.seen.append(content)
            if content["event"] == event and where(content):
                return content

    def wait_for_message(self, kind: str, timeout_s: float = PATIENCE_S) -> Json:
        """The data of the next message of this type."""
        data: Json = self.wait_for("message", timeout_s, lambda event: event["type"] == kind)["data"]
        return data

    def totals(self) -> Json:
        """Locust's own view of the test."""
        self.tell(cmd="totals")
        return self.wait_for("totals")

    def wait_until(self, condition: Callable[[Json], bool], timeout_s: float = PATIENCE_S) -> Json:
        """Asks for the totals until they satisfy the condition."""
        deadline_s = time.monotonic() + timeout_s
        while not condition(totals := self.totals()):
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"the master still says {totals}")
            time.sleep(0.1)
        return totals


class Worker(Program):
    """A native worker."""

    def __init__(self, master_port: int, name: str = "native", *options: str) -> None:
        command = [
            PROGRAMS / "bench-worker",
            "--master",
            f"127.0.0.1:{master_port}",
            "--name",
            name,
            *options,
        ]
        super().__init__(command, name)


@dataclass
class Window:
    """What the master has received about one window."""

    done: dict[str, Json] = field(default_factory=dict)
    ready: dict[str, Json] = field(default_factory=dict)
    reports: list[Json] = field(default_factory=list)

    def total(self, name: str) -> int:
        """A number of `totals`, summed over the workers."""
        return sum(done["totals"][name] for done in self.done.values())

    def failed(self) -> dict[str, int]:
        """Failures by reason, without zeroes."""
        reasons: dict[str, int] = {}
        for done in self.done.values():
            for reason, count in done["totals"]["failed"].items():
                if count:
                    reasons[reason] = reasons.get(reason, 0) + count
        return reasons

    def records(self) -> list[Json]:
        """All records of all reports."""
        return [record for report in self.reports for record in report["records"]]

    def seconds(self) -> list[Json]:
        """All rows of all reports."""
        return [row for report in self.reports for row in report["seconds"]]

    def histogram(self, name: str, kind: str = "accepted") -> HdrHistogram:
        """A histogram in ns, added up over the window."""
        total = HdrHistogram(1_000, 60_000_000_000, 3)
        for record in self.records():
            if record["kind"] == kind and record[name] is not None:
                total.decode_and_add(record[name])
        return total


def pool_file(
    folder: Path, expected: bytes | None = None, kinds: Json | None = None, is_joined: bool = False
) -> Path:
    """Writes a request pool of 4 KB requests, of two parts each unless joined.

    `kinds` maps kinds to (how many in a round, expected status).
    """
    kinds = kinds or {"accepted": (1, 200)}
    lines = (
        "POST / HTTP/1.1",
        "Host: test",
        "Content-Type: application/json",
        f"Content-Length: {BODY_BYTES}",
    )
    head = "\r\n".join(lines) + "\r\n\r\n"
    body = b'{"padding":"' + b"x" * (BODY_BYTES - 14) + b'"}'
    content = {
        "schema": 1,
        "parts": [head.encode() + body] if is_joined else [head.encode(), body],
        "requests": [
            {
                "kind": kind,
                "parts": [0] if is_joined else [0, 1],
                "expect": expect,
                "body": None if expected is None else 0,
            }
            for kind, (_, expect) in kinds.items()
        ],
        "bodies": [] if expected is None else [expected],
        "order": [index for index, (count, _) in enumerate(kinds.values()) for _ in range(count)],
    }
    file = folder / f"pool-{uuid.uuid4().hex}.msgpack"
    file.write_bytes(msgpack.packb(content))
    return file


def null_answer() -> bytes:
    """The body a null server answers with."""
    return b'{"padding":"' + b"x" * (BODY_BYTES - 14) + b'"}'


def load(port: int, requests: Path, **changes: Any) -> Json:
    """A `bench_load` of one second, closed, unless changed."""
    content: Json = {
        "schema": 1,
        "run": uuid.uuid4().hex,
        "host": "127.0.0.1",
        "port": port,
        "requests": str(requests),
        "mode": "closed",
        "connections": 16,
        "think_time_us": 0,
        "arrivals": "poisson",
        "steps": [],
        "seed": 1,
        "duration_s": 1.0,
        "timeout_ms": 10_000,
        "drain_ms": 10_000,
        "check_every": 100,
        "marker": None,
        "threads": 1,
        "cpus": None,
        "spin_us": 0,
        "nap_us": 0,
    }
    return content | changes


def prepare_window(
    master: Master, plan: Json, workers: list[str], cpus: Sequence[int] | None = None
) -> Window:
    """Has the workers prepare a load, each in turn on one of the CPUs; returns when all are ready."""
    window = Window()
    for index, worker in enumerate(workers):
        own: Json = {"share": {"index": index, "count": len(workers)}}
        if cpus is not None:
            own["cpus"] = [cpus[index % len(cpus)]]
        master.tell(cmd="send", type="bench_load", data=plan | own, worker=worker)
    while len(window.ready) < len(workers):
        event = master.wait_for("message")
        assert event["type"] == "bench_ready", event
        window.ready[event["worker"]] = event["data"]
    return window


def begin_window(master: Master, plan: Json, workers: list[str]) -> int:
    """Starts a prepared load as the harness does: the instant first, then Locust's users. The instant, in ns."""
    start_unix_ns = time.time_ns() + 300_000_000
    start = {"run": plan["run"], "start_unix_ns": start_unix_ns}
    for worker in workers:
        master.tell(cmd="send", type="bench_start", data=start, worker=worker)
    master.tell(cmd="start", users=plan["connections"], rate=plan["connections"])
    return start_unix_ns


def finish_window(master: Master, plan: Json, workers: list[str], window: Window) -> Window:
    """Waits for the end of a load, and collects everything that was said about it."""
    timeout_s = plan["duration_s"] + plan["drain_ms"] / 1_000 + PATIENCE_S
    while len(window.done) < len(workers):
        event = master.wait_for("message", timeout_s)
        assert event["type"] == "bench_done", event
        window.done[event["worker"]] = event["data"]
    of_window = (event.get("bench") for event in master.seen if event["event"] == "report")
    window.reports = [report for report in of_window if report is not None and report["run"] == plan["run"]]
    return window


def run_window(master: Master, plan: Json, workers: list[str], cpus: Sequence[int] | None = None) -> Window:
    """A whole window."""
    window = prepare_window(master, plan, workers, cpus)
    begin_window(master, plan, workers)
    return finish_window(master, plan, workers, window)


@contextlib.contextmanager
def ended(program: P) -> Iterator[P]:
    """Ends a program at the end of a block, whatever has happened in it."""
    try:
        yield program
    finally:
        program.end(signal.SIGKILL)
