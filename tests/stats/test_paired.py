"""Paired tests against published tables, the distribution's other implementation, and plain enumeration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from harness.stats.paired import paired_p_values, pooled_effect, signed_rank_p, t_two_sided_p
from harness.stats.student import t_cdf

# Largest W whose two-sided p is at most 5, 2 and 1 %: the usual table, as in McCornack, Extended Tables of the
# Wilcoxon Matched Pair Signed Rank Statistic, JASA 60 (1965).
TABLE = {
    8: (3, 1, 0),
    9: (5, 3, 1),
    10: (8, 5, 3),
    11: (10, 7, 5),
    12: (13, 9, 7),
    15: (25, 19, 15),
    20: (52, 43, 37),
}


def differences(pairs: int, smaller_sum: int) -> list[float]:
    """Without ties, of which the negative ones' ranks add up to `smaller_sum`."""
    signs = [1.0] * pairs
    for rank in range(pairs, 0, -1):
        if rank <= smaller_sum:
            signs[rank - 1] = -1.0
            smaller_sum -= rank
    return [sign * rank for rank, sign in enumerate(signs, start=1)]


@pytest.mark.parametrize("pairs", TABLE)
def test_signed_ranks_have_the_published_critical_values(pairs: int) -> None:
    for level, critical in zip((0.05, 0.02, 0.01), TABLE[pairs], strict=True):
        at, beyond = (signed_rank_p(np.array(differences(pairs, w))) for w in (critical, critical + 1))
        assert at <= level < beyond


@pytest.mark.parametrize(
    "row",
    [
        (0.1, -0.2, 0.3, 0.4, 0.5, -0.6, 0.7, 0.8),
        (0.1, 0.1, -0.1, 0.2, 0.2, 0.3, -0.3, 0.5),  # ties
        (0.0, 0.0, 0.1, -0.2, 0.3, 0.4, 0.5, 0.6),  # zeros are left out
    ],
)
def test_signed_ranks_agree_with_enumerating_every_sign(row: tuple[float, ...]) -> None:
    values = np.array([v for v in row if v])
    sizes = np.abs(values)
    ranks = np.array([np.sum(sizes < s) + (np.sum(sizes == s) + 1) / 2 for s in sizes])
    half = ranks.sum() / 2
    seen = abs(ranks[values > 0].sum() - half)
    sums = [
        sum(r for r, s in zip(ranks, signs, strict=True) if s)
        for signs in itertools.product((0, 1), repeat=len(ranks))
    ]
    expected = np.mean([abs(s - half) >= seen - 1e-12 for s in sums])
    assert signed_rank_p(np.array(row)) == pytest.approx(expected)


def test_only_zeros_differ_by_nothing() -> None:
    assert signed_rank_p(np.zeros((2, 12))).tolist() == [1.0, 1.0]
    assert paired_p_values(np.zeros(5)) == 1.0


@pytest.mark.parametrize("df", range(1, 12))
def test_t_of_whole_degrees_of_freedom_agrees_with_the_beta_function(df: int) -> None:
    t = np.array([0.0, 0.1, 0.7, 1.5, 3.0, 8.0, 40.0])
    expected = [2 * t_cdf(-x, df) for x in t]
    assert t_two_sided_p(t, df) == pytest.approx(expected, rel=1e-9, abs=1e-14)


def test_ranks_decide_from_ten_pairs_and_many_metrics_are_judged_at_once() -> None:
    rng = np.random.default_rng(3)
    for pairs in (9, 10):
        rows = rng.normal(0.1, 1, (4, 5, pairs))
        together = paired_p_values(rows)
        assert together.shape == (4, 5)
        assert together[2, 3] == pytest.approx(paired_p_values(rows[2, 3]))
    spoilt = np.array([0.10, 0.11, 0.12, 0.13, 0.14, 0.15, 0.16, 0.17, 0.18, -40.0])
    assert paired_p_values(spoilt) == pytest.approx(
        2 * 43 / 1024
    )  # W = 10; one spoilt trial would ruin a t test
    with pytest.raises(ValueError, match="spread"):
        paired_p_values(np.array([0.1]))


def test_p_values_of_no_difference_are_uniform() -> None:
    rng = np.random.default_rng(5)
    p_t = paired_p_values(rng.normal(0, 1, (20_000, 6)))
    p_ranks = paired_p_values(rng.standard_cauchy((20_000, 12)))
    for p_values in (p_t, p_ranks):
        assert abs(np.mean(p_values <= 0.05) - 0.05) < 0.006  # four standard errors, and the ranks' steps


def test_the_pooled_effect_is_the_mean_then_hodges_and_lehmanns() -> None:
    few = np.array([0.1, 0.2, 0.6])
    assert pooled_effect(few) == pytest.approx(0.3)
    many = np.array([0.1] * 9 + [40.0])
    assert pooled_effect(many) == pytest.approx(0.1)
