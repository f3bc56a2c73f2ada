"""Where a change and its interval lie on the line that stands beside each figure of a comparison."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.report.versus_model import Effect

_LEAST_REACH, _MOST_REACH = 1.1, 4.0


@dataclass(frozen=True, slots=True)
class Mark:
    """In percent of the line's length, whose middle is "no change"."""

    centre: float
    low: float
    high: float


def reach_of(effects: Sequence[Effect]) -> float:
    """The ratio at the right end of every line; the left end is its inverse."""
    found = [r for e in effects if (c := e.comparison) for r in (c.ratio, c.low, c.high) if r]
    widest = max((abs(math.log(r)) for r in found), default=0.0)
    return min(max(math.exp(widest), _LEAST_REACH), _MOST_REACH)


def mark_of(effect: Effect, reach: float) -> Mark | None:
    """On a logarithmic scale, so that a half and the double are as far from the middle; None without an interval."""
    found = effect.comparison
    if found is None or found.low is None or found.high is None:
        return None

    def place(ratio: float) -> float:
        part = math.log(ratio) / math.log(reach) if ratio > 0 else -1.0
        return round(50 + 50 * min(max(part, -1.0), 1.0), 1)

    return Mark(place(found.ratio), place(found.low), place(found.high))
