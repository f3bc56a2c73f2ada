"""run.json as a session begins it, and what has to be the same for a run to be gone on with."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from harness import MEASUREMENT, __version__
from harness.bench_setup import BenchOptions, Tools
from harness.drivers.base import Artifact
from harness.model import JsonObject, Scenario, TargetSpec
from harness.plan import Plan
from harness.probes import host

_COMPARED = (
    "harness",
    "driver",
    "engine",
    "workers",
    "quick",
    "full",
    "seed",
    "window_scale",
    "placement",
    "scenarios",
    "targets",
)
_SET_ASIDE = ("build_s", "toolchains")
"""Of a target: how long its build took says nothing, and its tools are part of the manifest."""
_NAMES = {"content_hash": "sources (content hash)", "image_digest": "image digest"}
_SHOWN = 80


def begin_document(
    options: BenchOptions,
    tools: Tools,
    plan: Plan,
    artifacts: Mapping[str, Artifact],
    skipped: Mapping[str, str],
) -> JsonObject:
    """Everything that is known before the first trial."""
    return {
        "created_unix_ns": time.time_ns(),
        "status": "running",
        "command": list(options.argv),
        "asked": options.asked.model_dump(mode="json"),
        "harness": {
            "version": __version__,
            "measurement": MEASUREMENT,
            "content_hash": tools.harness_hash,
        },
        "quick": options.plan.quick,
        "full": options.plan.full,
        "driver": tools.driver_name,
        "engine": tools.engine,
        "workers": tools.workers,
        "notes": tools.notes,
        "seed": plan.seed,
        "window_scale": plan.scale,
        **order_of(plan),
        "placement": asdict(tools.placement),
        "cases": [
            {"id": c.id, "scenario": c.scenario.name, "target": c.target.id, "twin": c.twin}
            for c in plan.cases
        ],
        "scenarios": {c.scenario.name: _dump(c.scenario) for c in plan.cases},
        "targets": {t.id: _target(t, artifacts[t.id]) for t in options.targets if t.id in artifacts},
        "skipped": dict(skipped),
        "manifest": tools.manifest(artifacts),
    }


def order_of(plan: Plan) -> JsonObject:
    """What of the document changes when a round is added."""
    return {
        "rounds": plan.rounds,
        "estimated_s": plan.estimated_s,
        "order": [[t.case.id, t.round] for t in plan.trials],
    }


def _target(target: TargetSpec, artifact: Artifact) -> JsonObject:
    return {
        **_dump(target),
        "content_hash": artifact.content_hash,
        "toolchains": [{"command": u.command, "version": u.version} for u in artifact.toolchains],
        "image_digest": artifact.image_digest,
        "build_s": artifact.build_s,
    }


def _dump(model: Scenario | TargetSpec) -> JsonObject:
    dumped = model.model_dump(
        mode="json", by_alias=True, exclude={"folder", "toolchain", "test", "process", "docker"}
    )
    return dict(dumped)


def differences(then: JsonObject, now: JsonObject, compared: Sequence[str] = _COMPARED) -> list[str]:
    """A line for everything in which two beginnings of a run differ, so that their trials cannot be one run."""
    now = json.loads(json.dumps(now))
    found = [line for key in compared for line in _differing(then.get(key), now.get(key), (key,))]
    if then.get("order") != now.get("order") and not found:
        found.append("order of the trials: it is another one")
    machines = (host.from_json(then["manifest"]), host.from_json(now["manifest"]))
    return found + [
        f"{d.kind}, {d.name}: {_text(d.one)} → {_text(d.other)}" for d in host.comparable(*machines)
    ]


def _differing(then: Any, now: Any, place: Sequence[str]) -> list[str]:
    if isinstance(then, dict) and isinstance(now, dict):
        names = [n for n in dict.fromkeys([*then, *now]) if n not in _SET_ASIDE]
        return [line for n in names for line in _differing(then.get(n), now.get(n), (*place, n))]
    if then == now:
        return []
    *before, last = place
    return [f"{', '.join([*before, _NAMES.get(last, last)])}: {_text(then)} → {_text(now)}"]


def _text(value: Any) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
