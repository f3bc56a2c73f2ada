"""What the page needs to rank targets by a reader's own limits: few figures per target, as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.model import JsonObject
from harness.report.model import Figure, Panel, Row, ScenarioSummary, Summary
from harness.report.palette import Look
from harness.report.wording import gist


def constraint_data(run: Mapping[str, Any], summary: Summary, looks: Mapping[str, Look]) -> JsonObject | None:
    """The figures of the first load scenario, and latencies from all whose service is set up like its.

    None when no load was measured. Rates are of open windows, in requests a second; `capacity` is the highest
    rate within the P99 limit that was searched, else the peak under closed load.
    """
    loads = [s for s in summary.scenarios if s.kind == "load"]
    if not loads:
        return None
    main = loads[0]
    alike = [s for s in loads if _set_up(run, s.name) == _set_up(run, main.name)]
    rows = [_target(row, main, alike, looks) for row in main.rows if not row.twin]
    return {
        "scenario": main.name,
        "measured_cores": summary.target_cores,
        "caution": summary.sharing_note,
        "targets": rows,
    }


def _set_up(run: Mapping[str, Any], name: str) -> tuple[Any, Any]:
    scenario = run["scenarios"][name]
    return scenario["service"], scenario["request"]


def _target(
    row: Row, main: ScenarioSummary, alike: list[ScenarioSummary], looks: Mapping[str, Look]
) -> JsonObject:
    return {
        "id": row.target,
        "label": row.label,
        "slot": looks[row.target].slot,
        "valid": row.valid,
        "reason": gist(row.reasons[0]) if row.reasons else None,
        "cpu_ns": _cpu(row, main),
        "capacity": _capacity(row, main),
        "loaded_bytes": _plain(row.figures["loaded_rss_bytes"]),
        "peak_bytes": _plain(row.figures["peak_rss_bytes"]),
        "latencies": sorted(
            (found for s in alike for found in _latencies(s, row.target)),
            key=lambda found: float(found["rps"]),
        ),
    }


def _cpu(row: Row, main: ScenarioSummary) -> JsonObject | None:
    """CPU a request: at the highest open rate, else under closed load."""
    for kind in ("open", "closed"):
        for panel in reversed([p for p in main.panels if p.kind == kind]):
            figure = row.figures[f"{panel.name}/cpu_ns_per_request"]
            if figure.centre is not None:
                return {**_plain(figure), "window": panel.name}
    return None


def _capacity(row: Row, main: ScenarioSummary) -> JsonObject | None:
    for kind, metric in (("capacity", "capacity_rps"), ("closed", "throughput_rps")):
        for panel in main.panels:
            figure = row.figures.get(f"{panel.name}/{metric}") if panel.kind == kind else None
            if figure is not None and figure.centre is not None:
                return {**_plain(figure), "kind": kind, "at_least": figure.at_least, "window": panel.name}
    return None


def _latencies(scenario: ScenarioSummary, target: str) -> Iterator[JsonObject]:
    row = next((r for r in scenario.rows if r.target == target and not r.twin and r.valid), None)
    for panel in scenario.panels:
        figure = row.figures.get(f"{panel.name}/p99_ns") if row else None
        rate_rps = _rate_rps(row, panel) if row else None
        if rate_rps is not None and figure and figure.centre is not None:
            yield {"rps": rate_rps, "window": panel.name, "scenario": scenario.name, **_plain(figure)}


def _rate_rps(row: Row, panel: Panel) -> float | None:
    """The rate at which an open window's latencies were measured; a share of capacity differs by target."""
    if panel.kind == "capacity":
        return row.figures[f"{panel.name}/capacity_rps"].centre
    if panel.kind != "open":
        return None
    return panel.rate_rps or row.figures[f"{panel.name}/throughput_rps"].centre


def _plain(figure: Figure) -> JsonObject:
    return {"centre": figure.centre, "low": figure.low, "high": figure.high}
