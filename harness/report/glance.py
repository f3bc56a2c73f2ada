"""The few figures that decide, as bars: what a reader takes in before reading anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.report.model import Column, Figure, Panel, Row, ScenarioSummary
from harness.report.numbers import figure_text
from harness.report.page import reference_panel
from harness.report.palette import Look

_CARDS = 5
_TITLES = {
    "capacity_rps": "Requests a second {within}",
    "throughput_rps": "Requests a second, closed load",
    "p99_ns": "P99 {at}",
    "cpu_ns_per_request": "CPU per request {at}",
    "loaded_rss_bytes": "Memory under load",
    "ready_ns": "Time to ready",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """`percent` of the longest; `text` with its unit; `kind`: best, invalid."""

    name: str
    slot: int
    percent: float
    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Card:
    title: str
    note: str
    bars: tuple[Bar, ...]


def glance(scenario: ScenarioSummary, looks: Mapping[str, Look]) -> tuple[Card, ...]:
    """A card for each figure that decides; none of a figure that no row has."""
    found = (_card(scenario, title, column, looks) for title, column in deciding(scenario))
    return tuple(card for card in found if card is not None)[:_CARDS]


def deciding(scenario: ScenarioSummary) -> Iterator[tuple[str, Column]]:
    """(title, column) of a load's capacity (the peak where none was searched) and what it costs; else of what stands
    for the rest.
    """
    if scenario.kind != "load":
        for column in scenario.columns.values():
            if column.headline and column.ranked:
                yield column.title, column
        return
    panels = scenario.panels
    most = next((p for kind in ("capacity", "closed") for p in panels if p.kind == kind), None)
    if most is not None:
        metric = "capacity_rps" if most.kind == "capacity" else "throughput_rps"
        yield _title(metric, most), scenario.columns[f"{most.name}/{metric}"]
    if (reference := reference_panel(panels)) is not None:
        for metric in ("p99_ns", "cpu_ns_per_request"):
            yield _title(metric, reference), scenario.columns[f"{reference.name}/{metric}"]
    for metric in ("loaded_rss_bytes", "ready_ns"):
        yield _TITLES[metric], scenario.columns[metric]


def _title(metric: str, panel: Panel) -> str:
    at = f"at {panel.mean_rate_rps:,.0f}/s" if panel.mean_rate_rps else f"in {panel.name}"
    within = panel.title.partition(" with ")[2] or "within the limit"
    return _TITLES[metric].format(at=at, within=f"with {within}" if within.startswith("P99") else within)


def _card(scenario: ScenarioSummary, title: str, column: Column, looks: Mapping[str, Look]) -> Card | None:
    rows = [(row, row.figures[column.key]) for row in scenario.rows if not row.twin]
    longest = max((f.centre or 0.0 for _, f in rows), default=0.0)
    if not longest:
        return None
    sign = -1.0 if column.better == "higher" else 1.0

    def place(found: tuple[Row, Figure]) -> tuple[bool, bool, float]:
        row, figure = found
        return not row.valid, figure.centre is None, sign * (figure.centre or 0.0)

    bars = tuple(
        Bar(
            name=row.target,
            slot=looks[row.target].slot,
            percent=round(100 * (figure.centre or 0.0) / longest, 1),
            text=_text(row, figure, column),
            kind=" ".join(w for w, on in (("best", figure.best), ("invalid", not row.valid)) if on),
        )
        for row, figure in sorted(rows, key=place)
    )
    unit = f"{column.display}, " if column.display not in ("", "/s") else ""
    return Card(title, f"{unit}{column.better} is better", bars)


def _text(row: Row, figure: Figure, column: Column) -> str:
    return figure_text(figure, column.display) + ("" if row.valid else " (invalid)")
