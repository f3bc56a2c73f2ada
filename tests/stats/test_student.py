"""Student's t against the closed forms of few degrees of freedom and the published table."""

from __future__ import annotations

import math

import pytest

from harness.stats.student import t_cdf, t_quantile

# Fisher and Yates, Statistical Tables, table III: two-sided 5 %, 1 % and 0.1 %.
PUBLISHED = [
    (1, 12.706, 63.657, 636.619),
    (2, 4.303, 9.925, 31.599),
    (3, 3.182, 5.841, 12.924),
    (4, 2.776, 4.604, 8.610),
    (5, 2.571, 4.032, 6.869),
    (6, 2.447, 3.707, 5.959),
    (7, 2.365, 3.499, 5.408),
    (8, 2.306, 3.355, 5.041),
    (9, 2.262, 3.250, 4.781),
    (10, 2.228, 3.169, 4.587),
    (15, 2.131, 2.947, 4.073),
    (20, 2.086, 2.845, 3.850),
    (30, 2.042, 2.750, 3.646),
    (60, 2.000, 2.660, 3.460),
    (120, 1.980, 2.617, 3.373),
]


@pytest.mark.parametrize(("df", "five", "one", "tenth"), PUBLISHED)
def test_quantiles_are_those_of_the_table(df: int, five: float, one: float, tenth: float) -> None:
    for percent, expected in ((5, five), (1, one), (0.1, tenth)):
        assert t_quantile(1 - percent / 200, df) == pytest.approx(expected, abs=0.00051)


@pytest.mark.parametrize("t", [-40, -3, -1, -0.01, 0, 0.01, 0.5, 1, 2, 5, 30, 1e4])
def test_cdf_has_its_closed_forms(t: float) -> None:
    assert t_cdf(t, 1) == pytest.approx(0.5 + math.atan(t) / math.pi, rel=1e-10, abs=1e-14)
    assert t_cdf(t, 2) == pytest.approx(0.5 + t / (2 * math.sqrt(2 + t * t)), rel=1e-8, abs=1e-14)


@pytest.mark.parametrize("t", [-2.0, -0.3, 0.7, 1.96, 3.0])
def test_many_degrees_of_freedom_are_normal(t: float) -> None:
    assert t_cdf(t, 1e7) == pytest.approx(0.5 * (1 + math.erf(t / math.sqrt(2))), abs=1e-6)


@pytest.mark.parametrize("df", [0.7, 1, 2.5, 7.3, 40])
@pytest.mark.parametrize("probability", [0.001, 0.2, 0.5, 0.9, 0.975, 0.9995])
def test_quantile_inverts_the_cdf(df: float, probability: float) -> None:
    assert t_cdf(t_quantile(probability, df), df) == pytest.approx(probability, rel=1e-9)


@pytest.mark.parametrize("df", [1, 3.5])
def test_symmetry(df: float) -> None:
    assert t_quantile(0.5, df) == pytest.approx(0, abs=1e-12)
    assert t_quantile(0.1, df) == pytest.approx(-t_quantile(0.9, df))


def test_what_makes_no_sense_is_refused() -> None:
    for probability in (0, 1, -0.5, 2):
        with pytest.raises(ValueError, match="probability"):
            t_quantile(probability, 3)
    with pytest.raises(ValueError, match="degrees"):
        t_cdf(1, 0)
