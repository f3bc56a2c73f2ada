"""The published comparison's claims beside what was measured here: did their direction hold?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from harness.report import claims_beside
from harness.report.claims_model import Claim, ClaimedRow, Claims, Scene, Verdict
from harness.report.model import Row, Summary
from harness.report.verdicts import ruler_of
from harness.report.wording import listed
from harness.stats.compare import Pair, compare
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
        here=(f"on {counted(summary.target_cores, 'core')}", scene.loads().get("p99", ""), "", ""),
        rows=tuple(_row(scene, row) for row in rows),
        claims=(
            *_orders(scene, rows),
            claims_beside.spikes(scene, published["headline"]["complaint"]),
            claims_beside.reload(scene, rows),
            *claims_beside.cold_starts(scene, published["footprint"]),
            claims_beside.pauses(scene, published["jvm_gc"]),
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
        runtime=row.facts.get("runtime") if row else None,
        throughput=(f"{claimed['throughput_rps']:,}/s", scene.text(target, "throughput")),
        p99=(f"{claimed['p99_ms']} ms", scene.text(target, "p99")),
        memory=(f"{claimed['memory']['value']} {claimed['memory']['unit']}", scene.text(target, "memory")),
        hot_reload=(str(reload.get("by", "yes")) if reload["supported"] else "none", ours),
    )


# --- the table's orders --------------------------------------------------------------------------------------


def _orders(scene: Scene, rows: Sequence[Mapping[str, Any]]) -> list[Claim]:
    """In each column the published order; ours is what comparing each target with the next allows to be said."""

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
    load = " ".join(part for part in (scene.loads().get(what), f"on {cores}") if part)
    measured = f"{', '.join(f'{n} {scene.text(n, what)}' for n in shown)} ({load})"
    if scene.few_cores:
        why = f"a claim about {scene.workload['cores']} cores cannot be judged on {cores}"
        return Claim(title, claimed, measured, "not testable here", why)
    verdict, why = _direction(scene, key, shown)
    return Claim(title, claimed, measured, verdict, why)


def _direction(scene: Scene, key: str, shown: Sequence[str]) -> tuple[Verdict, str]:
    """Is each of the targets, in the claimed order, worse than the one before it? The others of the run are let be."""
    assert scene.scenario is not None
    rows = {name: row for name in shown if (row := scene.row(name)) is not None}
    if open_ones := [name for name, row in rows.items() if not row.valid or row.figures[key].at_least]:
        return "cannot tell", f"{listed(open_ones)} could not be ranked here"
    column = scene.scenario.columns[key]
    pairs = {
        worse: _pair(rows[better], rows[worse], key, higher_is_better=column.better == "higher")
        for better, worse in pairwise(shown)
    }
    ruler = ruler_of(scene.scenario.ruler_ratio, key, scene.scenario.rows)
    verdicts = {worse: c.verdict for worse, c in compare(pairs, ruler).items()}
    for better, worse in pairwise(shown):
        if verdicts[worse] == "faster":
            return "did not hold", f"here {worse} is better than {better}"
    for better, worse in pairwise(shown):
        if verdicts[worse] != "slower":
            return "cannot tell", f"{better} and {worse} are not apart"
    return "held", "the same order here"


def _pair(better: Row, worse: Row, key: str, *, higher_is_better: bool) -> Pair:
    base, candidate = better.figures[key].trials, worse.figures[key].trials
    whole = all(len(trials) == row.rounds for trials, row in ((base, better), (candidate, worse)))
    return Pair(candidate=candidate, base=base, paired=whole, higher_is_better=higher_is_better)
