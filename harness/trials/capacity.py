"""The search for a capacity: the highest rate whose P99 stays within a limit. Pure: probes in, next rate out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

ERROR_LIMIT_RATIO = 0.001
PRECISION = 1.05
"""The search ends when the lowest rate that failed is at most so many times the highest that held."""

_FIRST_SHARE_OF_PEAK = 0.85
_WIDE_STEP = 1.2
_WIDE_PROBES = 9
_NARROW_PROBES = 8
_WIDE_STRIDE = 2.0
_NARROW_STRIDE = PRECISION**2
_LOWEST_SHARE_OF_START = 0.05
"""A rate under this would take long to probe, and say little: the limit does not fit the service or the machine."""

_UNJUDGED_RATES = 2
"""With so many rates that nothing could be said of, there is no use in trying others."""

Bound = Literal["exact", "at least", "none", "unknown"]
"""none: every rate that was tried failed; unknown: nothing could be said of any."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What a probe must hold."""

    p99_ns: int
    error_ratio: float = ERROR_LIMIT_RATIO


@dataclass(frozen=True, slots=True)
class Probe:
    """One short window at `rate_rps`. `invalid_because`: why its figures cannot be believed, if so."""

    rate_rps: float
    p99_ns: int | None
    error_ratio: float | None
    invalid_because: tuple[str, ...] = ()

    @property
    def judged(self) -> bool:
        return not self.invalid_because and self.p99_ns is not None and self.error_ratio is not None

    def holds(self, limit: Limit) -> bool:
        """Within the limits; False for a probe that could not be judged."""
        if not self.judged or self.p99_ns is None or self.error_ratio is None:
            return False
        return self.p99_ns <= limit.p99_ns and self.error_ratio <= limit.error_ratio


@dataclass(frozen=True, slots=True)
class Search:
    """Where a search begins, how far its first step and its longest one go, and when it gives up.

    Beyond `peak_rps`, the throughput under closed load, it goes by the smallest steps: there a service soon fails.
    """

    limit: Limit
    start_rps: float
    step: float
    longest_step: float
    max_probes: int
    peak_rps: float | None = None

    @classmethod
    def below_peak(cls, limit: Limit, peak_rps: float) -> Search:
        """Nothing is known but the throughput under closed load: from there downwards."""
        start_rps = peak_rps * _FIRST_SHARE_OF_PEAK
        return cls(limit, start_rps, _WIDE_STEP, _WIDE_STRIDE, _WIDE_PROBES, peak_rps)

    @classmethod
    def around(cls, limit: Limit, found_rps: float, draw: float) -> Search:
        """An earlier trial has found a capacity: does this one?

        Begins within half a step of it, where the `draw` from [0, 1) says: from the same rate in each trial all
        would come to one of few figures, and look more alike than they are (decision 0014).
        """
        start_rps = float(found_rps * PRECISION ** (draw - 0.5))
        return cls(limit, start_rps, PRECISION, _NARROW_STRIDE, _NARROW_PROBES)


@dataclass(frozen=True, slots=True)
class Try:
    """The rate to probe next."""

    rate_rps: float


@dataclass(frozen=True, slots=True)
class Found:
    """The end of a search. `capacity_rps` is the highest rate that held, None when none did."""

    capacity_rps: float | None
    bound: Bound
    text: str


def next_step(search: Search, probes: Sequence[Probe]) -> Try | Found:
    """What follows from the probes so far: the next rate, or the result.

    A probe that could not be judged is repeated once; a rate that failed to be judged twice bounds the search
    from above, and what is found below it is a lower bound. Nothing above a rate that failed is ever believed.
    """
    if not probes:
        return Try(search.start_rps)
    last = probes[-1]
    if not last.judged and sum(p.rate_rps == last.rate_rps for p in probes) == 1:
        return Try(last.rate_rps)
    failed = {p.rate_rps for p in probes if p.judged and not p.holds(search.limit)}
    unjudged = {p.rate_rps for p in probes} - {p.rate_rps for p in probes if p.judged}
    high_rps = min(failed | unjudged, default=None)
    held = [
        p.rate_rps for p in probes if p.holds(search.limit) and (high_rps is None or p.rate_rps < high_rps)
    ]
    low_rps = max(held, default=None)
    if low_rps is not None and high_rps is not None and high_rps / low_rps <= PRECISION:
        return _closed(low_rps, high_rps, exact=high_rps in failed)
    if len(probes) >= search.max_probes or len(unjudged) >= _UNJUDGED_RATES:
        return _given_up(low_rps, high_rps, probes)
    if low_rps is None:
        assert high_rps is not None
        rate_rps = high_rps / _stride(search, len(failed | unjudged))
        if rate_rps < search.start_rps * _LOWEST_SHARE_OF_START:
            return _given_up(low_rps, high_rps, probes)
        return Try(rate_rps)
    if high_rps is not None:
        return Try(math.sqrt(low_rps * high_rps))
    return _upwards(search, low_rps, len(held))


def _upwards(search: Search, low_rps: float, held: int) -> Try:
    rate_rps = low_rps * _stride(search, held)
    if search.peak_rps is None or rate_rps < search.peak_rps:
        return Try(rate_rps)
    return Try(max(search.peak_rps, low_rps * PRECISION))


def _stride(search: Search, count: int) -> float:
    """Each step in the same direction is the square of the one before, up to the longest."""
    return min(search.longest_step, float(search.step ** (2 ** (count - 1))))


def _closed(low_rps: float, high_rps: float, *, exact: bool) -> Found:
    if exact:
        return Found(low_rps, "exact", f"{low_rps:,.0f}/s held the limit, {high_rps:,.0f}/s did not")
    return Found(
        low_rps, "at least", f"{low_rps:,.0f}/s held the limit, {high_rps:,.0f}/s could not be judged"
    )


def _given_up(low_rps: float | None, high_rps: float | None, probes: Sequence[Probe]) -> Found:
    above = f"; above {high_rps:,.0f}/s nothing is known to hold" if high_rps is not None else ""
    if low_rps is not None:
        return Found(low_rps, "at least", f"{low_rps:,.0f}/s held the limit{above}")
    why = next((p.invalid_because[0] for p in reversed(probes) if p.invalid_because), None)
    lowest_rps = min(p.rate_rps for p in probes)
    text = f"no rate down to {lowest_rps:,.0f}/s held the limit"
    bound: Bound = "none" if any(p.judged for p in probes) else "unknown"
    return Found(None, bound, f"{text} ({why})" if why else text)
