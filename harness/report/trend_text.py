"""Trends on a terminal, in Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.model import JsonObject
from harness.report import wording
from harness.report.markdown import bullets, escaped, table
from harness.report.model import Column
from harness.report.numbers import value_text
from harness.report.trend_model import Origin, Series, Shift, Trend
from harness.units import NS_PER_S, change_percent

SCHEMA = 1
HEADS = ("target", "scenario", "figure", "since", "change", "before → after", "revisions")
EMPTY = "There is no history yet: each complete `harness bench` and `harness gate` that is not --quick adds a night."
_LEFT = {0, 1, 2, 3, 6}
_HASH_LETTERS = 7
_NAMES = {
    "scenario_sha256": "the scenario's file",
    "measurement": "how the harness measures",
    "cpu_model": "processor",
    "sharing": "placement",
    "target_cores": "target cores",
    "awake": "cores kept awake",
}


def print_trend(console: Console, trend: Trend) -> None:
    """Changes as a table, what else there is to say below."""
    console.print(heading(trend), style="bold", markup=False, highlight=False)
    rows = list(_rows(trend))
    if rows:
        made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        for place, head in enumerate(HEADS):
            made.add_column(head, justify="left" if place in _LEFT else "right")
        for worse, cells in rows:
            made.add_row(*map(Text, cells), style="red" if worse else "green" if worse is False else "")
        console.print(made)
    for text in remarks(trend):
        console.print(f"  {text}", style="dim", markup=False, highlight=False)


def trend_markdown(trend: Trend) -> str:
    """Ends in a newline."""
    parts = ["## Trend", "", f"{escaped(heading(trend))}"]
    rows = [[escaped(c) for c in cells] for _, cells in _rows(trend)]
    if rows:
        parts += ["", *table(HEADS, rows, left=_LEFT)]
    return "\n".join([*parts, *bullets(remarks(trend))]) + "\n"


def trend_json(trend: Trend) -> JsonObject:
    """docs/file-formats.md tells every member."""
    return {
        "schema": SCHEMA,
        "nights": trend.nights,
        "series": [_series_json(s) for s in trend.series],
        "dropped": list(trend.dropped),
    }


# --- words ---------------------------------------------------------------------------------------------------


def heading(trend: Trend) -> str:
    """`23 nights, 2026-10-02 to 2026-11-25: 2 changes in 12 series`."""
    if not trend.series:
        return EMPTY
    days = [p.origin.unix_ns for s in trend.series for p in s.points]
    first, last = day_text(min(days)), day_text(max(days))
    span = first if first == last else f"{first} to {last}"
    changes = sum(len(s.shifts) for s in trend.series)
    told = sum(s.unknown is None for s in trend.series)
    found = _count(changes, "change") if told else "no change can be told yet"
    return (
        f"{_count(trend.nights, 'night')}, {span}: {found} in {_count(len(trend.series), 'series', 'series')}"
    )


def remarks(trend: Trend) -> list[str]:
    """What the table of changes does not say: what stayed the same, what cannot be told, what began anew."""
    found: list[str] = []
    for _, group in groupby(trend.series, key=lambda s: s.key):
        series = list(group)
        name = setting_text(series[0])
        if series[0].renewals:
            since = when_text(series[0].points[0].origin)
            found.append(f"{name}: a new series since {since}: {renewal_text(series[0])}")
        same = [wording.column_text(s.column) for s in series if s.unknown is None and not s.shifts]
        if same:
            found.append(f"{name}: no change in {_count(_most(series), 'night')}: {', '.join(same)}")
        for why, group_of in groupby(sorted((s for s in series if s.unknown), key=_why), key=_why):
            names = ", ".join(wording.column_text(s.column) for s in group_of)
            found.append(f"{name}: cannot tell yet, {why}: {names}")
    return [*found, *trend.dropped]


def setting_text(series: Series) -> str:
    """`go in routing-4kb (process, native)`; of nights of the guard also that."""
    key = series.key
    guard = "gate, " if key.get("kind") == "gate" else ""
    return f"{series.target} in {series.scenario} ({guard}{key.get('driver')}, {key.get('engine')})"


def renewal_text(series: Series) -> str:
    """In what a series differs from the one before."""
    return "; ".join(
        _NAMES.get(r.name, r.name.replace("_", " "))
        + ("" if r.name.endswith("sha256") else f" {r.before} → {r.after}")
        for r in series.renewals
    )


def change_text(column: Column, shift: Shift) -> str:
    """`+6.1 %, more`."""
    return f"{change_percent(shift.ratio)}, {wording.change_word(column, shift.ratio)}"


def is_worse(column: Column, shift: Shift) -> bool | None:
    """None: neither way is better."""
    return None if column.better is None else (shift.ratio > 1) == (column.better == "lower")


def revisions_text(shift: Shift) -> str:
    """`1a2b3c4 → 5d6e7f8`, and what a reader should know of the sources and the tools."""
    last, first = shift.last, shift.first
    parts = [f"{revision_text(last)} → {revision_text(first)}"]
    if last.content_hash is not None and last.content_hash == first.content_hash:
        parts.append("the target's sources are the same")
    tools = dict.fromkeys([*last.toolchains, *first.toolchains])
    parts += [
        f"{tool} {last.toolchains.get(tool, 'none')} → {first.toolchains.get(tool, 'none')}"
        for tool in tools
        if last.toolchains.get(tool) != first.toolchains.get(tool)
    ]
    return "; ".join(parts)


def revision_text(origin: Origin) -> str:
    """`1a2b3c4`; with a + where there were changes that are in no revision."""
    if origin.revision is None:
        return "unknown"
    return origin.revision[:_HASH_LETTERS] + ("+" if origin.clean is False else "")


def when_text(origin: Origin) -> str:
    return wording.when_text(origin.unix_ns)


def day_text(unix_ns: int) -> str:
    return f"{datetime.fromtimestamp(unix_ns / NS_PER_S, UTC):%Y-%m-%d}"


def amount_text(value: float, column: Column) -> str:
    """With its unit."""
    return f"{value_text(value, column.display)} {column.display}".replace(" /s", "/s").rstrip()


def shift_cells(series: Series, shift: Shift) -> tuple[str, ...]:
    """The cells under `HEADS`."""
    column = series.column
    return (
        series.target,
        series.scenario,
        wording.column_text(column),
        when_text(shift.first),
        change_text(column, shift),
        f"{amount_text(shift.before, column)} → {amount_text(shift.after, column)}",
        revisions_text(shift),
    )


def newest_first(trend: Trend) -> list[tuple[Series, Shift]]:
    """Every change; those of one night in the order of their series."""
    found = [(series, shift) for series in trend.series for shift in series.shifts]
    return sorted(found, key=lambda pair: -pair[1].first.unix_ns)


def _rows(trend: Trend) -> Iterator[tuple[bool | None, tuple[str, ...]]]:
    for series, shift in newest_first(trend):
        yield is_worse(series.column, shift), shift_cells(series, shift)


def _why(series: Series) -> str:
    return series.unknown or ""


def _most(series: Sequence[Series]) -> int:
    return max(len(s.points) for s in series)


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


# --- JSON ----------------------------------------------------------------------------------------------------


def _series_json(series: Series) -> dict[str, Any]:
    column = series.column
    state = "cannot tell" if series.unknown else "changed" if series.shifts else "no change"
    return {
        "key": series.key,
        "figure": column.key,
        "title": column.title,
        "window": column.window,
        "unit": column.unit,
        "better": column.better,
        "nights": len(series.points),
        "first": asdict(series.points[0].origin),
        "last": asdict(series.points[-1].origin),
        "state": state,
        "because": series.unknown,
        "renewals": [asdict(r) for r in series.renewals],
        "changes": [
            {
                "ratio": shift.ratio,
                "before": shift.before,
                "after": shift.after,
                "word": wording.change_word(column, shift.ratio),
                "last": asdict(shift.last),
                "first": asdict(shift.first),
            }
            for shift in series.shifts
        ],
    }
