"""Quantiles and means of small samples. (Latencies are counted in histograms, not here.)"""

from __future__ import annotations

import math
from collections.abc import Sequence


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0..1) of the sample lies, between neighbours linearly.

    Type 7 of Hyndman and Fan, Sample Quantiles in Statistical Packages (1996); NumPy's and R's default.
    Raises ValueError for an empty sample or a share outside 0..1.
    """
    if not values:
        raise ValueError("a quantile needs at least one value")
    if not 0 <= share <= 1:
        raise ValueError(f"share {share} is not within 0..1")
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


def median(values: Sequence[float]) -> float:
    """Raises ValueError for an empty sample."""
    return quantile(values, 0.5)


def geometric_mean(values: Sequence[float]) -> float:
    """exp of the mean log. Raises ValueError for an empty sample or a value that is not above 0."""
    if not values:
        raise ValueError("a mean needs at least one value")
    if min(values) <= 0:
        raise ValueError(f"{min(values)} has no logarithm")
    return math.exp(math.fsum(map(math.log, values)) / len(values))


def spread_ratio(values: Sequence[float]) -> float | None:
    """(P95 − P5) ÷ median: how much a figure moves about. None for an empty sample or a median of 0."""
    if not values or median(values) == 0:
        return None
    return (quantile(values, 0.95) - quantile(values, 0.05)) / median(values)
