"""The centre of a few trials with a 95 % interval.

Under 8 trials: geometric mean, Student's t on the logarithms. From 8: median, bootstrap percentiles. (A
bootstrap of fewer values has too few distinct samples to say anything; t on logs suits positive figures
whose errors are relative.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from harness.stats.student import t_quantile

CONFIDENCE = 0.95
BOOTSTRAP_FROM = 8
RESAMPLES = 10_000

Method = Literal["t on logs", "bootstrap"]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """`centre` lies in low..high with 95 % confidence; both None when one trial cannot tell."""

    centre: float
    low: float | None
    high: float | None
    trials: int
    method: Method


def estimate(values: Sequence[float], seed: int = 0) -> Estimate:
    """The centre of one figure over its trials. Raises ValueError for none, or one that is not above 0."""
    logs = logarithms(values)
    if len(logs) >= BOOTSTRAP_FROM:
        medians = bootstrap_medians(logs, np.random.default_rng(seed))
        low, high = np.exp(np.quantile(medians, (0.025, 0.975)))
        return Estimate(float(np.exp(np.median(logs))), float(low), float(high), len(logs), "bootstrap")
    centre = float(logs.mean())
    if len(logs) == 1:
        return Estimate(math.exp(centre), None, None, 1, "t on logs")
    half = t_half_width(float(logs.std(ddof=1)) / math.sqrt(len(logs)), len(logs) - 1)
    return Estimate(
        math.exp(centre), math.exp(centre - half), math.exp(centre + half), len(logs), "t on logs"
    )


def logarithms(values: Sequence[float]) -> Floats:
    """Raises ValueError for no values or one that is not above 0."""
    if len(values) == 0:
        raise ValueError("an estimate needs at least one trial")
    if not all(math.isfinite(value) and value > 0 for value in values):
        raise ValueError(f"{min(values)} among the trials: only finite figures above 0 have a ratio")
    return np.log(np.asarray(values, dtype=np.float64))


def t_half_width(standard_error: float, df: float) -> float:
    """Half of the 95 % interval of a mean."""
    return t_quantile((1 + CONFIDENCE) / 2, df) * standard_error


def bootstrap_medians(values: Floats, rng: np.random.Generator) -> Floats:
    """Medians of resamples with replacement; shape (RESAMPLES,). Efron, Bootstrap Methods (1979)."""
    picks = rng.integers(0, len(values), size=(RESAMPLES, len(values)))
    medians: Floats = np.median(values[picks], axis=1)
    return medians
