"""The published comparison's claims beside what was measured here: did their direction hold?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from harness.report.model import Comparison, Row, ScenarioSummary, Summary
from harness.report.numbers import figure_text, value_text

Verdict = Literal["held", "did not hold", "cannot tell", "not measured", "not testable here"]
MANY_CORES = 4
"""A claim about many cores cannot be judged on fewer target cores than this."""

_PATH = Path(__file__).resolve().parents[2] / "contract" / "published.yaml"
_MEMORY_BYTES = {"GB": 1e9, "MB": 1e6}


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim: what was said, on which hardware, what was measured here, and what became of its direction."""

    subject: str
    claimed: str
    measured: str
    verdict: Verdict
    why: str


@dataclass(frozen=True, slots=True)
class ClaimedRow:
    """One line of the published table beside ours; `ours` "–" where there is none."""

    target: str
    label: str
    throughput: tuple[str, str]
    p99: tuple[str, str]
    memory: tuple[str, str]
    hot_reload: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Claims:
    """The published table beside ours, and each claim by itself."""

    workload: str
    rows: tuple[ClaimedRow, ...]
    claims: tuple[Claim, ...]


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
    scene = _Scene(summary, workload)
    rows = published["headline"]["rows"]
    return Claims(
        workload=f"{workload['cores']} cores, {workload['memory_gb']} GB, {workload['body_bytes']:,}-byte bodies",
        rows=tuple(_row(scene, row) for row in rows),
        claims=(
            *_orders(scene, rows),
            _spikes(scene, published["headline"]["complaint"]),
            *_reloads(scene, rows),
            *_cold_starts(scene, published["footprint"]),
            *_unmeasured(published),
        ),
    )


@dataclass(frozen=True)
class _Scene:
    """Where in the run the headline's figures are: the first scenario with a closed window."""

    summary: Summary
    workload: Mapping[str, Any]

    @property
    def scenario(self) -> ScenarioSummary | None:
        return next((s for s in self.summary.scenarios if self._window(s, "closed")), None)

    @property
    def few_cores(self) -> bool:
        return self.summary.target_cores < MANY_CORES

    @staticmethod
    def _window(scenario: ScenarioSummary, kind: str) -> str | None:
        found = [p.name for p in scenario.panels if p.kind == kind]
        return found[-1] if found else None

    def keys(self) -> dict[str, str]:
        """The columns that stand beside the published ones."""
        if self.scenario is None:
            return {}
        peak, rate = self._window(self.scenario, "closed"), self._window(self.scenario, "open")
        keys = {"throughput": f"{peak}/throughput_rps", "memory": "loaded_rss_bytes"}
        return {**keys, "p99": f"{rate}/p99_ns"} if rate else keys

    def row(self, target: str) -> Row | None:
        if self.scenario is None:
            return None
        return next((r for r in self.scenario.rows if r.target == target and not r.twin), None)

    def text(self, target: str, what: str) -> str:
        row, key = self.row(target), self.keys().get(what)
        if row is None or key is None or self.scenario is None:
            return "–"
        column = self.scenario.columns[key]
        if row.figures[key].centre is None:
            return "–"
        text = f"{figure_text(row.figures[key], column.display)} {column.display}".replace(" /s", "/s")
        return text if row.valid else f"{text} (invalid)"


def _row(scene: _Scene, claimed: Mapping[str, Any]) -> ClaimedRow:
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


def _orders(scene: _Scene, rows: Sequence[Mapping[str, Any]]) -> list[Claim]:
    """In each column the published order; ours is what the comparisons with the best allow to be said."""

    def memory(row: Mapping[str, Any]) -> float:
        return float(row["memory"]["value"]) * _MEMORY_BYTES[row["memory"]["unit"]]

    return [
        _order(scene, "throughput", "Throughput", sorted(rows, key=lambda r: -r["throughput_rps"])),
        _order(scene, "p99", "P99 response time", sorted(rows, key=lambda r: r["p99_ms"])),
        _order(scene, "memory", "Memory under load", sorted(rows, key=memory)),
    ]


def _order(scene: _Scene, what: str, title: str, ordered: Sequence[Mapping[str, Any]]) -> Claim:
    names = [row["target"] for row in ordered]
    claimed = f"best to worst: {', '.join(names)} ({scene.workload['cores']} cores)"
    key = scene.keys().get(what)
    shown = [n for n in names if scene.text(n, what) != "–"]
    if key is None or scene.scenario is None or len(shown) < 2:
        return Claim(title, claimed, "–", "not measured", "fewer than two of its targets were measured here")
    cores = f"{scene.summary.target_cores} target core{'s' if scene.summary.target_cores > 1 else ''}"
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


