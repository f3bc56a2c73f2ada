"""What earlier runs measured, kept for ever: results/history/, one append-only file for what may be compared.

A line is one run's row. Valid rows of complete runs only, never those of a quick look or of a blind twin, and no
figure that the generator bounded.
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

_HASH_DIGITS = 10
_KERNEL = re.compile(r"\d+\.\d+")


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
                lines.append((file_name(key), _line(document, summary, key, figures)))
    return lines


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
    return {
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
    }


def file_name(key: JsonObject) -> str:
    """`routing-4kb.go.process.0123456789.jsonl`: what people look for, and a hash of the whole key."""
    return f"{key['scenario']}.{key['target']}.{key['driver']}.{_digest(key)[:_HASH_DIGITS]}.jsonl"


def _kernel(release: str | None) -> str | None:
    """`6.8` of `6.8.0-31-generic`: bug fixes start no new series."""
    found = _KERNEL.match(release or "")
    return found[0] if found else release


def _line(document: Mapping[str, Any], summary: Summary, key: JsonObject, figures: JsonObject) -> JsonObject:
    target = document["targets"].get(key["target"], {})
    return {
        "kind": "bench",
        "run": summary.run,
        "unix_ns": summary.created_unix_ns,
        "revision": summary.revision,
        "revision_clean": summary.revision_clean,
        "content_hash": target.get("content_hash"),
        "toolchains": {t["command"]: t["version"] for t in target.get("toolchains", ())},
        "key": key,
        "figures": figures,
    }


def _figures(scenario: ScenarioSummary, row: Row) -> JsonObject:
    found = {}
    for name, column in scenario.columns.items():
        figure = row.figures[name]
        if column.headline and column.ranked and figure.centre is not None and not figure.at_least:
            found[name] = {
                "unit": column.unit,
                "better": column.better,
                "centre": figure.centre,
                "low": figure.low,
                "high": figure.high,
                "trials": list(figure.trials),
            }
    return found


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
