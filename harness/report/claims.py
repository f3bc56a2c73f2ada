"""The published comparison's claims beside what was measured here: did their direction hold?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from harness.report import claims_beside
from harness.report.claims_model import Claim, ClaimedRow, Claims, Scene, Verdict
from harness.report.model import Comparison, ScenarioSummary, Summary
from harness.units import counted

_PATH = Path(__file__).resolve().parents[2] / "contract" / "published.yaml"
_MEMORY_BYTES = {"GB": 1e9, "MB": 1e6}


def read_published(path: Path = _PATH) -> Mapping[str, Any] | None:
    """The claims' file; None where it is not there."""
    if not path.is_file():
        return None
    found: Mapping[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def claimed_order(published: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The published table's targets, in its order."""
    return tuple(row["target"] for row in published["headline"]["rows"]) if published else ()


def judge_claims(published: Mapping[str, Any], summary: Summary) -> Claims:
    """Every claim of the file against this run."""
    workload = published["headline"]["workload"]
    scene = Scene(summary, workload)
    rows = published["headline"]["rows"]
    return Claims(
        workload=f"{workload['cores']} cores, {workload['memory_gb']} GB, {workload['body_bytes']:,}-byte bodies",
        rows=tuple(_row(scene, row) for row in rows),
        claims=(
            *_orders(scene, rows),
            claims_beside.spikes(scene, published["headline"]["complaint"]),
            claims_beside.reload(scene, rows),
            *claims_beside.cold_starts(scene, published["footprint"]),
            *claims_beside.unmeasured(published),
        ),
    )


def _row(scene: Scene, claimed: Mapping[str, Any]) -> ClaimedRow:
    target, reload = claimed["target"], claimed["hot_reload"]
    row = scene.row(target)
    ours = row.facts.get("reload", "–") if row else "–"
    return ClaimedRow(
        target=target,
        label=claimed["label"],
        throughput=(f"{claimed['throughput_rps']:,}/s", scene.text(target, "throughput")),
        p99=(f"{claimed['p99_ms']} ms", scene.text(target, "p99")),
        memory=(f"{claimed['memory']['value']} {claimed['memory']['unit']}", scene.text(target, "memory")),
        hot_reload=(str(reload.get("by", "yes")) if reload["supported"] else "none", ours),
    )


# --- the table's orders --------------------------------------------------------------------------------------


def _orders(scene: Scene, rows: Sequence[Mapping[str, Any]]) -> list[Claim]:
    """In each column the published order; ours is what the comparisons with the best allow to be said."""

    def memory(row: Mapping[str, Any]) -> float:
        return float(row["memory"]["value"]) * _MEMORY_BYTES[row["memory"]["unit"]]

    return [
        _order(scene, "throughput", "Throughput", sorted(rows, key=lambda r: -r["throughput_rps"])),
        _order(scene, "p99", "P99 response time", sorted(rows, key=lambda r: r["p99_ms"])),
        _order(scene, "memory", "Memory under load", sorted(rows, key=memory)),
    ]


def _order(scene: Scene, what: str, title: str, ordered: Sequence[Mapping[str, Any]]) -> Claim:
    names = [row["target"] for row in ordered]
    claimed = f"best to worst: {', '.join(names)} ({scene.workload['cores']} cores)"
    key = scene.keys().get(what)
    shown = [n for n in names if scene.text(n, what) != "–"]
    if key is None or scene.scenario is None or len(shown) < 2:
        return Claim(title, claimed, "–", "not measured", "fewer than two of its targets were measured here")
    cores = counted(scene.summary.target_cores, "target core")
    measured = f"{', '.join(f'{n} {scene.text(n, what)}' for n in shown)} ({cores})"
    if scene.few_cores:
        why = f"a claim about {scene.workload['cores']} cores cannot be judged on {cores}"
        return Claim(title, claimed, measured, "not testable here", why)
    verdict, why = _direction(scene.scenario, key, shown)
    return Claim(title, claimed, measured, verdict, why)


def _direction(scenario: ScenarioSummary, key: str, shown: Sequence[str]) -> tuple[Verdict, str]:
    """Is the claimed best the best here, and are the others apart from it?"""
    compared = [c for c in scenario.comparisons if c.column == key]
    target_of = {row.case: row.target for row in scenario.rows}
    ours = [c for c in compared if target_of[c.row] in shown and target_of[c.best] in shown]
    if not ours:
        return "cannot tell", "no two of its rows could be ranked here"
    best = target_of[ours[0].best]
    if best != shown[0]:
        rival = next((c for c in ours if target_of[c.row] == shown[0]), None)
        if rival is None or not _told(rival):
            return "cannot tell", f"{best} and {shown[0]} are not apart"
        return "did not hold", f"here {best} is best"
    if not all(_told(c) for c in ours):
        return "cannot tell", f"{best} is best here too, but not apart from all others"
    order = [best, *(target_of[c.row] for c in sorted(ours, key=lambda c: abs(1 - c.ratio)))]
    if order == list(shown):
        return "held", "the same order here"
    return "did not hold", f"the best is the same, the order behind it is not: {', '.join(order)}"


def _told(comparison: Comparison) -> bool:
    return comparison.verdict == "slower"
