"""What is read from a trial's record, each metric with its unit and direction. Data and small readers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.report.model import Direction, Display, Unit
from harness.stats.histogram import SAMPLES_ABOVE
from harness.stats.quantile import median

Record = Mapping[str, Any]
Value = float | None


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure of a trial, or of a window of it.

    `ranked_in`: the kinds of window in which it may decide. `relative`: its trials differ by ratios, so that
    it has a geometric mean and an interval; others (counts, shares that may be 0) show their median.
    `headline`: one of the few that stand for the rest.
    """

    name: str
    title: str
    unit: Unit
    display: Display
    better: Direction | None
    read: Callable[[Record], Value]
    ranked_in: frozenset[str] = frozenset()
    relative: bool = True
    headline: bool = False


def at(*path: str) -> Callable[[Record], Value]:
    """Reads one member; None when it, or what it lies in, is missing."""

    def read(record: Record) -> Value:
        found: Any = record
        for name in path:
            if not isinstance(found, Mapping):
                return None
            found = found.get(name)
        return None if found is None else float(found)

    return read


def headline(window: Record) -> Record | None:
    """The percentiles that a window shows: of the requests that had to be accepted; None without any."""
    chosen = window["headline"]
    found: Record | None = (window["latency"].get(chosen["kind"]) or {}).get(chosen["measure"])
    return found


def percentile(name: str) -> Callable[[Record], Value]:
    def read(window: Record) -> Value:
        found = headline(window)
        return None if found is None or found[name] is None else float(found[name])

    return read


def error_ratio(window: Record) -> Value:
    requests = window["requests"]
    finished = requests["completed"] + requests["failures"]
    return requests["failures"] / finished if finished else None


def unavailable_ratio(window: Record) -> Value:
    """Share of the answers that were 503, where the scenario expects some."""
    requests = window["requests"]
    kind = requests["by_kind"].get("unavailable") or {}
    return kind.get("completed", 0) / requests["completed"] if requests["completed"] else None


def loaded_peak(trial: Record) -> Value:
    return at("memory", "loaded", "rss_peak_bytes")(trial)


def time_to_ready(trial: Record) -> Value:
    """Median of all starts of the trial: that of the process that was loaded, and of those before it."""
    own = at("start", "ready_ns")(trial)
    return None if own is None else median([own, *trial["start"].get("further_ready_ns", ())])


_OPEN = frozenset({"open"})
_THROUGHPUT = frozenset({"closed"})

CAPACITY_METRIC = Metric(
    "capacity_rps",
    "capacity",
    "rps",
    "/s",
    "higher",
    at("capacity_rps"),
    frozenset({"capacity"}),
    headline=True,
)
WINDOW_METRICS = (
    Metric(
        "throughput_rps", "requests", "rps", "/s", "higher", at("throughput_rps"), _THROUGHPUT, headline=True
    ),
    Metric("p50_ns", "P50", "ns", "ms", "lower", percentile("p50_ns"), _OPEN),
    Metric("p90_ns", "P90", "ns", "ms", "lower", percentile("p90_ns"), _OPEN),
    Metric("p99_ns", "P99", "ns", "ms", "lower", percentile("p99_ns"), _OPEN, headline=True),
    Metric("p999_ns", "P99.9", "ns", "ms", "lower", percentile("p999_ns"), _OPEN),
    Metric(
        "cpu_ns_per_request",
        "CPU/req.",
        "ns",
        "µs",
        "lower",
        at("cpu", "cpu_ns_per_request"),
        _OPEN,
        headline=True,
    ),
    Metric("error_ratio", "errors", "ratio", "%", "lower", error_ratio, relative=False),
    Metric("spikes", "spikes", "count", "", "lower", at("spikes", "spikes"), relative=False),
    Metric(
        "rss_jitter_ratio", "jitter", "ratio", "%", "lower", at("memory", "rss_jitter_ratio"), relative=False
    ),
)

AT_CAPACITY_METRICS = tuple(
    m for m in WINDOW_METRICS if m.name.endswith("_ns") or m.name in ("cpu_ns_per_request", "error_ratio")
)
UNAVAILABLE_METRIC = Metric("unavailable_ratio", "503", "ratio", "%", None, unavailable_ratio, relative=False)

SERVICE = frozenset({"service"})
SERVICE_METRICS = (
    Metric("ready_ns", "ready", "ns", "ms", "lower", time_to_ready, SERVICE, headline=True),
    Metric(
        "idle_rss_bytes", "idle", "bytes", "MiB", "lower", at("memory", "idle", "rss_median_bytes"), SERVICE
    ),
    Metric(
        "loaded_rss_bytes",
        "loaded",
        "bytes",
        "MiB",
        "lower",
        at("memory", "loaded", "rss_median_bytes"),
        SERVICE,
        headline=True,
    ),
    Metric("peak_rss_bytes", "peak", "bytes", "MiB", "lower", loaded_peak, SERVICE),
    Metric(
        "after_rss_bytes",
        "after",
        "bytes",
        "MiB",
        "lower",
        at("memory", "after", "rss_median_bytes"),
        SERVICE,
    ),
    Metric(
        "jitter_ratio",
        "jitter",
        "ratio",
        "%",
        "lower",
        at("memory", "loaded", "rss_jitter_ratio"),
        relative=False,
    ),
    Metric("steady_at_s", "steady at", "s", "s", "lower", at("warmup", "steady_at_s"), relative=False),
)


def disturbed_tries(trial: Record) -> int:
    """How often a window of it was offered again, as the machine had disturbed it."""
    return sum(len(window.get("disturbed") or ()) for window in trial.get("windows") or ())


def why_missing(metric: str, trial: Record, window: Record | None) -> str:
    """The reason, in words, why a trial has no such figure."""
    if window is not None and metric in _PERCENTS:
        found = headline(window)
        if found is None:
            return "no request was answered as expected"
        return f"needs {round(SAMPLES_ABOVE / (1 - _PERCENTS[metric] / 100)):,} requests, there were fewer"
    if metric == "spikes":
        return "needs three seconds with 20 requests each"
    if metric.startswith("pause_"):
        return str((trial.get("pauses") or {}).get("missing_because") or "were not looked for")
    if metric == "steady_at_s":
        warmup = trial.get("warmup")
        return "there was no warm-up" if warmup is None else not_steady(warmup["verdict"])
    start = trial.get("start") or {}
    if start.get("pid_missing_because"):
        return str(start["pid_missing_because"])
    return "was not sampled"


def not_steady(verdict: str) -> str:
    """How a warm-up ended that was not found steady."""
    if verdict == "level":
        return "level from the start, but too noisy to be called steady"
    return f"never steady ({verdict})"


_PERCENTS = {"p50_ns": 50.0, "p90_ns": 90.0, "p99_ns": 99.0, "p999_ns": 99.9}
