"""Service levels: what a scenario promises of each target, what was measured, and whether it was kept."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from harness.report.model import Display, Figure, PromiseKept, Row
from harness.report.numbers import scaled

_UNITS: dict[str, Display] = {"rps": "/s", "ms": "ms", "us": "µs", "s": "s", "mib": "MiB", "ratio": ""}
_FIGURES = {
    "response_p50": "p50_ns",
    "response_p90": "p90_ns",
    "response_p99": "p99_ns",
    "response_p999": "p999_ns",
    "throughput": "throughput_rps",
    "errors": "error_ratio",
    "cpu_per_request": "cpu_ns_per_request",
    "spikes": "spikes",
    "ready": "ready_ns",
    "memory_idle": "idle_rss_bytes",
    "memory_loaded": "loaded_rss_bytes",
    "memory_peak": "peak_rss_bytes",
}


def kept_promises(scenario: Mapping[str, Any], rows: Sequence[Row]) -> tuple[PromiseKept, ...]:
    """Each promise for each row but the twins."""
    return tuple(_judge(promise, row) for promise in scenario["promises"] for row in rows if not row.twin)


def _judge(promise: Mapping[str, Any], row: Row) -> PromiseKept:
    name, window = str(promise["metric"]), promise.get("window")
    item = f"{name} of {window}" if window else name
    figure_name, display = _named(name)
    figure = None
    if figure_name is not None:
        figure = row.figures.get(f"{window}/{figure_name}" if window else figure_name)
    missing = _why_untold(row, figure, name)
    measured = None if figure is None or figure.centre is None else scaled(figure.centre, display)
    return PromiseKept(
        item=item,
        row=row.case,
        measured=measured,
        display=display,
        at_most=promise.get("at_most"),
        at_least=promise.get("at_least"),
        met=None if missing or measured is None else _met(measured, promise),
        missing=missing,
    )


def _named(name: str) -> tuple[str | None, Display]:
    """`response_p99_ms` → the figure's name and the unit in which the promise is given."""
    match = re.fullmatch(r"(\w+?)(?:_(rps|ms|us|s|mib|ratio))?", name)
    if match is None:
        return None, ""
    return _FIGURES.get(match[1]), _UNITS.get(match[2] or "ratio", "")


def _why_untold(row: Row, figure: Figure | None, name: str) -> str | None:
    if figure is None:
        return f"no figure is called {name}"
    if not row.valid:
        return "the row is not valid"
    return figure.missing


def _met(measured: float, promise: Mapping[str, Any]) -> bool:
    at_most, at_least = promise.get("at_most"), promise.get("at_least")
    return (at_most is None or measured <= at_most) and (at_least is None or measured >= at_least)
