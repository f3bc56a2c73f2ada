"""What history says: series of nights, and since when a figure is another one. Frozen data; `trend` makes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from harness.model import JsonObject
from harness.report.model import Column


@dataclass(frozen=True, slots=True)
class Origin:
    """A night: when, and from what the target was built. `clean` False: there were changes that are in no revision."""

    run: str
    unix_ns: int
    revision: str | None
    clean: bool | None
    content_hash: str | None
    toolchains: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Point:
    """A figure of one night, in its column's unit; `low` and `high`: its 95 % interval, where it has one."""

    origin: Origin
    centre: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Shift:
    """From night `index` on (counted from 0) the figure is another: `before` and `after` are medians of the segments.

    `last`: the last night as it was before; `first`: the first as it is since.
    """

    index: int
    before: float
    after: float
    last: Origin
    first: Origin

    @property
    def ratio(self) -> float:
        return self.after / self.before


@dataclass(frozen=True, slots=True)
class Renewal:
    """Why a series does not go on with an earlier one: what of the key is another."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Series:
    """One figure of one target, night by night, on one kind of machine. `key`: what its nights have in common.

    `unknown`: why nothing can be said of changes. `renewals`: in what it differs from the series that it follows,
    empty for the first one.
    """

    key: JsonObject
    column: Column
    points: tuple[Point, ...]
    shifts: tuple[Shift, ...] = ()
    unknown: str | None = None
    renewals: tuple[Renewal, ...] = ()

    @property
    def target(self) -> str:
        return str(self.key["target"])

    @property
    def scenario(self) -> str:
        return str(self.key["scenario"])

    @property
    def levels(self) -> tuple[tuple[int, int, float], ...]:
        """(first night, the one after the last, median) of each segment; empty where changes cannot be told."""
        if self.unknown:
            return ()
        starts = [0, *(s.index for s in self.shifts)]
        ends = [*starts[1:], len(self.points)]
        middles = [s.before for s in self.shifts] + [s.after for s in self.shifts[-1:]]
        return tuple(zip(starts, ends, middles or [median(p.centre for p in self.points)], strict=True))


@dataclass(frozen=True, slots=True)
class Trend:
    """All series of a history. `nights`: how many there are; `dropped`: a sentence for each line that was torn."""

    nights: int
    series: tuple[Series, ...]
    dropped: tuple[str, ...]
