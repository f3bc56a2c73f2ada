"""Is one case faster than another? Ratios of trials with intervals, and verdicts ("cannot tell" is one)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harness.stats.interval import (
    BOOTSTRAP_FROM,
    CONFIDENCE,
    Floats,
    bootstrap_medians,
    logarithms,
    t_half_width,
)
from harness.stats.student import t_cdf
from harness.units import percent

Verdict = Literal["faster", "slower", "same", "cannot tell"]
SAME_RATIO = 0.03


@dataclass(frozen=True, slots=True)
class Comparison:
    """`ratio` = candidate ÷ base, within low..high with 95 % confidence (None: too few trials to tell).

    `p_value` is that of "no difference", corrected for the number of pairs compared together. `within_ratio`
    is the x of "same within x".
    """

    ratio: float
    low: float | None
    high: float | None
    p_value: float | None
    verdict: Verdict
    within_ratio: float

    @property
    def text(self) -> str:
        """The verdict in words."""
        return f"same within {percent(self.within_ratio, 1)}" if self.verdict == "same" else self.verdict


@dataclass(frozen=True, slots=True)
class Pair:
    """Trials of two cases. `paired`: trial i of both ran in the same round."""

    candidate: Sequence[float]
    base: Sequence[float]
    paired: bool
    higher_is_better: bool


def noise_ruler(one: Sequence[float], other: Sequence[float]) -> float:
    """How far apart the blind twins, which are the same, came out: |ratio − 1| of their centres.

    No difference smaller than this is called one. Raises ValueError as `estimate` does.
    """
    return math.exp(abs(_centre(logarithms(one)) - _centre(logarithms(other)))) - 1


def compare(
    pairs: Mapping[str, Pair], ruler_ratio: float | None = 0.0, same_ratio: float = SAME_RATIO, seed: int = 0
) -> dict[str, Comparison]:
    """Compares all the pairs that are shown together, with Holm's correction over them.

    ruler_ratio: the twins' difference (`noise_ruler`); None: not known, so nothing is called a difference.
    same_ratio: what counts as no difference worth having; the larger of the two is used. A difference is one
    when its corrected p is under 5 % and it exceeds the ruler; the same is said when the whole interval lies
    within ±same. Raises ValueError for trials without a ratio, or paired ones of different number.
    """
    within = max(ruler_ratio or 0.0, same_ratio)
    rng = np.random.default_rng(seed)
    raw = {name: _compare(pair, within, rng) for name, pair in pairs.items()}
    corrected = holm({name: c.p_value for name, c in raw.items() if c.p_value is not None})
    return {
        name: _judge(replace(c, p_value=corrected.get(name)), ruler_ratio, pairs[name].higher_is_better)
        for name, c in raw.items()
    }


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """p-values corrected for their number: Holm, A Simple Sequentially Rejective Test Procedure (1979)."""
    corrected: dict[str, float] = {}
    highest = 0.0
    for rank, name in enumerate(sorted(p_values, key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[name]))
        corrected[name] = highest
    return corrected


def _judge(c: Comparison, ruler_ratio: float | None, higher_is_better: bool) -> Comparison:
    if c.low is None or c.high is None or c.p_value is None:
        return c
    if 1 / (1 + c.within_ratio) <= c.low and c.high <= 1 + c.within_ratio:
        return replace(c, verdict="same")
    if ruler_ratio is None:
        return c
    exceeds = max(c.ratio, 1 / c.ratio) - 1 > ruler_ratio
    if c.p_value < 1 - CONFIDENCE and exceeds:
        return replace(c, verdict="faster" if (c.ratio > 1) == higher_is_better else "slower")
    return c


def _compare(pair: Pair, within_ratio: float, rng: np.random.Generator) -> Comparison:
    candidate, base = logarithms(pair.candidate), logarithms(pair.base)
    if pair.paired and len(candidate) != len(base):
        raise ValueError(f"paired trials come in pairs, not {len(candidate)} and {len(base)}")
    if min(len(candidate), len(base)) >= BOOTSTRAP_FROM:
        compared = _by_bootstrap(candidate, base, pair.paired, rng)
    else:
        compared = _by_t(candidate, base, pair.paired)
    log_ratio, log_low, log_high, p_value = compared
    return Comparison(
        ratio=math.exp(log_ratio),
        low=None if log_low is None else math.exp(log_low),
        high=None if log_high is None else math.exp(log_high),
        p_value=p_value,
        verdict="cannot tell",
        within_ratio=within_ratio,
    )


_Compared = tuple[float, float | None, float | None, float | None]  # log ratio, its bounds, p


def _by_t(candidate: Floats, base: Floats, paired: bool) -> _Compared:
    """Student's t of the rounds' log ratios, or Welch's of two samples of logs (Biometrika, 1947)."""
    difference = float(candidate.mean() - base.mean())
    if min(len(candidate), len(base)) < 2:
        return difference, None, None, None
    samples = [candidate - base] if paired else [candidate, base]
    squares = [float(sample.var(ddof=1)) / len(sample) for sample in samples]
    error = math.sqrt(sum(squares))
    if error == 0:
        return difference, difference, difference, 1.0 if difference == 0 else 0.0
    df = sum(squares) ** 2 / sum(s * s / (len(x) - 1) for s, x in zip(squares, samples, strict=True))
    half = t_half_width(error, df)
    return difference, difference - half, difference + half, 2 * t_cdf(-abs(difference) / error, df)


def _by_bootstrap(candidate: Floats, base: Floats, paired: bool, rng: np.random.Generator) -> _Compared:
    """Percentiles of resampled medians; p is that of the interval which just touches no difference."""
    if paired:
        difference = float(np.median(candidate - base))
        resampled = bootstrap_medians(candidate - base, rng)
    else:
        difference = float(np.median(candidate) - np.median(base))
        resampled = bootstrap_medians(candidate, rng) - bootstrap_medians(base, rng)
    low, high = np.quantile(resampled, ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
    beyond = min(int((resampled <= 0).sum()), int((resampled >= 0).sum()))
    return difference, float(low), float(high), min(1.0, 2 * (beyond + 1) / (len(resampled) + 1))


def _centre(logs: Floats) -> float:
    return float(np.median(logs) if len(logs) >= BOOTSTRAP_FROM else logs.mean())
