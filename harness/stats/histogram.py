"""Latency histograms, a typed face on the HdrHistogram library: ns from 1 µs to 60 s, 3 digits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from hdrh.histogram import HdrHistogram

LOWEST_NS = 1_000
HIGHEST_NS = 60_000_000_000
SIGNIFICANT_DIGITS = 3

SAMPLES_ABOVE = 10
"""A percentile is only stated when at least so many samples lie above it."""

_Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class CurvePoint:
    """`percentile` percent of the samples took `value_ns` or less."""

    percentile: float
    value_ns: int


class Histogram:
    """Counts of durations. What lies outside the range is counted at its nearer end, never dropped."""

    def __init__(self) -> None:
        self._hdr: Any = HdrHistogram(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_DIGITS)

    # --- filling ------------------------------------------------------------------------------------------

    def record(self, value_ns: int, count: int = 1) -> None:
        self._hdr.record_value(min(max(value_ns, 0), HIGHEST_NS), count)

    def add(self, other: Histogram) -> None:
        """Adds the other's counts to this one; the other is left as it is."""
        if other.count:
            self._hdr.add(other._hdr)

    @classmethod
    def merged(cls, histograms: Iterable[Histogram]) -> Histogram:
        """A new histogram with all counts; empty when there are none."""
        total = cls()
        for histogram in histograms:
            total.add(histogram)
        return total

    # --- asking -------------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        return int(self._hdr.get_total_count())

    @property
    def max_ns(self) -> int | None:
        """The upper end of the highest bucket that holds a sample; None when empty."""
        return int(self._hdr.get_max_value()) if self.count else None

    @property
    def mean_ns(self) -> float | None:
        """Mean of the samples, each taken as the middle of its bucket; None when empty."""
        if not self.count:
            return None
        counts = self._counts()
        filled = np.flatnonzero(counts)
        middles = (_LAYOUT.lower_ns[filled] + _LAYOUT.upper_ns[filled]) / 2
        return float(np.dot(middles, counts[filled]) / counts[filled].sum())

    def percentile(self, percent: float) -> int | None:
        """The value in ns that `percent` percent of the samples do not exceed (upper end of its bucket).

        None when fewer than 10 samples lie above it: a p99 needs 1,000 samples, a p99.9 10,000.
        Raises ValueError when `percent` is not within 0..100.
        """
        if not 0 <= percent <= 100:
            raise ValueError(f"percentile {percent} is not within 0..100")
        # Rounded, because 1,000 × (100 − 99.9) ÷ 100 is a hair under 1 in binary.
        if round(self.count * (100 - percent) / 100, 6) < SAMPLES_ABOVE:
            return None
        return self._value_at(percent)

    def count_above(self, value_ns: int) -> int:
        """How many samples took longer; those in the bucket of `value_ns` do not count."""
        counts = self._counts()
        first = int(np.searchsorted(_LAYOUT.lower_ns, value_ns, side="right"))
        return int(counts[first:].sum())

    def curve(self, points_per_half: int = 10) -> tuple[CurvePoint, ...]:
        """Points for a plot: each halving of what lies above gets as many, up to the last one known."""
        percents: list[float] = []
        remaining = 100.0
        while self.count * remaining / 100 >= SAMPLES_ABOVE:
            step = remaining / 2 / points_per_half
            percents += [100 - remaining + step * i for i in range(points_per_half)]
            remaining /= 2
        points = ((percent, self.percentile(percent)) for percent in percents)
        return tuple(CurvePoint(percent, value) for percent, value in points if value is not None)

    def _value_at(self, percent: float) -> int:
        rank = max(1, math.ceil(round(self.count * percent / 100, 6)))
        index = int(np.searchsorted(np.cumsum(self._counts()), rank))
        return int(_LAYOUT.upper_ns[index])

    def _counts(self) -> _Counts:
        """The library's own counters, not a copy. A decoded histogram's may end at its highest sample."""
        return np.frombuffer(memoryview(self._hdr.counts), dtype=np.int64)

    # --- storing ------------------------------------------------------------------------------------------

    def encode(self) -> str:
        """HdrHistogram's compressed V2 form in base64, as any HdrHistogram library reads it."""
        return str(self._hdr.encode(), "ascii")

    @classmethod
    def decode(cls, text: str) -> Histogram:
        """Raises ValueError when the text is no V2 histogram with this range and resolution."""
        try:
            decoded = HdrHistogram.decode(text)
        except Exception as error:  # the library lets zlib, binascii, struct and its own errors through
            raise ValueError(f"not a compressed V2 histogram: {error}") from error
        found = (
            decoded.lowest_trackable_value,
            decoded.highest_trackable_value,
            decoded.significant_figures,
        )
        if found != (LOWEST_NS, HIGHEST_NS, SIGNIFICANT_DIGITS):
            raise ValueError(f"histogram of (lowest, highest, digits) {found} does not fit ours")
        histogram = cls.__new__(cls)
        histogram._hdr = decoded
        return histogram

    @classmethod
    def decode_all(cls, texts: Sequence[str]) -> Histogram:
        """The sum of encoded histograms. Raises ValueError as `decode` does."""
        return cls.merged(map(cls.decode, texts))


class _Layout:
    """Which durations each counter stands for: the same for all histograms here, computed on first use."""

    @cached_property
    def lower_ns(self) -> _Counts:
        hdr = HdrHistogram(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_DIGITS)
        return np.array([hdr.get_value_from_index(i) for i in range(hdr.counts_len)], dtype=np.int64)

    @cached_property
    def upper_ns(self) -> _Counts:
        last = 2 * self.lower_ns[-1] - self.lower_ns[-2]
        return np.append(self.lower_ns[1:], last) - 1


_LAYOUT = _Layout()
