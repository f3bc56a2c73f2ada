"""Everything that can be read of one process tree, as cells of the sampler's table."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from harness.errors import ProbeError
from harness.probes.cgroup import Folder, Folders, MemoryReader, ThrottlingReader, folders_at, folders_of
from harness.probes.netstat import NicReader, TcpCounters, TcpReader
from harness.probes.procfs import PROC, KeptFile, parse_cores
from harness.probes.tree import ProcessTree, TreeSample

Cells = dict[str, Any]
Source = Callable[[], Cells]
_TREE_COLUMNS = tuple(field.name for field in fields(TreeSample))
_TCP_COLUMNS = tuple(field.name for field in fields(TcpCounters))


@dataclass(frozen=True, slots=True)
class Watched:
    """What to observe. None finds what the root runs on: its cores, its own control groups."""

    pid: int
    cores: tuple[int, ...] | None
    cgroups: tuple[Path, ...] | None
    nic: str | None


class Observer:
    """The readers of one tree. What cannot be read is left out, and `notes` says why.

    `fast` holds what every row has, `slow` what costs more: new children, switches, the kernel's counters.
    """

    def __init__(self, watched: Watched) -> None:
        """Raises ProcessLookupError for no such process, ProbeError when it may not be read."""
        self.notes: list[str] = []
        self.tree = ProcessTree(watched.pid)
        self.cores = watched.cores or tuple(sorted(os.sched_getaffinity(watched.pid)))
        folders = self._folders(watched)
        self._fast: list[Source] = [self._tree]
        self._slow: list[Source] = [self._switches, self._host()]
        self._pss: list[Source] = [lambda: {"pss_bytes": self.tree.pss_bytes()}]
        for what, sources, make in (
            ("cgroup memory", self._fast, lambda: _memory(folders.memory)),
            ("throttling", self._slow, lambda: _throttling(folders.cpu)),
            ("TCP counters", self._slow, lambda: _tcp(watched.pid)),
            ("interface", self._slow, lambda: _nic(watched.nic)),
        ):
            self._add(what, sources, make)

    def fast(self) -> Cells:
        """The cells of every row."""
        return self._read(self._fast)

    def slow(self) -> Cells:
        """The cells of one row a second."""
        return self._read(self._slow)

    def pss(self) -> Cells:
        """PSS of the tree; nothing once that was refused."""
        return self._read(self._pss)

    def _read(self, sources: list[Source]) -> Cells:
        cells: Cells = {}
        for source in list(sources):
            try:
                cells |= source()
            except OSError:  # what it reads went with the target
                sources.remove(source)
            except ProbeError as refused:
                sources.remove(source)
                self.notes.append(str(refused))
        return cells

    def _add(self, what: str, sources: list[Source], make: Callable[[], Source | None]) -> None:
        try:
            source = make()
        except (OSError, ProbeError) as missing:
            self.notes.append(f"{what}: {missing}")
        else:
            sources += [source] if source else []

    def _folders(self, watched: Watched) -> Folders:
        if watched.cgroups is not None:
            return folders_at(list(watched.cgroups))
        folders = folders_of(watched.pid).private_to(folders_of(os.getpid()))
        if folders == Folders():
            self.notes.append("cgroup figures: the target has no control group of its own")
        return folders

    def _tree(self) -> Cells:
        tree = self.tree.read()
        return {name: getattr(tree, name) for name in _TREE_COLUMNS}

    def _switches(self) -> Cells:
        self.tree.refresh()
        switches = self.tree.switches()
        return {"voluntary_switches": switches.voluntary, "involuntary_switches": switches.involuntary}

    def _host(self) -> Source:
        stat = KeptFile(PROC / "stat")

        def read() -> Cells:
            cores = parse_cores(stat.read())
            return {
                "host_busy_ns": cores[None].busy_ns,
                "host_steal_ns": cores[None].steal_ns,
                "cores": {core: cores[core] for core in self.cores if core in cores},
                "sampler_cpu_ns": time.process_time_ns(),
            }

        return read


def _memory(folder: Folder | None) -> Source | None:
    if folder is None:
        return None
    reader = MemoryReader(folder)

    def read() -> Cells:
        memory = reader.read()
        return {"cgroup_memory_bytes": memory.current_bytes, "cgroup_anon_bytes": memory.anon_bytes}

    return read


def _throttling(folder: Folder | None) -> Source | None:
    if folder is None:
        return None
    reader = ThrottlingReader(folder)

    def read() -> Cells:
        found = reader.read()
        return {"throttled_periods": found.throttled_periods, "throttled_ns": found.throttled_ns}

    return read


def _tcp(pid: int) -> Source:
    reader = TcpReader(pid)

    def read() -> Cells:
        counters = reader.read()
        return {name: getattr(counters, name) for name in _TCP_COLUMNS}

    return read


def _nic(interface: str | None) -> Source | None:
    if interface is None:
        return None
    reader = NicReader(interface)

    def read() -> Cells:
        nic = reader.read()
        return {"nic_received_bytes": nic.received_bytes, "nic_sent_bytes": nic.sent_bytes}

    return read
