"""Is there a difference within pairs? Exact p-values and pooled effects of log ratios, many metrics at once.

Arrays hold the pairs on their last axis; the other axes are metrics, nights, whatever is looked at together.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import numpy.typing as npt

from harness.stats.interval import Floats

RANKS_FROM = 10
"""From so many pairs the signed ranks decide: a single spoilt trial cannot carry them, nor hide a change."""


def paired_p_values(log_ratios: Floats) -> Floats:
    """Two-sided p of "no difference": Student's t under 10 pairs, signed ranks from 10; shape (...,).

    Raises ValueError for fewer than two pairs.
    """
    pairs = log_ratios.shape[-1]
    if pairs < 2:
        raise ValueError(f"{pairs} pairs have no spread to judge a difference by")
    return signed_rank_p(log_ratios) if pairs >= RANKS_FROM else paired_t_p(log_ratios)


def pooled_effect(log_ratios: Floats) -> Floats:
    """What the pairs say together: their mean, or from 10 pairs the Hodges–Lehmann estimate; shape (...,).

    Hodges and Lehmann, Estimates of Location Based on Rank Tests (1963): the median of all pairs' averages,
    each with itself too.
    """
    pairs = log_ratios.shape[-1]
    if pairs < RANKS_FROM:
        return np.asarray(log_ratios.mean(axis=-1))
    one, other = np.triu_indices(pairs)
    return np.asarray(np.median((log_ratios[..., one] + log_ratios[..., other]) / 2, axis=-1))


def paired_t_p(log_ratios: Floats) -> Floats:
    """Student's paired t. Pairs that all differ by exactly the same have p = 0, or 1 when by nothing."""
    pairs = log_ratios.shape[-1]
    mean = log_ratios.mean(axis=-1)
    error = log_ratios.std(axis=-1, ddof=1) / math.sqrt(pairs)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(mean) / error
    t = np.where(error > 0, t, np.where(mean == 0, 0.0, np.inf))
    return t_two_sided_p(t, pairs - 1)


def t_two_sided_p(t: Floats, df: int) -> Floats:
    """P(|T| ≥ t) for t ≥ 0 by the finite sums for whole degrees of freedom (Abramowitz and Stegun, 26.7.3 and 4)."""
    angle = np.arctan(t / math.sqrt(df))
    cosine, sine = np.cos(angle), np.sin(angle)
    odd = df % 2 == 1
    term: Floats = cosine if odd else np.ones_like(cosine)
    total: Floats = np.zeros_like(cosine)
    for number in range(1, (df - 1) // 2 + 1) if odd else range(1, df // 2 + 1):
        total = total + term
        step = (2 * number) / (2 * number + 1) if odd else (2 * number - 1) / (2 * number)
        term = term * step * cosine**2
    inside = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return np.clip(1 - inside, 0.0, 1.0)


def signed_rank_p(log_ratios: Floats) -> Floats:
    """Wilcoxon's signed ranks, exact. Zeros are left out, ties share their mean rank (Wilcoxon, 1945)."""
    pairs = log_ratios.shape[-1]
    rows = log_ratios.reshape(-1, pairs)
    sizes = np.sort(np.abs(rows), axis=-1)
    plain = (sizes[:, 0] > 0) & (np.diff(sizes, axis=-1) > 0).all(axis=-1)
    ranks = np.argsort(np.argsort(np.abs(rows), axis=-1), axis=-1) + 1
    above = np.where(rows > 0, ranks, 0).sum(axis=-1)
    smaller = np.minimum(above, pairs * (pairs + 1) // 2 - above)
    p_values = _two_sided(tuple(range(1, pairs + 1)))[smaller]
    for row in np.flatnonzero(~plain):
        p_values[row] = _tied_p(rows[row])
    return np.asarray(p_values.reshape(log_ratios.shape[:-1]))


def _tied_p(differences: Floats) -> float:
    """One row with zeros or ties; ranks are doubled, so that mean ranks are whole."""
    differences = differences[differences != 0]
    if not len(differences):
        return 1.0
    sizes = np.abs(differences)
    doubled = (sizes[:, None] > sizes).sum(axis=1) + (sizes[:, None] >= sizes).sum(axis=1) + 1
    above = int(doubled[differences > 0].sum())
    smaller = min(above, int(doubled.sum()) - above)
    return float(_two_sided(tuple(sorted(doubled.tolist())))[smaller])


@cache
def _two_sided(ranks: tuple[int, ...]) -> Floats:
    """p by the smaller of the two sums of ranks: each sign is as likely as the other when nothing differs."""
    ways: npt.NDArray[np.float64] = np.zeros(sum(ranks) + 1)
    ways[0] = 1
    for rank in ranks:
        ways[rank:] += ways[:-rank].copy()
    return np.minimum(1.0, 2 * np.cumsum(ways) / 2.0 ** len(ranks))
