"""Benjamini and Hochberg's procedure against the example of their paper, and Clopper and Pearson's bounds."""

from __future__ import annotations

import numpy as np
import pytest

from harness.stats.discovery import benjamini_hochberg
from harness.stats.proportion import clopper_pearson

# Benjamini and Hochberg (1995), section 4.1: fifteen comparisons of thrombolysis with rt-PA and APSAC.
PAPER = [
    0.0001,
    0.0004,
    0.0019,
    0.0095,
    0.0201,
    0.0278,
    0.0298,
    0.0344,
    0.0459,
    0.3240,
    0.4262,
    0.5719,
    0.6528,
    0.7590,
    1.0,
]


def test_the_papers_example_has_four_discoveries() -> None:
    shuffled = np.random.default_rng(1).permutation(15)
    found = benjamini_hochberg(np.array(PAPER)[shuffled], 0.05)
    assert sorted(np.array(PAPER)[shuffled][found]) == PAPER[:4]


def test_a_metric_that_could_not_be_tested_is_not_counted() -> None:
    alone = benjamini_hochberg(np.array([0.04]), 0.05)
    beside = benjamini_hochberg(np.array([0.04, np.nan, np.nan]), 0.05)
    assert alone.tolist() == [True]
    assert beside.tolist() == [True, False, False]
    assert benjamini_hochberg(np.array([np.nan, np.nan]), 0.05).tolist() == [False, False]


def test_each_night_is_judged_by_itself() -> None:
    nights = np.array([[0.01, 0.04], [0.04, 0.04], [0.03, 0.6]])
    assert benjamini_hochberg(nights, 0.05).tolist() == [[True, True], [True, True], [False, False]]


def test_where_nothing_differs_nights_with_a_discovery_are_as_rare_as_promised() -> None:
    p_values = np.random.default_rng(2).random((20_000, 24))
    assert benjamini_hochberg(p_values, 0.05).any(axis=1).mean() == pytest.approx(0.05, abs=0.006)


@pytest.mark.parametrize(
    ("happened", "tries", "low", "high"),
    [
        (0, 12, 0.0, 1 - 0.025 ** (1 / 12)),  # closed forms at both ends
        (12, 12, 0.025 ** (1 / 12), 1.0),
        (1, 10, 0.0025286, 0.4450161),  # Beta quantiles, as R's binom.test prints them
        (5, 10, 0.1870860, 0.8129140),
    ],
)
def test_bounds_of_a_proportion(happened: int, tries: int, low: float, high: float) -> None:
    assert clopper_pearson(happened, tries) == pytest.approx((low, high), abs=1e-6)


def test_no_tries_have_no_proportion() -> None:
    with pytest.raises(ValueError, match="no proportion"):
        clopper_pearson(0, 0)
