"""Intervals against a worked example, and by how often they hold what they should."""

from __future__ import annotations

import math
import random

import pytest

from harness.stats.interval import estimate


def test_few_trials_worked_by_hand() -> None:
    """Logs 0, 1, 2: mean 1, standard error 1/√3, t(0.975; 2) = 4.302653."""
    found = estimate([1, math.e, math.e**2])
    assert (found.trials, found.method) == (3, "t on logs")
    assert found.centre == pytest.approx(math.e)
    assert found.low == pytest.approx(math.exp(1 - 4.302653 / math.sqrt(3)), rel=1e-6)
    assert found.high == pytest.approx(math.exp(1 + 4.302653 / math.sqrt(3)), rel=1e-6)


def test_one_trial_has_no_interval() -> None:
    found = estimate([5.0])
    assert found.centre == pytest.approx(5)
    assert (found.low, found.high) == (None, None)


def test_from_eight_trials_the_median() -> None:
    values = [1, 2, 3, 4, 5, 6, 7, 1000]
    found = estimate(values)
    assert found.method == "bootstrap"
    assert found.centre == pytest.approx(math.sqrt(4 * 5)), "the middle two, on the scale of ratios"
    assert found.low is not None and found.high is not None
    assert found.low < found.centre < found.high <= 1000


def test_the_same_seed_gives_the_same_interval() -> None:
    values = [1.0 + i * i for i in range(24)]
    assert estimate(values, seed=3) == estimate(values, seed=3)


def test_trials_all_alike() -> None:
    assert estimate([7.0] * 3).low == pytest.approx(7)
    assert estimate([7.0] * 9).high == pytest.approx(7)


@pytest.mark.parametrize(("trials", "least"), [(3, 0.93), (5, 0.93), (8, 0.89), (12, 0.91)])
def test_intervals_hold_the_truth_as_often_as_they_say(trials: int, least: float) -> None:
    """400 experiments on log-normal trials (median 1). A bootstrap of few medians falls short."""
    rng = random.Random(trials)
    held = 0
    for _ in range(400):
        found = estimate([rng.lognormvariate(0, 0.05) for _ in range(trials)], seed=rng.randrange(1 << 30))
        assert found.low is not None and found.high is not None
        held += found.low <= 1 <= found.high
    assert least <= held / 400 <= 0.985


@pytest.mark.parametrize("values", [[], [1, 0], [1, -1], [1, math.nan], [math.inf]])
def test_figures_without_a_ratio_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"at least one|above 0"):
        estimate(values)
