"""Service levels: what a scenario promises of each target, what was measured, and whether it was kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.promised import of_scenario, of_window
from harness.report.model import Display, Figure, PromiseKept, Row
from harness.report.numbers import scaled

_OF_WINDOWS = {**of_window("capacity"), **of_window("open")}


def kept_promises(scenario: Mapping[str, Any], rows: Sequence[Row]) -> tuple[PromiseKept, ...]:
    """Each promise for each row but the twins."""
    return tuple(
        _judge(promise, row, scenario["kind"])
        for promise in scenario["promises"]
        for row in rows
        if not row.twin
    )


def _judge(promise: Mapping[str, Any], row: Row, kind: str) -> PromiseKept:
    name, window = str(promise["metric"]), promise.get("window")
    known = _OF_WINDOWS if window else of_scenario(kind)
    promised = known.get(name)
    title: str
    display: Display
    title, display = (promised.title, promised.unit) if promised else (name, "")
    figure = None
    if promised is not None:
        figure = row.figures.get(f"{window}/{promised.figure}" if window else promised.figure)
    measured = None if figure is None or figure.centre is None else scaled(figure.centre, display)
    missing = _why_untold(row, figure, name)
    met = None if missing or measured is None else _met(measured, promise)
    if figure is not None and figure.at_least and not missing and met != _met(float("inf"), promise):
        met, missing = None, "no more is known than that it is at least this"
    return PromiseKept(
        item=f"{title} of {window}" if window else title,
        row=row.case,
        measured=measured,
        display=display,
        at_most=promise.get("at_most"),
        at_least=promise.get("at_least"),
        met=met,
        missing=missing,
    )


def _why_untold(row: Row, figure: Figure | None, name: str) -> str | None:
    if figure is None:
        return f"no figure is called {name}"
    if not row.valid:
        return "the row is not valid"
    return figure.missing


def _met(measured: float, promise: Mapping[str, Any]) -> bool:
    at_most, at_least = promise.get("at_most"), promise.get("at_least")
    return (at_most is None or measured <= at_most) and (at_least is None or measured >= at_least)
