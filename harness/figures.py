"""From the raw records of one window to its figures. Pure: the same records give the same figures.

Everything that a report shows of a window is computed here, from `latency.hlog`, `seconds.csv`, the
workers' totals and the sampler's rows, all of which lie beside `trial.json`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.load.result import MEASURES, Measure, Recording
from harness.model import JsonObject
from harness.probes.samples import Row
from harness.probes.usage import Usage, marked_unix_ns, usage
from harness.stats.histogram import Histogram
from harness.stats.quantile import median
from harness.units import NS_PER_S

Rest = Literal["idle", "after"]
"""The spans without load in which memory is read: before the first request, and after the last."""

ALL_KINDS = "all"
_SPIKE_FACTOR = 3.0


@dataclass(frozen=True)
class Counts:
    """Requests of one window, over all workers."""

    intended: int
    sent: int
    completed: int
    failed: Mapping[str, int]
    dropped: int
    checked_bodies: int
    by_kind: Mapping[str, Mapping[str, int]]

    @property
    def answered_otherwise(self) -> int:
        """Whole answers that were not the expected ones: the target counted them as answers too."""
        return self.failed.get("status", 0) + self.failed.get("body", 0)

    @property
    def finished(self) -> int:
        """Sent, and answered or failed: what Locust counts as requests."""
        return self.completed + sum(self.failed.values())

    @property
    def failures(self) -> int:
        """Answers other than the expected one, and requests that were never sent."""
        return sum(self.failed.values()) + self.dropped


def counts(totals: Sequence[Mapping[str, object]]) -> Counts:
    """The sum of the workers' totals (see docs/load-protocol.md)."""

    def total(name: str) -> int:
        return sum(int(str(t.get(name, 0))) for t in totals)

    failed: dict[str, int] = {}
    by_kind: dict[str, dict[str, int]] = {}
    for worker in totals:
        for reason, count in _mapping(worker.get("failed")).items():
            failed[reason] = failed.get(reason, 0) + int(str(count))
        for kind, numbers in _mapping(worker.get("by_kind")).items():
            into = by_kind.setdefault(kind, {"sent": 0, "completed": 0, "failed": 0})
            for name, count in _mapping(numbers).items():
                into[name] = into.get(name, 0) + int(str(count))
    return Counts(
        intended=total("intended"),
        sent=total("sent"),
        completed=total("completed"),
        failed={k: v for k, v in sorted(failed.items()) if v},
        dropped=total("dropped"),
        checked_bodies=total("checked_bodies"),
        by_kind=by_kind,
    )


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def latency(histogram: Histogram) -> JsonObject | None:
    """Percentiles in ns; one with fewer than ten samples above it is None. None for an empty histogram."""
    if not histogram.count:
        return None
    return {
        "count": histogram.count,
        "mean_ns": round(histogram.mean_ns or 0),
        "p50_ns": histogram.percentile(50),
        "p90_ns": histogram.percentile(90),
        "p99_ns": histogram.percentile(99),
        "p999_ns": histogram.percentile(99.9),
        "max_ns": histogram.max_ns,
    }


def latencies(recording: Recording) -> JsonObject:
    """`{kind: {measure: percentiles}}` over the whole window, and `all` kinds together."""
    return {
        kind: {measure: latency(histogram_of(recording, kind, measure)) for measure in MEASURES}
        for kind in (*recording.kinds, ALL_KINDS)
    }


def histogram_of(
    recording: Recording, kind: str, measure: Measure, seconds: range | None = None
) -> Histogram:
    """One kind's times, or those of `all` kinds."""
    return recording.histogram(measure, kinds=None if kind == ALL_KINDS else [kind], seconds=seconds)


def spikes(recording: Recording, kind: str, measure: Measure) -> JsonObject:
    """Seconds whose P99 exceeds three times the median of the window's per-second P99."""
    seconds = sorted(
        {k.second for k in recording.histograms if k.measure == measure and kind in (k.kind, ALL_KINDS)}
    )
    per_second = [
        value
        for s in seconds
        if (value := _second_p99(histogram_of(recording, kind, measure, range(s, s + 1)))) is not None
    ]
    if len(per_second) < 3:
        return {"seconds": len(per_second), "spikes": None, "worst_second_p99_ns": None}
    typical = median(per_second)
    return {
        "seconds": len(per_second),
        "spikes": sum(v > _SPIKE_FACTOR * typical for v in per_second),
        "worst_second_p99_ns": max(per_second),
    }


