"""Student's t distribution, so that intervals of a few trials need no further library."""

from __future__ import annotations

import math

_TINY = 1e-300
_CONVERGED = 1e-15


def t_cdf(t: float, df: float) -> float:
    """P(T ≤ t) with df degrees of freedom. Abramowitz and Stegun, 26.7.1. Raises ValueError for df ≤ 0."""
    if df <= 0:
        raise ValueError(f"{df} degrees of freedom")
    tail = 0.5 * incomplete_beta(df / 2, 0.5, df / (df + t * t))
    return 1 - tail if t > 0 else tail


def t_quantile(probability: float, df: float) -> float:
    """The t with P(T ≤ t) = probability, by bisection. Raises ValueError unless 0 < probability < 1."""
    if not 0 < probability < 1:
        raise ValueError(f"a quantile of probability {probability}")
    if probability < 0.5:
        return -t_quantile(1 - probability, df)
    low, high = 0.0, 1.0
    while t_cdf(high, df) < probability:
        low, high = high, 2 * high
    while high - low > _CONVERGED * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if t_cdf(middle, df) < probability else (low, middle)
    return high


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (Abramowitz and Stegun, 26.5.8)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # where the fraction converges fast
        return 1 - incomplete_beta(b, a, 1 - x)
    log_front = a * math.log(x) + b * math.log1p(-x) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return math.exp(log_front) / a * _beta_fraction(a, b, x)


def _beta_fraction(a: float, b: float, x: float) -> float:
    """Lentz's evaluation (Thompson and Barnett, 1986): the ratios c and d, and their product."""
    c, d = 1.0, 1 / _nonzero(1 - (a + b) * x / (a + 1))
    product = d
    for m in range(1, 500):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _nonzero(1 + term * d)
            c = _nonzero(1 + term / c)
            product *= c * d
        if abs(c * d - 1) < _CONVERGED:
            break
    return product


def _nonzero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
