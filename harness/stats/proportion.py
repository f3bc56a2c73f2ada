"""How often did it happen, of so many tries? Exact bounds of a proportion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.stats.interval import CONFIDENCE
from harness.stats.student import incomplete_beta
from harness.units import percent


@dataclass(frozen=True, slots=True)
class Rate:
    """It happened in so many of so many tries."""

    happened: int
    tries: int

    @property
    def bounds(self) -> tuple[float, float]:
        """(low, high) with 95 % confidence; (0, 1) where nothing was tried, which says nothing."""
        return clopper_pearson(self.happened, self.tries) if self.tries else (0.0, 1.0)

    @property
    def text(self) -> str:
        low, high = self.bounds
        return (
            f"{percent(self.happened / self.tries, 2)} ({low * 100:.2f} to {percent(high, 2)})"
            if self.tries
            else "nothing was tried"
        )

    def to_json(self) -> dict[str, float]:
        low, high = self.bounds
        return {"happened": self.happened, "tries": self.tries, "low": low, "high": high}


def clopper_pearson(happened: int, tries: int) -> tuple[float, float]:
    """(low, high) with 95 % confidence: Clopper and Pearson, Biometrika 26 (1934). Raises ValueError for no tries.

    The bounds are those proportions at which what happened, or anything further out, has a chance of 2.5 %.
    """
    if not 0 <= happened <= tries or tries == 0:
        raise ValueError(f"{happened} of {tries} is no proportion")
    tail = (1 - CONFIDENCE) / 2
    low = 0.0
    if happened:
        low = _solve(lambda p: incomplete_beta(happened, tries - happened + 1, p) < tail)
    high = 1.0
    if happened < tries:
        high = _solve(lambda p: incomplete_beta(happened + 1, tries - happened, p) < 1 - tail)
    return low, high


def _solve(too_low: Callable[[float], bool]) -> float:
    """The proportion up to which `too_low` is true, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if too_low(middle) else (low, middle)
    return (low + high) / 2
