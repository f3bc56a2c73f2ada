"""What earlier runs measured, kept for ever: results/history/, one append-only file for what may be compared.

A line is one run's row, or one target's head of a night of the guard. Valid ones of complete runs only, never those
of a quick look or of a blind twin, none of a night whose head is not this checkout, and no figure that the generator
bounded.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.ledger import Ledger
from harness.model import JsonObject
from harness.report.model import Row, ScenarioSummary, Summary
from harness.stats.interval import estimate

_HASH_DIGITS = 10
_KERNEL = re.compile(r"\d+\.\d+")
_MACHINE = (
    "cpus_isolated",
    "smt_active",
    "governor",
    "turbo",
    "numa_nodes",
    "virtualisation",
    "clock_source",
    "transparent_huge_pages",
    "cgroup_version",
    "container_engine",
    "network_mode",
)
"""What else of a machine changes the scale of figures, by the manifest's names; two benches may not differ in it."""


def history_lines(document: Mapping[str, Any], summary: Summary) -> list[tuple[str, JsonObject]]:
    """(file name, line) for each row that may stand in history. `document`: run.json, `summary`: made of it."""
    if document["status"] != "complete" or summary.stamp is not None:
        return []
    lines = []
    for scenario in summary.scenarios:
        for row in scenario.rows:
            figures = _figures(scenario, row)
            if row.valid and not row.twin and figures:
                key = comparability(document, scenario.name, row.target)
                line = {
                    **_origin(document, "bench", row.target),
                    "revision": summary.revision,
                    "revision_clean": summary.revision_clean,
                    "key": key,
                    "figures": figures,
                }
                lines.append((file_name(key), {"run": summary.run, **line}))
    return lines


def night_lines(document: Mapping[str, Any], night: Mapping[str, Any]) -> list[tuple[str, JsonObject]]:
    """The same of a night of the guard: what head was measured as. `document`: its run.json, `night`: its gate.json."""
    if night["status"] != "complete" or why_left_out(night) is not None:
        return []
    (scenario,) = document["scenarios"]
    lines = []
    for target in night["targets"]:
        figures = {k: f for m in target["metrics"] for k, f in [_night_figure(m)] if f is not None}
        if target["enough"] and figures:
            key = comparability(document, scenario, target["target"])
            line = {
                **_origin(document, "gate", f"{target['target']}~head"),
                "revision": night["head"]["revision"],
                "revision_clean": night["head"]["clean"],
                "base_revision": night["base"]["revision"],
                "key": key,
                "figures": figures,
            }
            lines.append((file_name(key), {"run": night["run"], **line}))
    return lines


def why_left_out(night: Mapping[str, Any]) -> str | None:
    """Why a night of the guard is none of the series: head was not this checkout on its own runtime; None: it was."""
    head = night["head"]
    if head["kind"] == "directory" and head["name"] == ".":
        return None
    return f"not added to the history: head was {head['name']}, not this checkout on its own runtime"


def append(folder: Path, lines: list[tuple[str, JsonObject]]) -> list[str]:
    """Adds lines that are not there yet; a sentence for each torn line that was dropped. Raises StoreError."""
    told = []
    for name, line in lines:
        ledger = Ledger(folder / name)
        found = ledger.read()
        if {"schema": 1, **line} not in found.entries:
            told += [t for t in (ledger.append(line),) if t]
    return told


def comparability(document: Mapping[str, Any], scenario: str, target: str) -> JsonObject:
    """What must be the same for figures of two nights to be one series; all else may have changed them."""
    manifest, placement = document["manifest"], document["placement"]
    mitigations = manifest.get("mitigations")
    return {
        "kind": document.get("kind", "bench"),
        "scenario": scenario,
        "scenario_sha256": _digest(document["scenarios"][scenario]),
        "target": target,
        "driver": document["driver"],
        "engine": document["engine"],
        "measurement": document["harness"]["measurement"],
        "cpu_model": manifest["cpu_model"],
        "architecture": manifest["architecture"],
        "cores": len(manifest["cpus_online"] or ()),
        "kernel": _kernel(manifest["kernel"]),
        "sharing": placement["sharing"],
        "target_cores": len(placement["target_cpus"]),
        "awake": bool(placement.get("awake_cpus")),
        **{name: manifest.get(name) for name in _MACHINE},
        "memory_gib": _whole_gib(manifest.get("memory_bytes")),
        "mitigations_sha256": _digest(mitigations)[:_HASH_DIGITS] if mitigations else None,
    }


def file_name(key: JsonObject) -> str:
    """`bench.routing-4kb.go.process.0123456789.jsonl`: what people look for, and a hash of the whole key."""
    return (
        f"{key['kind']}.{key['scenario']}.{key['target']}.{key['driver']}.{_digest(key)[:_HASH_DIGITS]}.jsonl"
    )


def _kernel(release: str | None) -> str | None:
    """`6.8` of `6.8.0-31-generic`: bug fixes start no new series."""
    found = _KERNEL.match(release or "")
    return found[0] if found else release


def _whole_gib(size_bytes: int | None) -> int | None:
    """Kernels of one machine reserve a little more or less."""
    return None if size_bytes is None else round(size_bytes / 2**30)


def _origin(document: Mapping[str, Any], kind: str, target: str) -> JsonObject:
    """Where a line comes from: when, and from which sources and tools."""
    built = document["targets"].get(target, {})
    return {
        "kind": kind,
        "unix_ns": document["created_unix_ns"],
        "content_hash": built.get("content_hash"),
        "toolchains": {t["command"]: t["version"] for t in built.get("toolchains", ())},
    }


def _figures(scenario: ScenarioSummary, row: Row) -> JsonObject:
    found = {}
    for name, column in scenario.columns.items():
        figure = row.figures[name]
        if column.headline and column.ranked and figure.centre is not None and not figure.at_least:
            found[name] = {
                "metric": column.metric,
                "title": column.title,
                "window": column.window,
                "unit": column.unit,
                "display": column.display,
                "better": column.better,
                "centre": figure.centre,
                "low": figure.low,
                "high": figure.high,
                "trials": list(figure.trials),
            }
    return found


def _night_figure(metric: Mapping[str, Any]) -> tuple[str, JsonObject | None]:
    """(key as in a bench, figure); None without a pair that has it."""
    trials = [pair["head"] for pair in (*metric["pairs"], *metric["further"])]
    key = f"{metric['window']}/{metric['metric']}" if metric["window"] else metric["metric"]
    if not trials:
        return key, None
    found = estimate(trials)
    return key, {
        **{name: metric[name] for name in ("metric", "title", "window", "unit", "display", "better")},
        "centre": found.centre,
        "low": found.low,
        "high": found.high,
        "trials": trials,
        "ratio_to_base": metric["ratio"],
        "verdict": metric["word"],
    }


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
