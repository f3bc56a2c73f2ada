"""Nights made of chosen figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.gate.model import Gated, Night, PairFigures, TargetNight
from harness.gate.sources import Source
from harness.probes.noise import CoreNoise, Noise
from harness.stats.gate import GateRules

CPU = Gated("cpu_ns_per_request", "CPU/req.", "ns", "µs", "rate-1000", 1, 0.05, True)
PEAK = Gated("throughput_rps", "requests", "rps", "/s", "peak", -1, 0.05, True)
P99 = Gated("p99_ns", "P99", "ns", "ms", "rate-1000", 1, 0.10, False)
METRICS = (CPU, PEAK, P99)
RULES = GateRules(looks=(6, 9))
CENTRES = {CPU.name: 100_000.0, PEAK.name: 8_000.0, P99.name: 1_000_000.0}


def pairs(
    count: int, changes: dict[str, float] | None = None, spread: float = 0.005, seed: int = 1
) -> tuple[PairFigures, ...]:
    """changes: metric → head ÷ base − 1. All pairs scatter by `spread`."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(1, count + 1):
        base = {name: centre * float(np.exp(rng.normal(0, spread))) for name, centre in CENTRES.items()}
        head = {
            name: centre * (1 + (changes or {}).get(name, 0)) * float(np.exp(rng.normal(0, spread)))
            for name, centre in CENTRES.items()
        }
        made.append(PairFigures(number, "base" if number % 2 else "head", base, head))
    return tuple(made)


def noise(**changes: float) -> Noise:
    core = CoreNoise(1, 0.0, 0.01, 60_000, 150_000, 900_000)
    quiet = {"steal_ratio": 0.0, "other_load_ratio": 0.01, "late_p99_ns": 150_000}
    spread = changes.pop("bandwidth_spread_ratio", 0.1)
    figures = {**quiet, **changes}
    loud = CoreNoise(
        0, figures["steal_ratio"], figures["other_load_ratio"], 60_000, round(figures["late_p99_ns"]), 900_000
    )
    return Noise(20.0, (loud, core), 14e9, spread)


def night(targets: Sequence[TargetNight] = (), **changes: object) -> Night:
    commit = "0123456789abcdef0123456789abcdef01234567"
    made = Night(
        base=Source("revision", "main", Path("/base"), commit),
        head=Source("directory", ".", Path("/head"), commit[::-1]),
        seed=7,
        rules=RULES,
        metrics=METRICS,
        noise=noise(),
        targets=tuple(targets),
        rounds=6,
        looks=((6, RULES.levels[0]),),
    )
    return replace(made, **changes)  # type: ignore[arg-type]
