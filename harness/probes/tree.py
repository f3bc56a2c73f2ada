"""A process and all its descendants, summed. Counters never fall: what has ended counts as it last stood.

A child that begins and ends between two `refresh` calls is not seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from harness.probes.procfs import ProcessReader, Switches, children, thread_switches


@dataclass(frozen=True, slots=True)
class TreeSample:
    """Sums over the tree at one instant. Counters are since each process began."""

    processes: int
    threads: int
    rss_bytes: int
    cpu_ns: int
    utime_ns: int
    stime_ns: int
    minor_faults: int
    major_faults: int


@dataclass(slots=True)
class _Member:
    reader: ProcessReader
    counters: tuple[int, ...] = (0, 0, 0, 0, 0)
    switches: dict[int, Switches] = field(default_factory=dict)


class ProcessTree:
    """Readers for the members found so far. `refresh` finds new ones; `read` is the cheap part."""

    def __init__(self, root_pid: int) -> None:
        """Raises ProcessLookupError for no such process, ProbeError when it may not be read."""
        self._members = {root_pid: _Member(ProcessReader(root_pid))}
        self._ended_counters: tuple[int, ...] = (0, 0, 0, 0, 0)
        self._ended_switches = Switches(0, 0)

    @property
    def pids(self) -> tuple[int, ...]:
        """The members alive when last read; empty once the whole tree has ended."""
        return tuple(self._members)

    def refresh(self) -> None:
        """Adds descendants that appeared since the last time."""
        unvisited = list(self._members)
        while unvisited:
            for pid in children(unvisited.pop()):
                if pid not in self._members:
                    with self._until_ended(pid):
                        self._members[pid] = _Member(ProcessReader(pid))
                        unvisited.append(pid)

    def read(self) -> TreeSample:
        threads = rss_bytes = 0
        for pid, member in self._living():
            with self._until_ended(pid):
                stat = member.reader.stat()
                member.counters = (
                    member.reader.cpu_ns(),
                    stat.utime_ns,
                    stat.stime_ns,
                    stat.minor_faults,
                    stat.major_faults,
                )
                if stat.ended:
                    self._retire(pid)
                    continue
                threads += stat.threads
                rss_bytes += member.reader.rss_bytes()
        counters = [
            sum(c)
            for c in zip(self._ended_counters, *(m.counters for m in self._members.values()), strict=True)
        ]
        return TreeSample(len(self._members), threads, rss_bytes, *counters)

    def switches(self) -> Switches:
        """Context switches of all threads; one file a thread is read."""
        for pid, member in self._living():
            now = thread_switches(pid)
            self._count_ended(s for tid, s in member.switches.items() if tid not in now)
            member.switches = now
        living = [s for m in self._members.values() for s in m.switches.values()]
        return _sum([self._ended_switches, *living])

    def pss_bytes(self) -> int:
        """Walks every page table of the tree. Raises ProbeError when not permitted."""
        total = 0
        for pid, member in self._living():
            with self._until_ended(pid):
                total += member.reader.pss_bytes()
        return total

    def _living(self) -> list[tuple[int, _Member]]:
        return list(self._members.items())

    @contextmanager
    def _until_ended(self, pid: int) -> Iterator[None]:
        try:
            yield
        except ProcessLookupError:
            self._retire(pid)

    def _retire(self, pid: int) -> None:
        member = self._members.pop(pid, None)
        if member is not None:
            member.reader.close()
            self._ended_counters = tuple(map(sum, zip(self._ended_counters, member.counters, strict=True)))
            self._count_ended(member.switches.values())

    def _count_ended(self, switches: Iterable[Switches]) -> None:
        self._ended_switches = _sum([self._ended_switches, *switches])


def _sum(switches: list[Switches]) -> Switches:
    return Switches(sum(s.voluntary for s in switches), sum(s.involuntary for s in switches))
