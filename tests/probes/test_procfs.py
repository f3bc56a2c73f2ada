"""Parsers against recorded texts, readers against processes of our own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from harness.probes.procfs import (
    CoreTime,
    KeptFile,
    ProcessReader,
    Stat,
    Switches,
    children,
    parse_cores,
    parse_rollup_pss_bytes,
    parse_stat,
    parse_statm_rss_bytes,
    parse_switches,
    process_cpu_ns,
    thread_switches,
)

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
STAT = (
    b"4242 (%s) %s 17 4242 4242 0 -1 4194560 3695 11 8 9 250 31 5 6 20 0 42 0 12345"
    b" 8192000 471 18446744073709551615 1 1 0 0 0 0 0 16781312 134235138 0 0 0 17 1 0 0 0 0 0 0 0\n"
)
STATUS = b"""Name:\tjava
Threads:\t42
Cpus_allowed_list:\t0-1
voluntary_ctxt_switches:\t1067
nonvoluntary_ctxt_switches:\t5
"""
ROLLUP = b"""55f9d13b4000-7fff77807000 ---p 00000000 00:00 0                          [rollup]
Rss:                1640 kB
Pss:                 260 kB
Pss_Dirty:           112 kB
Pss_Anon:            112 kB
"""
PROC_STAT = b"""cpu  9160 10 3431 117428 2154 3 61 44 7 0
cpu0 4879 4 1328 59606 315 1 13 16 7 0
cpu1 4281 6 2103 57822 1838 2 48 28 0 0
intr 227447 0 0 0
ctxt 1990473
"""


@pytest.mark.parametrize("name", [b"java", b"Web Content", b"evil) R 1 (", b")"])
def test_stat_whatever_the_process_is_called(name: bytes) -> None:
    assert parse_stat(STAT % (name, b"S")) == Stat(
        parent_pid=17,
        ended=False,
        threads=42,
        utime_ns=250 * TICK_NS,
        stime_ns=31 * TICK_NS,
        minor_faults=3695,
        major_faults=8,
    )


@pytest.mark.parametrize(("state", "ended"), [(b"R", False), (b"D", False), (b"Z", True), (b"X", True)])
def test_stat_tells_a_zombie(state: bytes, ended: bool) -> None:
    assert parse_stat(STAT % (b"java", state)).ended is ended


def test_memory_texts() -> None:
    assert parse_statm_rss_bytes(b"1823 471 387 5 0 123 0\n") == 471 * os.sysconf("SC_PAGE_SIZE")
    assert parse_rollup_pss_bytes(ROLLUP) == 260 * 1024
    assert parse_rollup_pss_bytes(b"") == 0, "a kernel thread has no memory of its own"


def test_switches_are_read_below_names_that_look_alike() -> None:
    assert parse_switches(STATUS) == Switches(voluntary=1067, involuntary=5)


def test_cores_leave_out_idle_waiting_steal_and_guest() -> None:
    cores = parse_cores(PROC_STAT)
    assert set(cores) == {None, 0, 1}
    assert cores[0] == CoreTime(busy_ns=(4879 + 4 + 1328 + 1 + 13) * TICK_NS, steal_ns=16 * TICK_NS)
    assert cores[None].steal_ns == 44 * TICK_NS


def test_kept_file_reads_texts_longer_than_one_read(tmp_path: os.PathLike[str]) -> None:
    path = f"{os.fspath(tmp_path)}/long"
    for size in (0, 1, 16_384, 16_385, 50_000):
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(b"x" * size)
        kept = KeptFile(path)
        assert len(kept.read()) == size
        assert len(kept.read()) == size, "every read starts at the beginning"
        kept.close()


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that waits until its standard input is closed."""
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        yield process
        process.kill()


def test_reader_agrees_with_the_kernels_other_account() -> None:
    reader = ProcessReader(os.getpid())
    before_ns = os.times()
    cpu_ns = reader.cpu_ns()
    stat = reader.stat()
    after_ns = os.times()
    tolerance_s = 0.03  # times() and stat count ticks
    assert before_ns.user + before_ns.system - tolerance_s <= cpu_ns / 1e9
    assert cpu_ns / 1e9 <= after_ns.user + after_ns.system + tolerance_s
    assert abs((stat.utime_ns + stat.stime_ns) / 1e9 - cpu_ns / 1e9) <= tolerance_s
    assert reader.rss_bytes() >= reader.pss_bytes() * 0.8 > 0
    reader.close()


def test_a_process_that_ended_is_not_taken_for_another(child: subprocess.Popen[bytes]) -> None:
    reader = ProcessReader(child.pid)
    assert child.pid in children(os.getpid())
    assert reader.stat().parent_pid == os.getpid()
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert reader.stat().ended, "not yet waited for: a zombie"
    child.wait()
    for read in (reader.stat, reader.rss_bytes, reader.cpu_ns, reader.pss_bytes):
        with pytest.raises(ProcessLookupError):
            read()
    with pytest.raises(ProcessLookupError):
        ProcessReader(child.pid)
    assert child.pid not in children(os.getpid())
    assert thread_switches(child.pid) == {}
    reader.close()


def test_cpu_time_includes_threads() -> None:
    before_ns = process_cpu_ns(os.getpid())
    spent_ns: list[int] = []

    def burn() -> None:
        import time

        while time.thread_time_ns() < 50_000_000:
            pass
        spent_ns.append(time.thread_time_ns())

    thread = threading.Thread(target=burn)
    thread.start()
    thread.join()
    assert process_cpu_ns(os.getpid()) - before_ns >= spent_ns[0]


def test_switches_count_every_thread() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    assert len(thread_switches(os.getpid())) >= 2
    stop.set()
    thread.join()
