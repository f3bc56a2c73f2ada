"""Histories as benches leave them, with figures of choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from harness.history import file_name
from harness.ledger import Ledger
from harness.model import JsonObject
from harness.units import NS_PER_S

CPU_KEY = "rate-1000/cpu_ns_per_request"
READY_KEY = "ready_ns"
BEGAN_NS = 1_790_000_000 * NS_PER_S
DAY_NS = 86_400 * NS_PER_S


def series_key(target: str = "go", **changed: object) -> JsonObject:
    return {
        "kind": "bench",
        "scenario": "routing-4kb",
        "scenario_sha256": "ab" * 32,
        "target": target,
        "driver": "process",
        "engine": "native",
        "measurement": 1,
        "cpu_model": "Example CPU",
        "architecture": "x86_64",
        "cores": 2,
        "kernel": "6.12",
        "sharing": "shared generator core",
        "target_cores": 1,
        **changed,
    }


def scattered(levels: Mapping[int, float], nights: int, spread: float = 0.01, seed: int = 1) -> list[float]:
    """`levels`: first night → level from then on; the nights scatter about it."""
    rng = np.random.default_rng(seed)
    found, level = [], 0.0
    for night in range(nights):
        level = levels.get(night, level)
        found.append(level * float(np.exp(rng.normal(0, spread))))
    return found


def line(key: JsonObject, night: int, cpu_ns: float, **changed: object) -> JsonObject:
    """A night's line; each third night has a revision of its own."""
    return {
        "run": f"2026-09-21T{night:02d}-00-00Z-{night:04x}",
        "kind": key["kind"],
        "unix_ns": BEGAN_NS + night * DAY_NS,
        "revision": f"{night // 3:02d}" + "0" * 38,
        "revision_clean": True,
        "content_hash": f"sources {night // 3}",
        "toolchains": {"go": "go1.26.7"},
        "key": key,
        "figures": {
            CPU_KEY: figure("cpu_ns_per_request", "CPU/req.", "µs", cpu_ns, window="rate-1000"),
            READY_KEY: figure("ready_ns", "ready", "ms", 33e6),
        },
        **changed,
    }


def figure(metric: str, title: str, display: str, centre: float, window: str | None = None) -> JsonObject:
    return {
        "metric": metric,
        "title": title,
        "window": window,
        "unit": "ns",
        "display": display,
        "better": "lower",
        "centre": centre,
        "low": centre * 0.99,
        "high": centre * 1.01,
        "trials": [centre] * 3,
    }


def write_nights(folder: Path, key: JsonObject, cpu_ns: Sequence[float], first: int = 0) -> Path:
    """A night for each figure, from night `first` on: the file that they are in."""
    ledger = Ledger(folder / file_name(key))
    ledger.append(*(line(key, night, value) for night, value in enumerate(cpu_ns, start=first)))
    return ledger.path
