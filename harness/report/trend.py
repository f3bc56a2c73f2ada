"""results/history/ → series of nights with their changes. Reads, and measures nothing; the same files say the same.

Each file is one series for each of its figures: what its nights have in common is the file's key, so that unlike
machines, scenarios or ways of measuring never share a series.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import InfrastructureError, StoreError
from harness.ledger import Ledger
from harness.model import JsonObject
from harness.report.model import Column, Direction, Display, Unit
from harness.report.trend_model import Origin, Point, Renewal, Series, Shift, Trend
from harness.stats.drift import FEWEST_NIGHTS, changes


class _Figure(BaseModel):
    """One figure of a line. What later harnesses add is not read."""

    metric: str
    title: str
    window: str | None
    unit: Unit
    display: Display
    better: Direction | None
    centre: float
    low: float | None
    high: float | None
    trials: list[float]


class _Line(BaseModel):
    """A line of history, as far as trends need it."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["bench", "gate"]
    run: str
    unix_ns: int
    revision: str | None
    revision_clean: bool | None
    content_hash: str | None
    toolchains: dict[str, str]
    key: JsonObject
    figures: dict[str, _Figure] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class _Kept:
    """The nights of one key, oldest first."""

    key: JsonObject
    nights: Sequence[_Line]


def read_trend(folder: Path) -> Trend:
    """All series, searched for changes; empty where there is no history yet. Raises StoreError."""
    dropped: list[str] = []
    lines: list[_Line] = []
    for path in sorted(folder.glob("*.jsonl")):
        found = Ledger(path).read()
        dropped += found.dropped
        lines += [_line(path, entry) for entry in found.entries]
    kept = _by_key(lines)
    made = tuple(_searched(series) for one in kept for series in _series(one, kept))
    return Trend(_nights(made), made, tuple(dropped))


def chosen(trend: Trend, targets: Collection[str], scenarios: Collection[str]) -> Trend:
    """The series of those named; of all, where none is."""
    series = tuple(
        s
        for s in trend.series
        if (not targets or s.target in targets) and (not scenarios or s.scenario in scenarios)
    )
    return replace(trend, nights=_nights(series), series=series)


def _nights(series: Iterable[Series]) -> int:
    return len({p.origin.run for s in series for p in s.points})


def _line(path: Path, entry: JsonObject) -> _Line:
    try:
        return _Line.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise StoreError(f"{path}: a line that is not one of history: {place}: {first['msg']}") from error


def _by_key(lines: Iterable[_Line]) -> list[_Kept]:
    """In order of scenario, target and first night. Of a run that was measured further the fullest line counts."""
    runs: dict[str, dict[str, _Line]] = {}
    for line in lines:
        same = runs.setdefault(json.dumps(line.key, sort_keys=True), {})
        if line.run not in same or _fullness(line) > _fullness(same[line.run]):
            same[line.run] = line
    kept = [
        _Kept(json.loads(key), sorted(same.values(), key=lambda n: (n.unix_ns, n.run)))
        for key, same in runs.items()
    ]
    return sorted(kept, key=_place)


def _fullness(line: _Line) -> tuple[int, str]:
    """Whatever the order of the lines, the same one is chosen."""
    return sum(len(f.trials) for f in line.figures.values()), line.model_dump_json()


def _place(kept: _Kept) -> tuple[Any, ...]:
    key = kept.key
    names = tuple(str(key.get(name)) for name in ("scenario", "target", "kind", "driver"))
    return *names, kept.nights[0].unix_ns, json.dumps(key, sort_keys=True)


# --- one series --------------------------------------------------------------------------------------------------


def _series(kept: _Kept, others: Sequence[_Kept]) -> list[Series]:
    """A series for each figure that any night has, in the order of the newest night."""
    names = dict.fromkeys(name for night in reversed(kept.nights) for name in night.figures)
    renewals = _renewals(kept, others)
    return [_of_figure(name, kept, renewals) for name in names]


def _of_figure(name: str, kept: _Kept, renewals: tuple[Renewal, ...]) -> Series:
    nights = [n for n in kept.nights if name in n.figures]
    newest = nights[-1].figures[name]
    column = Column(
        key=name,
        metric=newest.metric,
        title=newest.title,
        unit=newest.unit,
        display=newest.display,
        better=newest.better,
        ranked=True,
        headline=True,
        window=newest.window,
    )
    points = [Point(_origin(n), f.centre, f.low, f.high) for n in nights for f in [n.figures[name]]]
    return Series(kept.key, column, tuple(points), renewals=renewals)


def _origin(line: _Line) -> Origin:
    return Origin(
        line.run, line.unix_ns, line.revision, line.revision_clean, line.content_hash, line.toolchains
    )


def _renewals(kept: _Kept, others: Sequence[_Kept]) -> tuple[Renewal, ...]:
    """What is different from the series of the same question that was the newest when this one began."""
    asked = ("kind", "scenario", "target", "driver")
    began_ns = kept.nights[0].unix_ns
    earlier = [
        (max(n.unix_ns for n in other.nights if n.unix_ns < began_ns), other.key)
        for other in others
        if all(other.key.get(n) == kept.key.get(n) for n in asked) and other.nights[0].unix_ns < began_ns
    ]
    if not earlier:
        return ()
    _, before = max(earlier, key=lambda e: (e[0], json.dumps(e[1], sort_keys=True)))
    names = dict.fromkeys([*before, *kept.key])
    return tuple(
        Renewal(n, _text(before.get(n)), _text(kept.key.get(n)))
        for n in names
        if before.get(n) != kept.key.get(n)
    )


def _text(value: Any) -> str:
    return "unknown" if value is None else str(value)


def _searched(series: Series) -> Series:
    """The same with its changes, or with why they cannot be told."""
    points = series.points
    if len(points) < FEWEST_NIGHTS:
        count = "1 night" if len(points) == 1 else f"{len(points)} nights"
        return replace(series, unknown=f"{count} of the {FEWEST_NIGHTS} that it takes")
    values = [p.centre for p in points]
    if min(values) <= 0:
        return replace(series, unknown="a figure that is not above 0 has no ratio")
    try:
        found = changes(values) or ()
    except InfrastructureError as error:
        return replace(series, unknown=str(error))
    shifts = [
        Shift(c.index, c.before, c.after, points[c.index - 1].origin, points[c.index].origin) for c in found
    ]
    return replace(series, shifts=tuple(shifts))