# --- the others ----------------------------------------------------------------------------------------------


def _spikes(scene: _Scene, complaint: Mapping[str, Any]) -> Claim:
    target = complaint["target"]
    subject, claimed = f"Spikes and memory jitter of {target}", complaint["text"]
    row = scene.row(target)
    if row is None or scene.scenario is None or not row.valid:
        return Claim(subject, claimed, "–", "not measured", f"no valid row of {target}")
    spikes = [f for key, f in row.figures.items() if key.endswith("/spikes") and f.centre is not None]
    jitter = row.figures.get("jitter_ratio")
    measured = (
        f"{sum(f.centre or 0 for f in spikes):.0f} spike seconds, "
        f"jitter {value_text(jitter.centre if jitter else None, '%')} %"
    )
    if scene.few_cores:
        return Claim(
            subject, claimed, measured, "not testable here", "the claim is about many cores at full load"
        )
    held = any((f.centre or 0) > 0 for f in spikes)
    return Claim(
        subject, claimed, measured, "held" if held else "did not hold", "spikes seen in the windows shown"
    )


def _reloads(scene: _Scene, rows: Sequence[Mapping[str, Any]]) -> list[Claim]:
    """What reloads here is the routing table; what reloaded there was code."""
    found = []
    for claimed in rows:
        row = scene.row(claimed["target"])
        if row is None or "reload" not in row.facts:
            continue
        supported = claimed["hot_reload"]["supported"]
        text = f"supported, by {claimed['hot_reload']['by']}" if supported else "not supported"
        why = (
            "reloading code was not measured; here every target takes up a new routing table while it serves"
        )
        subject = f"Hot reload of {claimed['target']}"
        found.append(Claim(subject, text, row.facts["reload"], "not measured", why))
    return found


def _cold_starts(scene: _Scene, footprint: Sequence[Mapping[str, Any]]) -> list[Claim]:
    """Start-up times: of pods and edge nodes there, of what the driver starts here."""
    scenario = next((s for s in scene.summary.scenarios if s.kind == "cold-start"), None)
    row = next((r for r in scenario.rows if r.target == "go" and not r.twin), None) if scenario else None
    ready = row.figures["ready_median_ns"] if row and row.valid else None
    kind = "container" if scene.summary.driver == "docker" else "plain process"
    found = []
    for entry in footprint:
        claimed = (
            f"{_range_text(entry['cold_start_ms'], 'ms')}, memory {_range_text(entry['memory_mb'], 'MB')}"
        )
        if ready is None or "pod" not in entry["what"]:
            found.append(Claim(entry["what"], claimed, "–", "not measured", "no such set-up in this run"))
            continue
        measured = f"{value_text(ready.centre, 'ms')} ms as a {kind}"
        why = "a pod's start holds scheduling and image set-up too, which are not part of this run"
        found.append(Claim(entry["what"], claimed, measured, "not measured", why))
    return found


def _range_text(value: Any, unit: str) -> str:
    if value is None:
        return "not given"
    if "text" in value:
        return str(value["text"])
    if "op" in value:
        return f"{value['op'].replace('>=', '≥').replace('<=', '≤')} {value['value']} {unit}"
    return f"{value['min']} to {value['max']} {unit}"


def _unmeasured(published: Mapping[str, Any]) -> list[Claim]:
    """What the file claims and no scenario of this run could show."""
    entries = [
        (f"State propagation, {e['target']}", f"{e['how']}: {e['claim']}")
        for e in published["state_propagation"]
    ]
    micro, pauses = published["generics_micro"], published["jvm_gc"]["pause_ms"]
    entries += [
        (
            "Generics in Go",
            f"{micro['operations']:,} operations: interfaces {micro['interface_and_type_switch_ns']} ns, "
            f"generics {micro['generic_map_ns']} ns",
        ),
        (
            "Pauses of the JVM's collectors",
            f"G1 {pauses['g1_default_mean']} ms mean, ZGC {pauses['zgc_basic_spike']} ms spike, "
            f"tuned {pauses['zgc_with_larger_tlab_and_age_threshold_3_max']} ms at most",
        ),
        ("Connections", f"{published['connections']['count']:,} at once"),
    ]
    return [
        Claim(subject, text, "–", "not measured", "no scenario of this run is about it")
        for subject, text in entries
    ]
