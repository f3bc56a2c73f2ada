"""Has a series with one value a second settled? Asked each second while a service warms up.

The last seconds (a third of the series at least, so that one quiet moment late in a long warm-up is not
enough) count as steady when, on the scale of their median,
  * the drift that the data allow for, at its worst, stays within `drift_ratio` per 10 s (a test of
    equivalence: much noise asks for more seconds, it never passes as calm),
  * the means of their four quarters lie together: no step, no bend,
  * the last seconds are on the level of the rest,
  * there is no cycle larger than `level_ratio`,
and the same held one second before. Barrett et al., Virtual Machine Warmup Blows Hot and Cold (2017), found
services that never settle, some in cycles; both are results here.

A machine may be too noisy for that bound in the time there is. A series without drift from its beginning on,
as that of a service with nothing to warm up, is then "level" at least: calm by a bound three times as wide, over
all but its first two seconds. Where the noise is so large that not even that bound can be met in time, and
nothing climbs, waiting is futile.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from harness.stats.quantile import median, quantile
from harness.stats.student import t_quantile

Verdict = Literal["steady", "level", "too short", "drifting", "cyclic", "unsettled"]
_DRIFT_SPAN_S = 10
_START_S = 2
"""Connections are opened and the first pages touched: never level with the rest."""

_LARGEST_STEP_RATIO = 0.15
"""Of a service that has nothing to warm up, on a machine whose speed comes and goes. One that has doubles."""

_OUTLIER_DEVIATIONS = 3.0
_MAD_TO_DEVIATION = 1.4826  # of a normal distribution


SHORTEST_S = 10
"""Of fewer seconds nothing is said."""


@dataclass(frozen=True, slots=True)
class Criteria:
    """How calm is steady. `confidence` is that of each bound on the drift.

    `noise_ratio`: the largest deviation from second to second under which anything is said.
    """

    shortest_s: int = SHORTEST_S
    drift_ratio: float = 0.03
    level_ratio: float = 0.04
    confidence: float = 0.998
    cycle_p: float = 1e-3
    noise_ratio: float = math.inf


@dataclass(frozen=True, slots=True)
class Steady:
    """`at_second`: since when the series is steady (None: it is not). `period_s`: of a cyclic series."""

    at_second: int | None
    verdict: Verdict
    drift_ratio: float | None = None
    period_s: float | None = None


DEFAULT = Criteria()
COARSE = Criteria(drift_ratio=0.09, confidence=0.95, noise_ratio=0.06)


def whole_seconds(completed_per_second: Sequence[int], *, was_ended: bool) -> Sequence[int]:
    """A warm-up's series as it is recorded, without the seconds that are none.

    The last is the drain's; where the test ended the load, the one before it is a part of a second.
    """
    return completed_per_second[: -2 if was_ended else -1]


def assess(series: Sequence[float], criteria: Criteria = DEFAULT) -> Steady:
    """What the series (one value a second, from the first second of load on) says by now.

    Cheap enough to be asked each second; the caller gives up after its cap. Raises ValueError for a
    negative or non-finite value.
    """
    if any(not math.isfinite(value) or value < 0 for value in series):
        raise ValueError("a series of rates or times holds finite values of 0 and more")
    if len(series) <= criteria.shortest_s:
        return Steady(None, "too short")
    length = _calm_length(series, criteria)
    recent = series[-max(length or 0, 3 * criteria.shortest_s) :]
    period_s = _period_s(recent, criteria)
    if period_s is not None:
        return Steady(None, "cyclic", period_s=period_s)
    if length and _calm_length(series[:-1], criteria):
        return Steady(len(series) - length, "steady", drift_ratio=_Window(series[-length:]).drift_ratio)
    latest = _Window(series[-max(criteria.shortest_s, len(series) // 3) :])
    if latest.drifts(criteria.confidence):
        return Steady(None, "drifting", drift_ratio=latest.drift_ratio)
    whole = _Window(series[_START_S:])
    level = whole.is_calm(COARSE) and not whole.drifts(COARSE.confidence)
    return Steady(None, "level" if level else "unsettled", drift_ratio=latest.drift_ratio)


def is_futile(series: Sequence[float], longest_s: int) -> bool:
    """Whether more seconds, up to `longest_s` of them in all, would tell of the machine's noise alone.

    Nothing climbs since the beginning, the halves lie no farther apart than noise brings them, and there is more noise
    than a level series may have, or so much that the error of the slope, which falls with the seconds to the power
    of 3/2, will not come down to their bound.
    """
    rest = series[_START_S:]
    if len(rest) < COARSE.shortest_s:
        return False
    whole = _Window(rest)
    error_ratio = whole.drift_error_ratio(COARSE.confidence)
    if not whole.usable or whole.drift_ratio > error_ratio or whole.step_ratio() > _LARGEST_STEP_RATIO:
        return False
    shrinks_to: float = (len(rest) / max(len(rest), longest_s - _START_S)) ** 1.5
    return whole.noise_ratio() > COARSE.noise_ratio or error_ratio * shrinks_to > COARSE.drift_ratio


def _calm_length(series: Sequence[float], criteria: Criteria) -> int | None:
    """The longest run of last seconds that is calm; None when none is."""
    shortest = max(criteria.shortest_s, math.ceil(len(series) / 3))
    return next(
        (n for n in range(len(series), shortest - 1, -1) if _Window(series[-n:]).is_calm(criteria)), None
    )


class _Window:
    """A stretch of seconds relative to its median, blips pulled in, with a straight line through it."""

    def __init__(self, values: Sequence[float]) -> None:
        middle = median(values)
        self.usable = middle > 0
        self.values = _without_blips(
            [value / middle - 1 for value in values] if self.usable else [0.0] * len(values)
        )
        n = len(values)
        centre = (n - 1) / 2
        self._mean = sum(self.values) / n
        self._sxx = n * (n * n - 1) / 12
        self._slope = sum((i - centre) * value for i, value in enumerate(self.values)) / self._sxx
        self._residuals = [
            value - self._mean - self._slope * (i - centre) for i, value in enumerate(self.values)
        ]

    @property
    def drift_ratio(self) -> float:
        """Change per 10 s, relative to the level."""
        return self._slope * _DRIFT_SPAN_S

    def drift_error_ratio(self, confidence: float) -> float:
        """Half the width of the drift's interval. Seconds that follow their neighbours count for fewer.

        A short series looks less alike than it is, by about (1 + 4ρ) / n: Kendall, Note on Bias in the
        Estimation of Autocorrelation (1954).
        """
        n, squares = len(self.values), sum(r * r for r in self._residuals)
        if squares == 0:
            return 0.0
        alike = sum(a * b for a, b in zip(self._residuals, self._residuals[1:], strict=False)) / squares
        alike = min(max(alike + (1 + 4 * alike) / n, 0.0), 0.8)
        error = math.sqrt(squares / (n - 2) / self._sxx * (1 + alike) / (1 - alike))
        return _t(confidence, n - 2) * error * _DRIFT_SPAN_S

    def drifts(self, confidence: float) -> bool:
        """More than by chance."""
        return abs(self.drift_ratio) > self.drift_error_ratio(confidence)

    def step_ratio(self) -> float:
        """Between the means of the first and the second half."""
        half = len(self.values) // 2
        return abs(sum(self.values[-half:]) - sum(self.values[:half])) / half

    def is_calm(self, criteria: Criteria) -> bool:
        if not self.usable:
            return False
        n = len(self.values)
        quarters = [self.values[k * n // 4 : (k + 1) * n // 4] for k in range(4)]
        means = [sum(quarter) / len(quarter) for quarter in quarters]
        noise = self.noise_ratio()
        allowed = criteria.level_ratio + 2 * noise / math.sqrt(n / 4)
        at_end = median(self.values[-3:])
        return (
            noise <= criteria.noise_ratio
            and abs(self.drift_ratio) + self.drift_error_ratio(criteria.confidence) <= criteria.drift_ratio
            and max(means) - min(means) <= allowed
            and abs(at_end) <= criteria.level_ratio + 2 * noise
        )

    def noise_ratio(self) -> float:
        """Noise by the steps between neighbours, which no drift inflates much (von Neumann, 1941)."""
        steps = [b - a for a, b in zip(self.values, self.values[1:], strict=False)]
        return math.sqrt(sum(step * step for step in steps) / (2 * len(steps)))

    def residual_spread(self) -> float:
        return (quantile(self._residuals, 0.9) - quantile(self._residuals, 0.1)) / 2

    def periodogram(self) -> list[float]:
        """Power at 1, 2, … cycles per window, up to every second one."""
        n = len(self._residuals)
        power = []
        for cycles in range(1, (n - 1) // 2 + 1):
            angle = 2 * math.pi * cycles / n
            real = sum(r * math.cos(angle * i) for i, r in enumerate(self._residuals))
            imaginary = sum(r * math.sin(angle * i) for i, r in enumerate(self._residuals))
            power.append(real * real + imaginary * imaginary)
        return power


def _without_blips(values: list[float]) -> list[float]:
    """Single seconds far from the rest (a pause of the machine) pulled in; two in a row are a change."""
    reach = _OUTLIER_DEVIATIONS * _MAD_TO_DEVIATION * median([abs(value) for value in values])
    calm = list(values)
    for i in range(1, len(values) - 1):
        if abs(values[i]) > reach and abs(values[i - 1]) <= reach and abs(values[i + 1]) <= reach:
            calm[i] = math.copysign(reach, values[i])
    return calm


@cache
def _t(confidence: float, df: int) -> float:
    return t_quantile((1 + confidence) / 2, df)


def _period_s(values: Sequence[float], criteria: Criteria) -> float | None:
    """The period of a cycle that came round three times and is too large to ignore; else None."""
    window = _Window(values)
    if not window.usable or window.residual_spread() <= criteria.level_ratio:
        return None
    power = window.periodogram()
    total, strongest = sum(power), max(range(len(power)), key=power.__getitem__)
    if strongest + 1 < 3 or total == 0:
        return None
    if _fisher_g_p(power[strongest] / total, len(power)) > criteria.cycle_p:
        return None
    return len(values) / (strongest + 1)


def _fisher_g_p(share: float, ordinates: int) -> float:
    """Chance that noise puts so large a share of its power into one frequency.

    R. A. Fisher, Tests of Significance in Harmonic Analysis (1929).
    """
    terms = (
        (-1) ** (j - 1) * math.comb(ordinates, j) * (1 - j * share) ** (ordinates - 1)
        for j in range(1, min(ordinates, int(1 / share)) + 1)
    )
    return min(1.0, max(0.0, math.fsum(terms)))
