"""Change points in a series of nights: since when is a figure another one? Pure and deterministic.

PELT (Killick, Fearnhead and Eckley 2012, as in the library `ruptures`) with the absolute deviation from the median
as cost, on logarithms: one odd night is no change, and a change is a ratio.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.errors import InfrastructureError

FEWEST_NIGHTS = 10
SHORTEST_SEGMENT = 3
PENALTY = 12.0
"""In units of the noise. Of made-up series without a change 1 % of those of 10 nights then show one, fewer of longer
ones (normal noise; Student's t with 3 degrees of freedom: fewer still; correlated by 0.3: up to 2.5 %)."""
_LEAST_NOISE = 0.002
"""Of the logarithm: series that hardly vary at all are not searched for changes of a thousandth."""
_MAD_TO_SIGMA = 1.4826  # of a normal distribution


@dataclass(frozen=True, slots=True)
class Change:
    """From night `index` on (counted from 0) the figure is `ratio` times what it was in the segment before."""

    index: int
    before: float
    after: float

    @property
    def ratio(self) -> float:
        return self.after / self.before


def changes(values: Sequence[float]) -> tuple[Change, ...] | None:
    """The changes, oldest first; None: too few nights to tell. All values must be positive (ValueError).

    Raises InfrastructureError where there is no `ruptures`: it does not support every Python that the harness does.
    """
    if len(values) < FEWEST_NIGHTS:
        return None
    if min(values) <= 0:
        raise ValueError("a series that is to be searched for ratios must be positive")
    try:
        import ruptures  # takes a second, so only where it is needed
    except ImportError as error:
        raise InfrastructureError(
            "the library ruptures, which finds changes, is not here: make setup PYTHON=python3.13 (or older)"
        ) from error
    logs = np.log(np.asarray(values, dtype=float))
    scaled = (logs / max(_noise(logs), _LEAST_NOISE)).reshape(-1, 1)
    search = ruptures.Pelt(model="l1", min_size=SHORTEST_SEGMENT, jump=1).fit(scaled)
    ends = [0, *search.predict(pen=PENALTY)]
    centres = [math.exp(float(np.median(logs[start:end]))) for start, end in itertools.pairwise(ends)]
    return tuple(
        Change(index, before, after)
        for index, before, after in zip(ends[1:-1], centres[:-1], centres[1:], strict=True)
    )


def _noise(logs: np.ndarray) -> float:
    """Standard deviation of a night, robust, from differences of neighbours: a change is in one of them only."""
    steps = np.diff(logs)
    return float(_MAD_TO_SIGMA * np.median(np.abs(steps - np.median(steps))) / math.sqrt(2))
