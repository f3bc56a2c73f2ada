"""What a service used in a span of time: medians, peaks, and the rise of counters between two instants."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from harness.probes.samples import Row
from harness.stats.quantile import median, spread_ratio


@dataclass(frozen=True, slots=True)
class Level:
    """A figure that goes up and down: its median, its highest, and (P95 − P5) ÷ median."""

    median: float
    peak: int
    jitter_ratio: float | None
    samples: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used between two instants; None where the samples do not hold them.

    Rises of counters are interpolated at both ends, save those of faults (TCP, throttling): they are taken
    from the nearest rows outside, so that no fault is lost between two reads.
    """

    duration_ns: int
    samples: int
    rss_bytes: Level | None
    pss_bytes: Level | None
    anon_bytes: Level | None
    threads: Level | None
    cpu_ns: float | None
    utime_ns: float | None
    stime_ns: float | None
    voluntary_switches: float | None
    involuntary_switches: float | None
    minor_faults: float | None
    major_faults: float | None
    nic_received_bytes: float | None
    nic_sent_bytes: float | None
    throttled_periods: int | None
    throttled_ns: int | None
    tcp_faults: dict[str, int]
    loss_probes: int | None
    host_busy_ns: float | None
    host_steal_ns: float | None
    steal_ratio: float | None  # of the worst of the cores that were watched
    sampler_cpu_ratio: float | None
    sampler_late_ns: Level | None


_INTERPOLATED = (
    "cpu_ns",
    "utime_ns",
    "stime_ns",
    "voluntary_switches",
    "involuntary_switches",
    "minor_faults",
    "major_faults",
    "nic_received_bytes",
    "nic_sent_bytes",
    "host_busy_ns",
    "host_steal_ns",
)
_TCP_FAULTS = ("listen_overflows", "listen_drops", "backlog_drops", "tcp_timeouts", "syn_retransmits")


def usage(rows: Sequence[Row], start_unix_ns: int, end_unix_ns: int) -> Usage:
    """What `rows` (in time order) say of the span. Raises ValueError when it ends before it starts."""
    if end_unix_ns <= start_unix_ns:
        raise ValueError(f"the span ends at {end_unix_ns}, not after its start at {start_unix_ns}")
    inside = [r for r in rows if start_unix_ns <= r.unix_ns <= end_unix_ns]
    span = (start_unix_ns, end_unix_ns)
    duration_ns = end_unix_ns - start_unix_ns
    tcp = {name: rise for name in _TCP_FAULTS if (rise := _rise_around(rows, name, span)) is not None}
    sampler_ns = _rise(_series(rows, "sampler_cpu_ns"), span)
    return Usage(
        duration_ns=duration_ns,
        samples=sum(r.rss_bytes is not None for r in inside),
        rss_bytes=_level(inside, "rss_bytes"),
        pss_bytes=_level(inside, "pss_bytes"),
        anon_bytes=_level(inside, "cgroup_anon_bytes"),
        threads=_level(inside, "threads"),
        throttled_periods=_rise_around(rows, "throttled_periods", span),
        throttled_ns=_rise_around(rows, "throttled_ns", span),
        tcp_faults=tcp,
        loss_probes=_rise_around(rows, "loss_probes", span),
        steal_ratio=_steal_ratio(rows, span),
        sampler_cpu_ratio=None if sampler_ns is None else sampler_ns / duration_ns,
        sampler_late_ns=_level(inside, "late_ns"),
        **{name: _rise(_series(rows, name), span) for name in _INTERPOLATED},
    )


def marked_unix_ns(rows: Sequence[Row], name: str) -> int | None:
    """When `mark NAME` was last given; None: never."""
    return next((r.unix_ns for r in reversed(rows) if r.event == f"mark {name}"), None)


def notes(rows: Sequence[Row]) -> list[str]:
    """What the sampler could not read, and why."""
    return [r.event.removeprefix("note ") for r in rows if r.event.startswith("note ")]


def _series(rows: Sequence[Row], name: str) -> tuple[list[int], list[int]]:
    found = [(r.unix_ns, value) for r in rows if (value := getattr(r, name)) is not None]
    return [at for at, _ in found], [value for _, value in found]


def _level(rows: Sequence[Row], name: str) -> Level | None:
    _, values = _series(rows, name)
    return Level(median(values), max(values), spread_ratio(values), len(values)) if values else None


def _at(series: tuple[list[int], list[int]], unix_ns: int) -> float | None:
    """A counter's value at an instant, between the rows beside it linearly; None outside what was sampled."""
    times, values = series
    right = bisect_left(times, unix_ns)
    if right == len(times) or (right == 0 and times[0] != unix_ns):
        return None
    if times[right] == unix_ns:
        return values[right]
    share = (unix_ns - times[right - 1]) / (times[right] - times[right - 1])
    return values[right - 1] + share * (values[right] - values[right - 1])


def _rise(series: tuple[list[int], list[int]], span: tuple[int, int]) -> float | None:
    start, end = _at(series, span[0]), _at(series, span[1])
    return None if start is None or end is None else end - start


def _rise_around(rows: Sequence[Row], name: str, span: tuple[int, int]) -> int | None:
    times, values = _series(rows, name)
    before, after = bisect_right(times, span[0]) - 1, bisect_left(times, span[1])
    return values[after] - values[before] if before >= 0 and after < len(times) else None


def _steal_ratio(rows: Sequence[Row], span: tuple[int, int]) -> float | None:
    watched = {core for r in rows for core in r.cores}
    rises = []
    for core in watched:
        found = [(r.unix_ns, r.cores[core].steal_ns) for r in rows if core in r.cores]
        rises.append(_rise(([at for at, _ in found], [ns for _, ns in found]), span))
    known = [rise for rise in rises if rise is not None]
    return max(known) / (span[1] - span[0]) if known else None
