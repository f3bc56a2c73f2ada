"""What is read from trials that are not about load: fresh starts, changes of the routing table, connections."""

from __future__ import annotations

from collections.abc import Callable

from harness.report.metrics import Metric, Record, Value, at
from harness.stats.quantile import median


def _starts(name: str, choose: Callable[[list[float]], float]) -> Callable[[Record], Value]:
    def read(trial: Record) -> Value:
        starts = trial.get("cold_starts") or []
        return choose([float(s[name]) for s in starts]) if starts else None

    return read


COLD = frozenset({"cold-start"})
COLD_START_METRICS = (
    Metric("ready_median_ns", "ready", "ns", "ms", "lower", _starts("ready_ns", median), COLD, headline=True),
    Metric("ready_max_ns", "slowest", "ns", "ms", "lower", _starts("ready_ns", max)),
    Metric("ready_first_ns", "first start", "ns", "ms", "lower", _starts("ready_ns", lambda v: v[0])),
    Metric(
        "authorised_median_ns",
        "authorised",
        "ns",
        "ms",
        "lower",
        _starts("authorised_ns", median),
        COLD,
        headline=True,
    ),
    Metric("authorised_max_ns", "slowest auth.", "ns", "ms", "lower", _starts("authorised_ns", max)),
    Metric("stop_median_s", "stop", "s", "s", "lower", _starts("stop_s", median), relative=False),
)


def _changes(
    name: str, told: str | None, choose: Callable[[list[float]], float]
) -> Callable[[Record], Value]:
    """Of the changes of the routing table that the service was told of, or had to notice (None: of all)."""

    def read(trial: Record) -> Value:
        changes = (trial.get("reload") or {}).get("changes") or []
        values = [float(c[name]) for c in changes if told in (None, c["told"]) and c[name] is not None]
        return choose(values) if values else None

    return read


RELOAD = frozenset({"reload"})
RELOAD_METRICS = (
    Metric("reload_failures", "failed", "count", "", "lower", at("reload", "failures"), relative=False),
    Metric("taken_up", "taken up", "count", "", "higher", at("reload", "taken_up"), relative=False),
    Metric(
        "told_ns",
        "when told",
        "ns",
        "ms",
        "lower",
        _changes("first_new_ns", "signal", median),
        RELOAD,
        headline=True,
    ),
    Metric(
        "noticed_ns",
        "when not",
        "ns",
        "ms",
        "lower",
        _changes("first_new_ns", "file", median),
        RELOAD,
        headline=True,
    ),
    Metric("settled_ns", "last old", "ns", "ms", "lower", _changes("last_old_ns", None, max)),
    Metric("p99_around_ns", "P99 around", "ns", "ms", "lower", at("reload", "p99_around_ns"), RELOAD),
    Metric("p99_rest_ns", "P99 else", "ns", "ms", "lower", at("reload", "p99_rest_ns")),
)

PAUSE_METRICS = (
    Metric("pause_count", "pauses", "count", "", "lower", at("pauses", "loaded", "count"), relative=False),
    Metric(
        "pause_longest_ns",
        "longest pause",
        "ns",
        "ms",
        "lower",
        at("pauses", "loaded", "longest_ns"),
        relative=False,
    ),
    Metric(
        "pause_total_ns",
        "all pauses",
        "ns",
        "ms",
        "lower",
        at("pauses", "loaded", "total_ns"),
        relative=False,
    ),
    Metric(
        "pause_share_ratio",
        "of the time",
        "ratio",
        "%",
        "lower",
        at("pauses", "loaded", "share_ratio"),
        relative=False,
    ),
)

MEMORY = frozenset({"memory"})
IDLE_METRICS = (
    Metric(
        "idle_rss_bytes",
        "idle RSS",
        "bytes",
        "MiB",
        "lower",
        at("memory", "idle", "rss_median_bytes"),
        MEMORY,
        headline=True,
    ),
    Metric(
        "idle_pss_bytes",
        "idle PSS",
        "bytes",
        "MiB",
        "lower",
        at("memory", "idle", "pss_median_bytes"),
        MEMORY,
    ),
)


def connections_text(count: int) -> str:
    """`64`, `1k`, `10k`: a column's head has little room."""
    return str(count) if count < 1_000 else f"{count / 1_000:.0f}k"


def level_metrics(connections: int) -> tuple[Metric, Metric]:
    """Memory with so many kept connections, and what each of them took beyond idle."""

    def held(trial: Record) -> Value:
        levels = trial.get("memory_levels") or []
        memory = next((level["memory"] for level in levels if level["connections"] == connections), None)
        return None if memory is None else at("rss_median_bytes")(memory)

    def each(trial: Record) -> Value:
        total, idle = held(trial), at("memory", "idle", "rss_median_bytes")(trial)
        return None if total is None or idle is None else (total - idle) / connections

    return (
        Metric(
            f"rss_bytes_at_{connections}",
            f"{connections_text(connections)} conn.",
            "bytes",
            "MiB",
            "lower",
            held,
            MEMORY,
            headline=True,
        ),
        Metric(
            f"bytes_per_connection_at_{connections}",
            f"each of {connections_text(connections)}",
            "bytes",
            "KiB",
            "lower",
            each,
            relative=False,
        ),
    )
