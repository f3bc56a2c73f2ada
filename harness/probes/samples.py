"""The sampler's table: one row a sample, written and read here, so that the two cannot drift apart.

A cell is empty when that row did not read it (most are read once a second, PSS only when told to) or when
it cannot be had; why, an event `note …` says. Counters are since the process, group or machine began.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any, TextIO

from harness.errors import StoreError
from harness.probes.procfs import CoreTime

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One sample. The first block is in every row, the second once a second and at every event."""

    monotonic_ns: int
    unix_ns: int
    event: str = ""  # "mark NAME", "pss on", "pss off", "note TEXT", "gone" (the tree has ended), "end"
    late_ns: int | None = None  # how long after its planned instant the sample was taken
    processes: int | None = None
    threads: int | None = None
    rss_bytes: int | None = None
    cpu_ns: int | None = None  # exact; user and system time move in steps of 10 ms
    utime_ns: int | None = None
    stime_ns: int | None = None
    minor_faults: int | None = None
    major_faults: int | None = None
    cgroup_memory_bytes: int | None = None
    cgroup_anon_bytes: int | None = None

    voluntary_switches: int | None = None
    involuntary_switches: int | None = None
    pss_bytes: int | None = None
    throttled_periods: int | None = None
    throttled_ns: int | None = None
    listen_overflows: int | None = None
    listen_drops: int | None = None
    backlog_drops: int | None = None
    tcp_timeouts: int | None = None
    syn_retransmits: int | None = None
    loss_probes: int | None = None
    nic_received_bytes: int | None = None
    nic_sent_bytes: int | None = None
    host_busy_ns: int | None = None
    host_steal_ns: int | None = None
    sampler_cpu_ns: int | None = None
    cores: Mapping[int, CoreTime] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether both blocks were read."""
        return self.sampler_cpu_ns is not None


_COLUMNS = tuple(f.name for f in fields(Row) if f.name != "cores")
_values = attrgetter(*_COLUMNS)


class RowWriter:
    """Writes rows as CSV, each flushed at once. The cores' columns are fixed by the header."""

    def __init__(self, out: TextIO, cores: Sequence[int]) -> None:
        self._out = out
        self._cores = tuple(cores)
        self._csv = csv.writer(out, lineterminator="\n")
        per_core = [f"cpu{core}_{figure}_ns" for core in self._cores for figure in ("busy", "steal")]
        self._csv.writerow(["schema", *_COLUMNS, *per_core])
        out.flush()

    def write(self, row: Row) -> None:
        """Raises BrokenPipeError when nobody reads any more."""
        cells = [SCHEMA, *_values(row)]
        for core in self._cores:
            time = row.cores.get(core)
            cells += (time.busy_ns, time.steal_ns) if time else (None, None)
        self._csv.writerow(cells)
        self._out.flush()


def read_rows(lines: Iterable[str]) -> list[Row]:
    """The rows of a sampler's output. A last line cut off by a kill is left out.

    Raises StoreError for another schema or anything else that is not this table.
    """
    return list(_read(csv.reader(_whole(lines))))


_TAIL_BYTES = 4096
"""More than a few rows take; notes are short."""


def last_rss_bytes(path: Path) -> int | None:
    """RSS in the last whole row that has it, without reading the rest. Raises OSError, StoreError."""
    with path.open("rb") as file:
        heads = file.readline().decode().strip().split(",")
        begins = file.tell()
        file.seek(max(begins, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
        rows = file.read().decode(errors="replace").split("\n")[:-1]
    if "rss_bytes" not in heads:
        raise StoreError(f"{path} is no table of samples")
    place = heads.index("rss_bytes")
    cells = (next(csv.reader([row])) for row in reversed(rows))
    found = (c[place] for c in cells if len(c) == len(heads) and c[place].isdecimal())
    return next((int(cell) for cell in found), None)


def _whole(lines: Iterable[str]) -> Iterator[str]:
    return (line for line in lines if line.endswith("\n"))


def _read(table: Iterator[list[str]]) -> Iterator[Row]:
    header = next(table, None)
    if header is None:
        return
    expected = ("schema", *_COLUMNS)
    if tuple(header[: len(expected)]) != expected:
        raise StoreError(f"samples: these are not the columns of schema {SCHEMA}: {', '.join(header)}")
    cores = [int(name[3 : -len("_busy_ns")]) for name in header[len(expected) :: 2]]
    for number, cells in enumerate(table, start=2):
        if len(cells) != len(header) or cells[0] != str(SCHEMA):
            raise StoreError(f"samples: line {number} is not of schema {SCHEMA}")
        try:
            yield _row(cells[1 : len(expected)], cores, cells[len(expected) :])
        except ValueError as bad:
            raise StoreError(f"samples: line {number}: {bad}") from bad


def _row(cells: list[str], cores: list[int], per_core: list[str]) -> Row:
    named: dict[str, Any] = {
        name: cell if name == "event" else int(cell) if cell else None
        for name, cell in zip(_COLUMNS, cells, strict=True)
    }
    times = {
        core: CoreTime(int(busy), int(steal))
        for core, busy, steal in zip(cores, per_core[::2], per_core[1::2], strict=True)
        if busy
    }
    return Row(**named, cores=MappingProxyType(times))
