"""Figures of processes from /proc: parsers of text, and readers that keep their files open.

A file below /proc/PID stays bound to that process: once it has ended, reading fails with ESRCH, whoever
has its number by then. That is why the readers open once and `pread` for ever.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from harness.errors import ProbeError
from harness.units import NS_PER_S

PROC = Path("/proc")
_READ_BYTES = 1 << 14
_TICK_NS = NS_PER_S // os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_CPUCLOCK_SCHED = 2


@dataclass(frozen=True, slots=True)
class Stat:
    """What /proc/PID/stat says of one process. User and system time move in clock ticks (10 ms).

    `ended`: a zombie, whose counters are final and whose memory is gone.
    """

    parent_pid: int
    ended: bool
    threads: int
    utime_ns: int
    stime_ns: int
    minor_faults: int
    major_faults: int


@dataclass(frozen=True, slots=True)
class Switches:
    """Context switches of one thread since it began."""

    voluntary: int
    involuntary: int


@dataclass(frozen=True, slots=True)
class CoreTime:
    """Time of one core since boot. Busy is everything but idle, waiting for disks, and stolen."""

    busy_ns: int
    steal_ns: int


def parse_stat(text: bytes) -> Stat:
    """/proc/PID/stat → Stat. The name may hold spaces and brackets: fields count from the last bracket."""
    fields = text[text.rindex(b")") + 2 :].split()
    return Stat(
        parent_pid=int(fields[1]),
        ended=fields[0] in (b"Z", b"X"),
        threads=int(fields[17]),
        utime_ns=int(fields[11]) * _TICK_NS,
        stime_ns=int(fields[12]) * _TICK_NS,
        minor_faults=int(fields[7]),
        major_faults=int(fields[9]),
    )


def parse_statm_rss_bytes(text: bytes) -> int:
    """/proc/PID/statm → resident bytes."""
    return int(text.split(maxsplit=2)[1]) * _PAGE_BYTES


def parse_rollup_pss_bytes(text: bytes) -> int:
    """/proc/PID/smaps_rollup → proportional set size in bytes. A process without memory has none: 0."""
    for line in text.splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def parse_switches(text: bytes) -> Switches:
    """/proc/PID/task/TID/status → context switches of that thread."""
    voluntary = involuntary = 0
    for line in text[text.rindex(b"\nvoluntary_ctxt_switches") :].splitlines():
        if line.startswith(b"voluntary_ctxt_switches:"):
            voluntary = int(line.split()[1])
        elif line.startswith(b"nonvoluntary_ctxt_switches:"):
            involuntary = int(line.split()[1])
    return Switches(voluntary, involuntary)


def parse_cores(text: bytes) -> Mapping[int | None, CoreTime]:
    """/proc/stat → time per core; None is the sum over all. User time includes guest time."""
    cores: dict[int | None, CoreTime] = {}
    for line in text.splitlines():
        if not line.startswith(b"cpu"):
            break
        name, *figures = line.split()
        user, nice, system, _idle, _iowait, irq, softirq, *rest = map(int, figures)
        cores[int(name[3:]) if len(name) > 3 else None] = CoreTime(
            busy_ns=(user + nice + system + irq + softirq) * _TICK_NS,
            steal_ns=(rest[0] if rest else 0) * _TICK_NS,
        )
    return MappingProxyType(cores)


class KeptFile:
    """A file below /proc or /sys that is opened once and re-read from its start."""

    def __init__(self, path: Path | str) -> None:
        """Raises OSError when it cannot be opened."""
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def read(self) -> bytes:
        """The whole text. Raises ProcessLookupError once the process it belongs to has ended."""
        text = os.pread(self._fd, _READ_BYTES, 0)
        if len(text) < _READ_BYTES:
            return text
        parts = [text]
        while text:
            text = os.pread(self._fd, _READ_BYTES, sum(map(len, parts)))
            parts.append(text)
        return b"".join(parts)

    def close(self) -> None:
        os.close(self._fd)


def process_cpu_ns(pid: int) -> int:
    """CPU time of a process with all its threads, ended ones too, by its CPU clock: ns, not ticks.

    The clock's number is built as in clock_getcpuclockid(3). Raises ProcessLookupError for no such process.
    """
    try:
        return time.clock_gettime_ns((~pid << 3) | _CPUCLOCK_SCHED)
    except OSError as gone:
        raise ProcessLookupError(pid) from gone


def thread_ids(pid: int) -> list[int]:
    """The threads of a process; none when it has ended."""
    try:
        return [int(name) for name in os.listdir(PROC / str(pid) / "task")]  # noqa: PTH208 (half the cost)
    except (FileNotFoundError, ProcessLookupError):
        return []


def children(pid: int) -> list[int]:
    """The processes that any thread of this one started and that still have it as parent."""
    found: list[int] = []
    for tid in thread_ids(pid):
        try:
            found += map(int, _slurp(f"{PROC}/{pid}/task/{tid}/children").split())
        except FileNotFoundError:
            if Path(f"{PROC}/{pid}/task/{tid}").exists():  # a kernel without CONFIG_PROC_CHILDREN
                return list(_children_by_parent(pid))
        except ProcessLookupError:
            continue
    return found


def _children_by_parent(pid: int) -> Iterator[int]:
    for entry in os.listdir(PROC):  # noqa: PTH208
        if entry.isdigit():
            with suppress(FileNotFoundError, ProcessLookupError):
                if parse_stat(_slurp(f"{PROC}/{entry}/stat")).parent_pid == pid:
                    yield int(entry)


def thread_switches(pid: int) -> dict[int, Switches]:
    """Context switches per living thread. (The process's own status file speaks of its first thread only.)"""
    switches: dict[int, Switches] = {}
    for tid in thread_ids(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            switches[tid] = parse_switches(_slurp(f"{PROC}/{pid}/task/{tid}/status"))
    return switches


def _slurp(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, _READ_BYTES)
    finally:
        os.close(fd)


class ProcessReader:
    """One process through files kept open. Every method raises ProcessLookupError once it has ended."""

    def __init__(self, pid: int) -> None:
        """Raises ProcessLookupError for no such process, ProbeError when its files may not be read."""
        self.pid = pid
        folder = PROC / str(pid)
        try:
            self._stat = KeptFile(folder / "stat")
            self._statm = KeptFile(folder / "statm")
        except FileNotFoundError as gone:
            raise ProcessLookupError(pid) from gone
        except PermissionError as refused:
            raise ProbeError(
                f"{refused.filename} may not be read; run as the target's user or as root"
            ) from refused

    def stat(self) -> Stat:
        return parse_stat(self._stat.read())

    def rss_bytes(self) -> int:
        """From statm: since Linux 6.17 it adds up what each core counts; the figure in stat does not."""
        return parse_statm_rss_bytes(self._statm.read())

    def cpu_ns(self) -> int:
        return process_cpu_ns(self.pid)

    def pss_bytes(self) -> int:
        """Walks the page tables (milliseconds for a large heap). Raises ProbeError when not permitted.

        Opened anew each time: this file is bound to the memory it was opened on, which an exec replaces.
        """
        try:
            return parse_rollup_pss_bytes(_slurp(f"{PROC}/{self.pid}/smaps_rollup"))
        except FileNotFoundError as gone:
            raise ProcessLookupError(self.pid) from gone
        except PermissionError as refused:
            raise ProbeError(
                f"PSS of process {self.pid} may not be read; run as its user or as root"
            ) from refused

    def close(self) -> None:
        self._stat.close()
        self._statm.close()
