"""What the guard's rules are worth on this machine: thousands of virtual nights from real ones without a difference.

Real nights whose two sides were one artifact are the material (`gate.json` says so); `stats/nights.py` draws from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.errors import UsageError
from harness.gate_file import FEWEST_PAIRS
from harness.model import JsonObject
from harness.stats.gate import GateRules
from harness.stats.interval import Floats
from harness.stats.nights import NightSetting, simulate
from harness.stats.proportion import Rate

EFFECTS = (0.05, 0.10, 0.15, 0.25, 0.50)
CURVE_PAIRS = (4, 6, 9, 12, 16)
_CURVE_NIGHTS = 1_000
_KEPT = ("metric", "better", "relevant_ratio", "pairs")


@dataclass(frozen=True, slots=True)
class Material:
    """target → sessions of log figures, shape (pairs, 2, metrics); the metrics that every session has.

    lacking: metrics that some session has and another has not, which are therefore not simulated.
    """

    sessions: Mapping[str, tuple[Floats, ...]]
    metrics: tuple[str, ...]
    lacking: tuple[str, ...]
    relevant_ratio: Floats
    worse: tuple[int, ...]

    @property
    def trials(self) -> dict[str, int]:
        return {target: sum(2 * len(s) for s in sessions) for target, sessions in self.sessions.items()}


@dataclass(frozen=True, slots=True)
class Found:
    """How often a change of this size in one metric of one target was a regression; effect as a ratio, 0.10."""

    target: str
    metric: str
    effect_ratio: float
    rate: Rate


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """alarms: nights with any false alarm. curve: (metric, effect, pairs) → share found at one look."""

    alarms: Rate
    detections: tuple[Found, ...]
    curve: Mapping[tuple[str, float, int], float]


def material_of(nights: Sequence[JsonObject]) -> Material:
    """Reads nights' documents. Raises UsageError when none can be used."""
    usable = [
        (target, {m["metric"]: m for m in target["metrics"] if len(m["pairs"]) >= FEWEST_PAIRS})
        for night in nights
        for target in night["targets"]
        if target["same_artifact"]
    ]
    usable = [(target, metrics) for target, metrics in usable if metrics]
    if not usable:
        raise UsageError(
            f"no night with {FEWEST_PAIRS} valid pairs and one artifact on both sides; "
            "make some: harness gate --base HEAD"
        )
    names = [n for n in usable[0][1] if all(n in metrics for _, metrics in usable)]
    if not names:
        raise UsageError("these nights have no metric in common")
    sessions: dict[str, tuple[Floats, ...]] = {}
    for target, metrics in usable:
        session = _session([metrics[n] for n in names])
        if len(session) >= FEWEST_PAIRS:
            sessions[target["target"]] = (*sessions.get(target["target"], ()), session)
    if not sessions:
        raise UsageError(f"no night has {FEWEST_PAIRS} pairs with all of {', '.join(names)}")
    first = [usable[0][1][n] for n in names]
    lacking = dict.fromkeys(n for _, metrics in usable for n in metrics if n not in names)
    return Material(
        sessions,
        tuple(names),
        tuple(lacking),
        np.array([m["relevant_ratio"] for m in first]),
        tuple(1 if m["better"] == "lower" else -1 for m in first),
    )


def material_json(nights: Sequence[JsonObject], further: Sequence[str] = ()) -> JsonObject:
    """The part of these nights that is drawn from, to be kept: figures alone, nothing of machine or revisions.

    further: members of a metric that are kept as well.
    """
    return {
        "schema": 1,
        "nights": [
            {
                "targets": [
                    {
                        "target": t["target"],
                        "same_artifact": True,
                        "metrics": [{key: m[key] for key in (*_KEPT, *further)} for m in t["metrics"]],
                    }
                    for t in night["targets"]
                    if t["same_artifact"]
                ]
            }
            for night in nights
        ],
    }


def _session(metrics: Sequence[JsonObject]) -> Floats:
    """(pairs, 2, metrics): the rounds that every metric has."""
    by_round = [{p["round"]: (p["base"], p["head"]) for p in m["pairs"]} for m in metrics]
    rounds = sorted(set.intersection(*(set(found) for found in by_round)))
    figures = [[[found[r][side] for found in by_round] for side in (0, 1)] for r in rounds]
    return np.log(np.array(figures, dtype=np.float64).reshape(-1, 2, len(metrics)))


def rehearse(material: Material, rules: GateRules, nights: int, seed: int) -> Rehearsal:
    """False alarms over `nights` nights, then what is found of changes put into each metric."""
    rng = np.random.default_rng(seed)
    setting = NightSetting(rules, material.relevant_ratio, np.array(material.worse, dtype=np.int8))
    quiet = simulate(material.sessions, {}, setting, nights, rng)
    detections = []
    curve: dict[tuple[str, float, int], float] = {}
    target = next(iter(material.sessions))
    for place, metric in enumerate(material.metrics):
        for effect in sorted({float(material.relevant_ratio[place]), *EFFECTS}):
            logs = np.zeros(len(material.metrics))
            logs[place] = np.log1p(effect) * material.worse[place]
            changed = {target: logs}
            found = simulate(material.sessions, changed, setting, _CURVE_NIGHTS, rng).slower[:, 0, place]
            detections.append(Found(target, metric, effect, Rate(int(found.sum()), _CURVE_NIGHTS)))
            for pairs in CURVE_PAIRS:
                once = replace(setting, rules=replace(rules, looks=(pairs,)))
                share = simulate(material.sessions, changed, once, _CURVE_NIGHTS, rng).slower[:, 0, place]
                curve[metric, effect, pairs] = float(share.mean())
    return Rehearsal(Rate(quiet.alarm_nights, nights), tuple(detections), curve)
