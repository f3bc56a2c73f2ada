"""Many metrics are tested in one night: which of their p-values may be called discoveries?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.stats.interval import Floats


def benjamini_hochberg(p_values: Floats, level: float) -> npt.NDArray[np.bool_]:
    """True for what is a discovery with a false discovery rate of `level`; the metrics on the last axis.

    NaN is a metric that could not be tested: no discovery, and not counted. Benjamini and Hochberg,
    Controlling the False Discovery Rate (1995). When nothing differs at all, the chance of any discovery is
    at most `level`.
    """
    tested = (~np.isnan(p_values)).sum(axis=-1, keepdims=True)
    ordered = np.sort(np.where(np.isnan(p_values), np.inf, p_values), axis=-1)
    places = np.arange(1, p_values.shape[-1] + 1)
    small_enough = ordered <= places / np.maximum(tested, 1) * level
    found = np.where(small_enough, places, 0).max(axis=-1, keepdims=True)
    bound = np.where(found > 0, np.take_along_axis(ordered, np.maximum(found - 1, 0), axis=-1), -np.inf)
    return np.asarray(p_values <= bound)
