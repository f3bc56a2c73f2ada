"""The metrics that a scenario may promise: how they are called, in which unit, and which figure they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

PromiseUnit = Literal["/s", "ms", "µs", "s", "MiB", "%", ""]


@dataclass(frozen=True)
class Promised:
    """A metric that can be promised: its title, the figure of a row that it is, the unit that the promise is in."""

    title: str
    figure: str
    unit: PromiseUnit


class _Sort(NamedTuple):
    title: str
    figure: str
    sort: str


_UNITS: Mapping[str, Mapping[str, PromiseUnit]] = {
    "time": {"_ms": "ms", "_us": "µs", "_s": "s"},
    "size": {"_mib": "MiB"},
    "rate": {"_rps": "/s"},
    "share": {"_percent": "%", "_ratio": ""},
    "count": {"": ""},
}
_WINDOW = {
    "response_p50": _Sort("P50 latency", "p50_ns", "time"),
    "response_p90": _Sort("P90 latency", "p90_ns", "time"),
    "response_p99": _Sort("P99 latency", "p99_ns", "time"),
    "response_p999": _Sort("P99.9 latency", "p999_ns", "time"),
    "throughput": _Sort("throughput", "throughput_rps", "rate"),
    "cpu_per_request": _Sort("CPU per request", "cpu_ns_per_request", "time"),
    "errors": _Sort("share of errors", "error_ratio", "share"),
    "spikes": _Sort("spikes", "spikes", "count"),
}
_CAPACITY = {
    "capacity": _Sort("capacity", "capacity_rps", "rate"),
    **{name: figure for name, figure in _WINDOW.items() if name not in ("throughput", "spikes")},
}
_SERVICE = {
    "ready": _Sort("time to ready", "ready_ns", "time"),
    "memory_idle": _Sort("memory idle", "idle_rss_bytes", "size"),
    "memory_loaded": _Sort("memory loaded", "loaded_rss_bytes", "size"),
    "memory_peak": _Sort("memory peak", "peak_rss_bytes", "size"),
    "memory_after": _Sort("memory after load", "after_rss_bytes", "size"),
}
_OF_KIND = {
    "load": _SERVICE,
    "reload": {
        **_SERVICE,
        "reload_failures": _Sort("requests failed by reloads", "reload_failures", "count"),
        "reload_told": _Sort("reload when told", "told_ns", "time"),
        "reload_noticed": _Sort("reload when not told", "noticed_ns", "time"),
        "response_p99_around": _Sort("P99 latency around reloads", "p99_around_ns", "time"),
    },
    "cold-start": {
        "ready": _Sort("time to ready", "ready_median_ns", "time"),
        "ready_slowest": _Sort("slowest time to ready", "ready_max_ns", "time"),
        "authorised": _Sort("time to authorised answer", "authorised_median_ns", "time"),
    },
    "memory": {"memory_idle": _Sort("memory idle", "idle_rss_bytes", "size")},
}


def of_window(mode: str) -> dict[str, Promised]:
    """What may be promised of a window of that mode, by its full name: `response_p99_ms`."""
    return dict(_named(_CAPACITY if mode == "capacity" else _WINDOW))


def of_scenario(kind: str) -> dict[str, Promised]:
    """What may be promised without a window, in a scenario of that kind: `memory_peak_mib`."""
    return dict(_named(_OF_KIND[kind]))


def _named(figures: Mapping[str, _Sort]) -> Iterator[tuple[str, Promised]]:
    for name, (title, figure, sort) in figures.items():
        for ending, unit in _UNITS[sort].items():
            yield f"{name}{ending}", Promised(title, figure, unit)
