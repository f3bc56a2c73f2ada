"""Quantiles against NumPy's, means against their definition."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from harness.stats.quantile import geometric_mean, median, quantile, spread_ratio


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 100])
@pytest.mark.parametrize("share", [0, 0.05, 0.25, 0.5, 0.9, 0.95, 1])
def test_quantiles_are_numpys(size: int, share: float) -> None:
    rng = random.Random(size)
    values = [rng.lognormvariate(0, 1) for _ in range(size)]
    assert quantile(values, share) == pytest.approx(float(np.quantile(values, share)), rel=1e-12)


def test_median() -> None:
    assert (median([3, 1, 2]), median([4, 1, 2, 3])) == (2, 2.5)


def test_geometric_mean() -> None:
    assert geometric_mean([1, 10, 100]) == pytest.approx(10)
    assert geometric_mean([2, 8]) == pytest.approx(math.sqrt(16))


def test_spread() -> None:
    assert spread_ratio([100] * 20) == 0
    assert spread_ratio(range(101)) == pytest.approx(90 / 50)
    assert spread_ratio([]) is None
    assert spread_ratio([0, 0, 5]) is None


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_shares_outside_are_refused(share: float) -> None:
    with pytest.raises(ValueError, match="not within"):
        quantile([1, 2], share)


def test_samples_without_an_answer_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        quantile([], 0.5)
    with pytest.raises(ValueError, match="at least one"):
        geometric_mean([])
    with pytest.raises(ValueError, match="no logarithm"):
        geometric_mean([1, 0])
