"""The sampler as it is used: a program with pipes, watching a process that really works."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from harness.probes.cgroup import folders_of
from harness.probes.sampler import next_instant_ns
from harness.probes.samples import Row, read_rows
from harness.probes.usage import marked_unix_ns, notes, usage

DEADLINE_S = 60
WORKER = """
import sys, time
sys.stdin.readline()
held = b"x" * (8 << 20)
end_ns = time.process_time_ns() + 150_000_000
while time.process_time_ns() < end_ns: pass
print(time.process_time_ns(), flush=True)
sys.stdin.readline()
"""


class Program:
    """A sampler and the lines it has written so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []

    @property
    def rows(self) -> list[Row]:
        return read_rows(self.lines)

    def tell(self, command: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def read_until(self, event: str) -> None:
        """Reads on until a row with an event that starts so."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if len(self.lines) > 1 and self.rows[-1].event.startswith(event):
                return
        raise AssertionError(f"no {event!r} came: {''.join(self.lines)}")

    def read_rows(self, count: int) -> None:
        assert self.process.stdout is not None
        wanted = len(self.lines) + count
        for line in self.process.stdout:
            self.lines.append(line)
            if len(self.lines) >= wanted:
                return
        raise AssertionError("the sampler ended")

    def end(self) -> None:
        """Closes its standard input, as a harness that dies does, and reads what is left."""
        rest, _ = self.process.communicate(timeout=DEADLINE_S)
        self.lines += rest.splitlines(keepends=True)


@contextmanager
def sampling(pid: int, *arguments: str) -> Iterator[Program]:
    command = [sys.executable, "-m", "harness.probes.sampler", "--pid", str(pid), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Program(process)
        process.kill()


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[str]]:
    """Takes 8 MiB and burns 150 ms of CPU at the first line it is sent, and ends at the second."""
    command = [sys.executable, "-c", WORKER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout


def test_what_a_process_used_between_two_marks(worker: subprocess.Popen[str]) -> None:
    to_worker, from_worker = pipes(worker)
    with sampling(worker.pid, "--interval-ms", "20") as program:
        program.tell("mark begin")
        program.read_until("mark begin")
        to_worker.write("go\n")
        to_worker.flush()
        used_ns = int(from_worker.readline())
        program.tell("mark end")
        program.read_until("mark end")
        program.end()
    assert program.process.returncode == 0
    rows = program.rows
    assert rows[-1].event == "end"
    start_ns, end_ns = marked_unix_ns(rows, "begin"), marked_unix_ns(rows, "end")
    assert start_ns is not None and end_ns is not None
    found = usage(rows, start_ns, end_ns)
    assert found.cpu_ns == pytest.approx(150e6, rel=0.25)
    assert rows[-1].cpu_ns == pytest.approx(used_ns, rel=0.25)
    assert found.rss_bytes is not None and found.rss_bytes.median > 1 << 20
    assert found.tcp_faults.keys() >= {"listen_overflows", "listen_drops", "backlog_drops"}
    assert found.steal_ratio is not None, "the cores of the process are watched unless told otherwise"
    assert set(rows[0].cores) == os.sched_getaffinity(worker.pid)


def test_pss_is_read_only_while_told_so(worker: subprocess.Popen[str]) -> None:
    with sampling(worker.pid, "--interval-ms", "10", "--pss-interval-ms", "20") as program:
        program.read_rows(10)
        program.tell("pss on")
        program.read_until("pss on")
        program.read_rows(10)
        program.tell("pss off")
        program.read_until("pss off")
        program.read_rows(10)
        program.end()
    rows = program.rows
    on = next(i for i, row in enumerate(rows) if row.event == "pss on")
    off = next(i for i, row in enumerate(rows) if row.event == "pss off")
    with_pss = [i for i, row in enumerate(rows) if row.pss_bytes is not None]
    assert on in with_pss, "the first figure comes with the command"
    assert len(with_pss) > 2
    assert on <= min(with_pss) and max(with_pss) < off


def test_instants_follow_an_absolute_schedule(worker: subprocess.Popen[str]) -> None:
    interval_ns = 20_000_000
    with sampling(worker.pid, "--interval-ms", "20") as program:
        program.read_rows(40)
        program.end()
    planned_ns = [row.monotonic_ns - row.late_ns for row in program.rows if row.late_ns is not None]
    offsets_ns = [(at - planned_ns[0]) % interval_ns for at in planned_ns]
    # What is planned lies a whole number of intervals apart; reading the clock twice leaves a little.
    assert sorted(min(o, interval_ns - o) for o in offsets_ns)[len(offsets_ns) // 2] < interval_ns // 20


@pytest.mark.parametrize(
    ("planned_ns", "now_ns", "expected_ns"),
    [(100, 50, 100), (100, 100, 110), (100, 109, 110), (100, 110, 120), (100, 157, 160)],
)
def test_missed_instants_are_not_made_up_for(planned_ns: int, now_ns: int, expected_ns: int) -> None:
    assert next_instant_ns(planned_ns, 10, now_ns) == expected_ns


@pytest.fixture
def groups() -> Iterator[dict[str, Path]]:
    """Fresh control groups below our own, by controller: one folder under version 2, two under version 1."""
    ours = folders_of(os.getpid())
    if ours.memory is None or ours.cpu is None:
        pytest.skip("this machine has no memory or cpu controller")
    made = {
        name: folder.path / f"test-{os.getpid()}"
        for name, folder in (("memory", ours.memory), ("cpu", ours.cpu))
    }
    try:
        for path in set(made.values()):
            path.mkdir()
    except OSError as refused:
        pytest.skip(f"control groups cannot be made here: {refused}")
    yield made
    for path in set(made.values()):
        path.rmdir()


def test_the_own_groups_of_a_process_are_found_and_its_throttling_seen(groups: dict[str, Path]) -> None:
    quota, text = groups["cpu"] / "cpu.cfs_quota_us", "10000"
    if (groups["cpu"] / "cpu.max").exists():
        quota, text = groups["cpu"] / "cpu.max", "10000 100000"
    if not quota.exists() or not list(groups["memory"].glob("memory.*")):
        pytest.skip("the controllers are not handed down to new groups here")
    quota.write_text(text)
    with subprocess.Popen(
        [sys.executable, "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        for path in set(groups.values()):
            (path / "cgroup.procs").write_text(str(process.pid))
        to_worker, from_worker = pipes(process)
        with sampling(process.pid, "--interval-ms", "20") as program:
            program.tell("mark begin")
            program.read_until("mark begin")
            to_worker.write("go\n")
            to_worker.flush()
            from_worker.readline()
            program.tell("mark end")
            program.read_until("mark end")
            program.end()
        to_worker.close()
        process.wait()
    start_ns, end_ns = marked_unix_ns(program.rows, "begin"), marked_unix_ns(program.rows, "end")
    assert start_ns is not None and end_ns is not None
    found = usage(program.rows, start_ns, end_ns)
    assert notes(program.rows) == []
    assert found.anon_bytes is not None and found.anon_bytes.peak > 7 << 20
    assert found.throttled_ns is not None and found.throttled_ns > 0
    assert found.throttled_periods is not None and found.throttled_periods > 0


def test_it_ends_with_the_tree(worker: subprocess.Popen[str]) -> None:
    to_worker, _ = pipes(worker)
    with sampling(worker.pid, "--interval-ms", "20") as program:
        program.read_rows(3)
        to_worker.close()
        worker.wait()
        program.read_until("gone")
        assert program.process.wait(DEADLINE_S) == 0
    assert program.rows[-1].processes == 0
    assert (program.rows[-1].cpu_ns or 0) > 0, "the counters stay as they last were"


def test_an_unknown_command_is_noted(worker: subprocess.Popen[str]) -> None:
    with sampling(worker.pid) as program:
        program.tell("sample, please")
        program.read_until("note unknown")
        program.end()
    assert any("sample, please" in note for note in notes(program.rows))


def test_a_reader_that_goes_away_ends_it(worker: subprocess.Popen[str]) -> None:
    with sampling(worker.pid, "--interval-ms", "10") as program:
        program.read_rows(2)
        assert program.process.stdout is not None
        program.process.stdout.close()
        assert program.process.wait(DEADLINE_S) == 0


def test_no_such_process() -> None:
    command = [sys.executable, "-m", "harness.probes.sampler", "--pid", str(2**22 + 1)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert done.stderr == f"sampler: there is no process {2**22 + 1}\n"
    assert done.stdout == ""


@pytest.mark.parametrize("arguments", [[], ["--pid", "1", "--interval-ms", "0"], ["--pid", "x"]])
def test_wrong_use(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "harness.probes.sampler", *arguments]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 2


def test_it_costs_little(worker: subprocess.Popen[str]) -> None:
    with sampling(worker.pid) as program:
        program.tell("mark begin")
        program.read_until("mark begin")
        program.read_rows(30)
        program.tell("mark end")
        program.read_until("mark end")
        program.end()
    start_ns, end_ns = marked_unix_ns(program.rows, "begin"), marked_unix_ns(program.rows, "end")
    assert start_ns is not None and end_ns is not None
    cost = usage(program.rows, start_ns, end_ns).sampler_cpu_ratio
    assert cost is not None and 0 < cost < 0.03, "about 0.003 on an idle machine; the promise is 0.01"