def _second_p99(histogram: Histogram) -> int | None:
    """P99 of one second; with under 1,000 samples the slowest but ten, so that slow seconds still show."""
    if histogram.count < 20:
        return None
    return histogram.percentile(min(99.0, 100.0 * (1 - 10 / histogram.count)))


def throughput_rps(completed: int, duration_s: float) -> float | None:
    return completed / duration_s if duration_s > 0 else None


def cpu(usage: Usage, completed: int, budget_cores: int) -> JsonObject:
    """CPU time a request, and the share of its budget that the target used. None where it was not read."""
    cpu_ns = usage.cpu_ns
    switches = [usage.voluntary_switches, usage.involuntary_switches]
    known = [s for s in switches if s is not None]
    return {
        "cpu_ns": None if cpu_ns is None else round(cpu_ns),
        "cpu_ns_per_request": round(cpu_ns / completed) if cpu_ns is not None and completed else None,
        "budget_ratio": None if cpu_ns is None else cpu_ns / (usage.duration_ns * budget_cores),
        "switches_per_request": sum(known) / completed if known and completed else None,
        "user_ratio": usage.utime_ns / cpu_ns if cpu_ns and usage.utime_ns is not None else None,
    }


def memory(usage: Usage) -> JsonObject:
    """RSS of the process tree within the span (and anonymous memory of its cgroup, in containers)."""
    rss, pss, anon = usage.rss_bytes, usage.pss_bytes, usage.anon_bytes
    return {
        "rss_median_bytes": None if rss is None else round(rss.median),
        "rss_peak_bytes": None if rss is None else rss.peak,
        "rss_jitter_ratio": None if rss is None else rss.jitter_ratio,
        "pss_median_bytes": None if pss is None else round(pss.median),
        "pss_peak_bytes": None if pss is None else pss.peak,
        "cgroup_anon_median_bytes": None if anon is None else round(anon.median),
        "cgroup_anon_peak_bytes": None if anon is None else anon.peak,
    }


def generator(totals: Sequence[Mapping[str, object]], duration_s: float, threads: int = 1) -> JsonObject:
    """How hard the workers, of so many threads each, worked.

    `utilisation_ratio`: of the busiest thread, busy ÷ length of the window; waiting for the next instant is not busy.
    """
    wall_ns = duration_s * NS_PER_S
    busiest = max((int(str(t.get("busiest_ns", 0))) for t in totals), default=0)
    cpu_ns = sum(int(str(t.get("cpu_user_ns", 0))) + int(str(t.get("cpu_system_ns", 0))) for t in totals)
    completed = sum(int(str(t.get("completed", 0))) for t in totals)
    return {
        "workers": len(totals),
        "threads": threads,
        "utilisation_ratio": busiest / wall_ns if wall_ns else None,
        "cpu_ns": cpu_ns,
        "requests_per_cpu_s": completed / (cpu_ns / NS_PER_S) if cpu_ns else None,
        "max_backlog": max((int(str(t.get("max_backlog", 0))) for t in totals), default=0),
        "connections_lost": sum(int(str(t.get("connections_lost", 0))) for t in totals),
    }


def span(rows: Sequence[Row], start_unix_ns: int, end_unix_ns: int) -> Usage | None:
    """What was used between two instants; None where nothing was sampled."""
    return usage(rows, start_unix_ns, end_unix_ns) if rows and end_unix_ns > start_unix_ns else None


def rest_memory(rows: Sequence[Row], rest: Rest) -> JsonObject | None:
    """Memory in a rest, between its two marks; None where one of them is missing."""
    start, end = (marked_unix_ns(rows, mark) for mark in rest_marks(rest))
    used = span(rows, start, end) if start is not None and end is not None else None
    return memory(used) if used else None


def rest_marks(rest: Rest) -> tuple[str, str]:
    """What `samples.csv` says where a rest begins and ends."""
    return f"{rest} begins", f"{rest} ends"
