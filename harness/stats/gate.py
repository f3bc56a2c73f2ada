"""When does a night's difference count? The rules of the guard, as functions of log ratios (head ÷ base).

Arrays hold pairs on their last axis and metrics on the one before; nights, where there are several, come first.
The same functions judge a real night and ten thousand simulated ones. docs/gate.md tells the rules in words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from harness.stats.discovery import benjamini_hochberg
from harness.stats.interval import Floats
from harness.stats.paired import pooled_effect
from harness.stats.student import t_quantile

Signs = npt.NDArray[np.int8]
Flags = npt.NDArray[np.bool_]
Word = Literal["slower", "faster", "same", "cannot tell"]

FLOOR_PERCENTILE = 95
SAME_CONFIDENCE = 0.95
"""Of each of the two one-sided tests that "same" takes."""
SPENDING_POWER = 3
"""Of Kim and DeMets' family: the higher, the more is left for the last look."""
MOST_ROUNDS_MORE = 200


@dataclass(frozen=True, slots=True)
class GateRules:
    """looks: after so many pairs of a target its figures are looked at; the last is the most a night measures.

    level: the night's false discovery rate. An alert needs `confirming` further pairs, of which
    `agreeing` point the same way.
    """

    looks: tuple[int, ...] = (6, 9, 12)
    level: float = 0.05
    confirming: int = 4
    agreeing: int = 3

    @property
    def levels(self) -> tuple[float, ...]:
        """The part of `level` that each look may spend; they add up to it.

        How much by when: level × (share of the pairs)³, a spending function of Kim and DeMets (Biometrika 74, 1987).
        By Bonferroni's inequality looks that spend so much together err no more often than one look at `level`.
        """
        spent = [self.level * (n / self.looks[-1]) ** SPENDING_POWER for n in self.looks]
        return tuple(now - before for now, before in zip(spent, [0.0, *spent], strict=False))


def noise_floor(base_logs: Floats) -> Floats:
    """By how much base, pooled over as many pairs as there are trials, differs from itself; shape (...,).

    The 95th percentile of |effect| over all pairings of the session's base trials with one another, divided by
    √pairs: the mean of n differences scatters by √n less than one of them. Raises ValueError for under two trials.
    """
    trials = base_logs.shape[-1]
    if trials < 2:
        raise ValueError("one base trial cannot be paired with another")
    one, other = np.triu_indices(trials, k=1)
    sizes = np.abs(base_logs[..., one] - base_logs[..., other])
    return np.asarray(np.percentile(sizes, FLOOR_PERCENTILE, axis=-1) / math.sqrt(trials))


def alerts(p_values: Floats, effects: Floats, thresholds: Floats, level: float) -> Signs:
    """+1 where head is larger, −1 where it is smaller, 0 where nothing can be said; all metrics on the last axis.

    An alert is a discovery among the night's metrics whose pooled effect exceeds its threshold.
    """
    found = benjamini_hochberg(p_values, level) & (np.abs(effects) > thresholds)
    return np.where(found, np.sign(effects), 0).astype(np.int8)


def confirmed(
    direction: Signs, further: Floats, effects: Floats, thresholds: Floats, rules: GateRules
) -> Flags:
    """Which alerts hold: enough further pairs point the same way, and all pairs together exceed the threshold.

    direction: of the alerts, shape (...,). further: log ratios of the further pairs, shape (..., pairs).
    effects, thresholds: of all pairs together, shape (...,).
    """
    agree = (np.sign(further) == direction[..., None]).sum(axis=-1) >= rules.agreeing
    beyond = (effects * direction) > thresholds
    return np.asarray((direction != 0) & agree & beyond)


def same_within(log_ratios: Floats, relevant_log: Floats) -> Flags:
    """Whether the effect lies within ± the smallest relevant one: two one-sided t tests at 5 %; shape (...,).

    Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15 (1987).
    """
    pairs = log_ratios.shape[-1]
    half = t_quantile(SAME_CONFIDENCE, pairs - 1) * log_ratios.std(axis=-1, ddof=1) / math.sqrt(pairs)
    return np.asarray(np.abs(log_ratios.mean(axis=-1)) + half <= relevant_log)


def rounds_more(log_ratios: Sequence[float], relevant_log: float, level: float) -> int | None:
    """About how many further pairs would settle it, if effect and spread stay as they are; None: over 200.

    Settled is: the same, for an effect within the relevant one; else significant at `level`.
    """
    pairs = len(log_ratios)
    values = np.asarray(log_ratios)
    effect, spread = abs(float(values.mean())), float(values.std(ddof=1))
    same = effect < relevant_log
    room = relevant_log - effect if same else effect
    quantile = SAME_CONFIDENCE if same else 1 - level / 2
    for more in range(1, MOST_ROUNDS_MORE + 1):
        if t_quantile(quantile, pairs + more - 1) * spread / math.sqrt(pairs + more) <= room:
            return more
    return None


def interval(log_ratios: Sequence[float]) -> tuple[float, float, float]:
    """(effect, low, high) of the log ratio, with 95 % confidence by Student's t; two pairs or more."""
    values = np.asarray(log_ratios, dtype=np.float64)
    effect = float(pooled_effect(values))
    half = t_quantile(0.975, len(values) - 1) * float(values.std(ddof=1)) / math.sqrt(len(values))
    return effect, effect - half, effect + half
