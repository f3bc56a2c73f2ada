"""Which of a check's figures is the worst, and that judgements beside the findings are among the checks."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict
from typing import Any

import pytest
from report.made import FOUR, Making

from harness.report.outputs import Shown, read
from harness.report.trust import gather
from harness.stats import checks
from harness.store import RunFolder


@pytest.fixture(scope="module")
def shown(making: Callable[[Making], RunFolder]) -> Shown:
    targets = {name: FOUR[name] for name in ("go", "rust-axum")}
    return read(making(Making(targets=targets, scenarios=("routing-4kb",), rounds=1, scale=0.12, twin=False)))


def peak_of(trial: Any) -> Any:
    return next(window for window in trial["windows"] if window["name"] == "peak")


@pytest.mark.parametrize(
    ("first_seconds", "failed", "worst"),
    [((95, 90), 0, "90 %"), ((95, 50), 1, "50 %"), ((40, 50), 2, "40 %")],
)
def test_of_how_windows_began_the_slowest_is_the_worst(
    shown: Shown, first_seconds: tuple[int, int], failed: int, worst: str
) -> None:
    trials = deepcopy(shown.trials)
    for trial, first in zip(trials, first_seconds, strict=True):
        peak_of(trial)["settled"] = asdict(checks.settled([first, 100, 100, 100]))
    (line,) = (line for line in gather(trials).overall if line.name == "settled")
    assert (line.passed, line.failed, line.worst, line.limit) == (2 - failed, failed, worst, "80 %")


def test_runs_from_before_a_judgement_was_made_have_no_line_for_it(shown: Shown) -> None:
    trials = deepcopy(shown.trials)
    for trial in trials:
        del peak_of(trial)["settled"]
    assert "settled" not in {line.name for line in gather(trials).overall}


def test_a_trial_shows_the_schedules_of_its_open_windows(shown: Shown) -> None:
    for line in gather(shown.trials).trials:
        assert set(line.schedule.split(", ")) == {"ab" * 6}
