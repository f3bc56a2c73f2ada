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

    None when no load was measured. Rates are in requests a second on `measured_cores`, of open windows but for
    `closed`; times are in ns, sizes in bytes, each figure with its interval.

    `capacities`: the highest rate with P99 within each limit that was searched (`p99_limit_ms`, in ms), by rising
    limit, without those within which no rate was found to hold. `closed`: the highest peak under closed load, at
    no limit on P99; None when there was none. `at_least`: more could not be told. `latencies`: P99 by rising rate.
    """
    loads = [s for s in summary.scenarios if s.kind == "load"]
    if not loads:
        return None
    main = loads[0]
    alike = [s for s in loads if _set_up(run, s.name) == _set_up(run, main.name)]
    limits_ms = _limits_ms(run, main.name)
    rows = [_target(row, main, alike, limits_ms, looks) for row in main.rows if not row.twin]
    return {
        "scenario": main.name,
        "measured_cores": summary.target_cores,
        "caution": summary.sharing_note,
        "targets": rows,
    }


def _set_up(run: Mapping[str, Any], name: str) -> tuple[Any, Any]:
    scenario = run["scenarios"][name]
    return scenario["service"], scenario["request"]


def _limits_ms(run: Mapping[str, Any], name: str) -> dict[str, float]:
    """window → the P99 limit within which it searches a capacity."""
    windows = run["scenarios"][name]["windows"]
    return {w["name"]: round(w["p99_limit"] * 1_000, 6) for w in windows if w["mode"] == "capacity"}


def _target(
    row: Row,
    main: ScenarioSummary,
    alike: list[ScenarioSummary],
    limits_ms: Mapping[str, float],
    looks: Mapping[str, Look],
) -> JsonObject:
    return {
        "id": row.target,
        "label": row.label,
        "slot": looks[row.target].slot,
        "valid": row.valid,
        "reason": gist(row.reasons[0]) if row.reasons else None,
        "cpu_ns": _cpu(row, main),
        "capacities": _capacities(row, main, limits_ms),
        "closed": _closed(row, main),
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


def _capacities(row: Row, main: ScenarioSummary, limits_ms: Mapping[str, float]) -> list[JsonObject]:
    panels = sorted((p for p in main.panels if p.kind == "capacity"), key=lambda p: limits_ms[p.name])
    found = (_carried(row, p, "capacity_rps", limits_ms[p.name]) for p in panels)
    return [one for one in found if one is not None]


def _closed(row: Row, main: ScenarioSummary) -> JsonObject | None:
    found = (_carried(row, p, "throughput_rps", None) for p in main.panels if p.kind == "closed")
    return max((one for one in found if one is not None), key=lambda one: float(one["centre"]), default=None)


def _carried(row: Row, panel: Panel, metric: str, limit_ms: float | None) -> JsonObject | None:
    figure = row.figures[f"{panel.name}/{metric}"]
    if figure.centre is None:
        return None
    return {
        **_plain(figure),
        "at_least": figure.at_least,
        "window": panel.name,
        "p99_limit_ms": limit_ms,
    }


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
