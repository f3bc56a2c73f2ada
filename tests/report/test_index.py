"""The list of all runs: which share a line over time, and what each came to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.report.index import Listed, index_context, trends
from harness.report.model import Summary
from harness.report.palette import looks

OTHERS: list[dict[str, Any]] = [
    {"driver": "docker"},
    {"engine": "locust"},
    {"target_cores": 7},
    {"status": "interrupted"},
    {"stamp": "quick look: not for decisions"},
]


def context(*listed: Listed) -> dict[str, Any]:
    targets = {row.target for one in listed for s in one.summary.scenarios for row in s.rows}
    return index_context(listed, [], looks(targets))


def test_runs_made_alike_share_a_line(small: Summary) -> None:
    assert trends([small, replace(small, run="later")])


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: next(iter(other)))
def test_runs_made_otherwise_do_not(small: Summary, other: dict[str, Any]) -> None:
    assert not trends([replace(small, **other), replace(small, run="later")])


def test_a_night_of_the_guard_says_what_it_came_to_and_is_in_no_line(small: Summary) -> None:
    shown = context(Listed(small, None), Listed(replace(small, run="night"), "night/gate.html", "regression"))
    assert not shown["trends"]
    assert shown["runs"][0]["outcome"] == "regression"
    assert shown["runs"][0]["link"] == "night/gate.html"


def test_a_run_says_what_is_best_in_what(small: Summary) -> None:
    (run,) = context(Listed(small, None))["runs"]
    best = {
        row.target
        for s in small.scenarios
        for row in s.rows
        for key, column in s.columns.items()
        if column.headline and row.figures[key].best
    }
    assert best
    assert all(f"{target}: " in run["best"] for target in best)
