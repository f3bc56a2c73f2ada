"""How narrow the intervals of a run are: the question that `--until-tight` asks after each round. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.model import JsonObject
from harness.stats.interval import estimate
from harness.stats.quantile import median

RATE_LIMIT_RATIO = 0.05
"""Of throughput, capacity, CPU per request and time to ready: half an interval, as a share of the figure."""
PERCENTILE_LIMIT_RATIO = 0.15
"""Of a P99, which hangs on one request in a hundred."""


@dataclass(frozen=True, slots=True)
class Width:
    """A figure of one case: half its interval as a share of it (None: one trial has none), and what is allowed."""

    case: str
    figure: str
    half_ratio: float | None
    limit_ratio: float

    @property
    def is_tight(self) -> bool:
        return self.half_ratio is not None and self.half_ratio <= self.limit_ratio

    @property
    def excess(self) -> float:
        """How many times as wide as it may be."""
        return math.inf if self.half_ratio is None else self.half_ratio / self.limit_ratio

    @property
    def text(self) -> str:
        wide = (
            "of one trial, so without an interval" if self.half_ratio is None else f"±{self.half_ratio:.1%}"
        )
        return f"{self.figure} of {self.case}: {wide} (wanted ±{self.limit_ratio:.0%})"


def widest(trials: Iterable[JsonObject]) -> Width | None:
    """Of the headline figures of all cases, the one furthest from tight; None when no trial has any.

    Only valid trials count. A case without one has no interval to wait for.
    """
    values: dict[tuple[str, str, float], list[float]] = {}
    for trial in trials:
        if trial["status"] == "valid":
            for name, limit_ratio, value in _figures(trial):
                values.setdefault((trial["case"]["id"], name, limit_ratio), []).append(value)
    widths = [Width(case, name, _half_ratio(found), limit) for (case, name, limit), found in values.items()]
    return max(widths, key=lambda w: w.excess, default=None)


def _half_ratio(values: Sequence[float]) -> float | None:
    """The interval is one of logarithms, so half of it is the square root of its ends' ratio."""
    found = estimate(values)
    return None if found.low is None or found.high is None else math.sqrt(found.high / found.low) - 1


def _figures(trial: JsonObject) -> Iterator[tuple[str, float, float]]:
    """(name, limit, value) of each headline figure that this trial has; those of several connections by the best."""
    peaks: dict[str, float] = {}
    for window in trial.get("windows") or []:
        name = window["name"]
        if window["mode"] == "closed":
            peaks[name] = max(peaks.get(name, 0.0), window["throughput_rps"] or 0.0)
        elif window["mode"] == "capacity":
            yield from _known(f"capacity in {name}", RATE_LIMIT_RATIO, window["capacity_rps"])
        else:
            shown = (window["latency"].get(window["headline"]["kind"]) or {}).get(
                window["headline"]["measure"]
            )
            yield from _known(f"P99 in {name}", PERCENTILE_LIMIT_RATIO, shown and shown["p99_ns"])
            cpu_ns = (window["cpu"] or {}).get("cpu_ns_per_request")
            yield from _known(f"CPU per request in {name}", RATE_LIMIT_RATIO, cpu_ns)
    for name, throughput_rps in peaks.items():
        yield from _known(f"throughput in {name}", RATE_LIMIT_RATIO, throughput_rps)
    if starts := trial.get("cold_starts"):
        yield from _known("time to ready", RATE_LIMIT_RATIO, median([s["ready_ns"] for s in starts]))


def _known(name: str, limit_ratio: float, value: float | None) -> Iterator[tuple[str, float, float]]:
    """A figure of 0 has no ratio, and so no interval either."""
    if value is not None and value > 0:
        yield name, limit_ratio, float(value)
