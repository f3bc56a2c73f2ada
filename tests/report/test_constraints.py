"""The data that the page judges by: each capacity with the limit that it was searched at, and the peak."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace

import pytest

from harness.model import JsonObject
from harness.report.constraints import constraint_data
from harness.report.model import Figure, PanelKind, Row, ScenarioSummary, Summary
from harness.report.palette import looks
from harness.store import RunFolder

NAME = "routing-4kb"


@pytest.fixture
def run(small_run: RunFolder) -> JsonObject:
    """run.json, free to be changed."""
    return copy.deepcopy(small_run.read_run())


def target(run: JsonObject, summary: Summary, name: str = "go") -> JsonObject:
    data = constraint_data(run, summary, looks(c["target"] for c in run["cases"]))
    assert data is not None
    found: JsonObject = next(t for t in data["targets"] if t["id"] == name)
    return found


def main(summary: Summary) -> ScenarioSummary:
    found = summary.scenarios[0]
    assert found.name == NAME
    return found


def with_panels(
    summary: Summary, kind: PanelKind, metric: str, figures: Mapping[str, float | None]
) -> Summary:
    """The summary with these windows of a kind in place of its own: window → its figure of the metric."""
    scenario = main(summary)
    own = next(p for p in scenario.panels if p.kind == kind)
    others = tuple(p for p in scenario.panels if p.kind != kind)
    panels = tuple(replace(own, name=name) for name in figures)
    rows = tuple(replace(r, figures=_figures(r, own.name, metric, figures)) for r in scenario.rows)
    changed = replace(scenario, panels=(*others, *panels), rows=rows)
    return replace(summary, scenarios=(changed, *summary.scenarios[1:]))


def _figures(row: Row, own: str, metric: str, figures: Mapping[str, float | None]) -> dict[str, Figure]:
    """The row's figures, those of its `own` window under each name."""
    found = dict(row.figures)
    for name, centre in figures.items():
        like = {k: f for k, f in row.figures.items() if k.startswith(f"{own}/")}
        found |= {f"{name}/{key.removeprefix(f'{own}/')}": figure for key, figure in like.items()}
        found[f"{name}/{metric}"] = Figure(centre=centre)
    return found


def test_a_capacity_names_the_limit_it_was_searched_at(run: JsonObject, small: Summary) -> None:
    row = next(r for r in main(small).rows if r.target == "go" and not r.twin)
    figure, peak = row.figures["capacity/capacity_rps"], row.figures["peak/throughput_rps"]
    found = target(run, small)
    assert found["capacities"] == [
        {
            "centre": figure.centre,
            "low": figure.low,
            "high": figure.high,
            "at_least": figure.at_least,
            "window": "capacity",
            "p99_limit_ms": 10,
        }
    ]
    assert found["closed"] == {
        "centre": peak.centre,
        "low": peak.low,
        "high": peak.high,
        "at_least": peak.at_least,
        "window": "peak",
        "p99_limit_ms": None,
    }


def test_capacities_stand_by_rising_limit_without_those_not_found(run: JsonObject, small: Summary) -> None:
    windows = run["scenarios"][NAME]["windows"]
    searched = next(w for w in windows if w["mode"] == "capacity")
    limits_s = {"capacity-1ms": 0.001, "capacity-50ms": 0.05, "capacity-5ms": 0.005}
    windows += [{**searched, "name": name, "p99_limit": limit_s} for name, limit_s in limits_s.items()]
    rates: dict[str, float | None] = {
        "capacity": 9_000,
        "capacity-1ms": None,
        "capacity-50ms": 11_000,
        "capacity-5ms": 6_000,
    }
    found = target(run, with_panels(small, "capacity", "capacity_rps", rates))
    assert [(c["p99_limit_ms"], c["centre"]) for c in found["capacities"]] == [
        (5, 6_000),
        (10, 9_000),
        (50, 11_000),
    ]


@pytest.mark.parametrize(
    ("peaks", "window"),
    [
        ({"peak": 9_000, "more": 12_000}, "more"),
        ({"peak": 9_000, "more": None}, "peak"),
        ({"peak": None}, None),
        ({}, None),
    ],
)
def test_the_highest_peak_counts(
    peaks: dict[str, float | None], window: str | None, run: JsonObject, small: Summary
) -> None:
    closed = target(run, with_panels(small, "closed", "throughput_rps", peaks))["closed"]
    assert (closed and closed["window"]) == window


def test_where_no_capacity_was_searched_the_peak_is_left(run: JsonObject, small: Summary) -> None:
    found = target(run, with_panels(small, "capacity", "capacity_rps", {}))
    assert found["capacities"] == []
    assert found["closed"]["window"] == "peak"


def test_a_run_without_load_has_no_such_data(run: JsonObject, small: Summary) -> None:
    alone = replace(small, scenarios=tuple(s for s in small.scenarios if s.kind != "load"))
    assert alone.scenarios
    assert constraint_data(run, alone, looks(c["target"] for c in run["cases"])) is None
