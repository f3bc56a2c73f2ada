"""Claims beside the published table: spikes, hot reload, start-up, and what no scenario is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.report.claims_model import Claim, Scene
from harness.report.numbers import percent_text, value_text
from harness.units import counted


def spikes(scene: Scene, complaint: Mapping[str, Any]) -> Claim:
    target = complaint["target"]
    subject, claimed = f"Spikes and memory jitter of {target}", complaint["text"]
    row = scene.row(target)
    if row is None or scene.scenario is None or not row.valid:
        return Claim(subject, claimed, "–", "not measured", f"no valid row of {target}")
    seen = [f for key, f in row.figures.items() if key.endswith("/spikes") and f.centre is not None]
    jitter = row.figures.get("jitter_ratio")
    measured = (
        f"{counted(round(sum(f.centre or 0 for f in seen)), 'spike second')}, "
        f"jitter {value_text(jitter.centre if jitter else None, '%')} %"
    )
    if scene.few_cores:
        return Claim(
            subject, claimed, measured, "not testable here", "the claim is about many cores at full load"
        )
    held = any((f.centre or 0) > 0 for f in seen)
    return Claim(
        subject, claimed, measured, "held" if held else "did not hold", "spikes seen in the windows shown"
    )


def reload(scene: Scene, rows: Sequence[Mapping[str, Any]]) -> Claim:
    """What reloads here is the routing table; what reloaded there was code. One reason for all, so one claim."""
    subject = "Hot reload"
    claimed = "; ".join(f"{row['target']} {_reload_text(row['hot_reload'])}" for row in rows)
    ours = [r for claimed_row in rows if (r := scene.row(claimed_row["target"])) and "reload" in r.facts]
    if not ours:
        return Claim(subject, claimed, "–", "not measured", "no target here says how it reloads")
    alike: dict[str, list[str]] = {}
    for row in ours:
        alike.setdefault(row.facts["reload"].partition(":")[0], []).append(row.target)
    measured = "; ".join(f"{', '.join(targets)} by {how}" for how, targets in alike.items())
    why = "what reloaded there was code; what is taken up here is a new routing table, while requests go on"
    return Claim(subject, claimed, measured, "not measured", why)


def _reload_text(claimed: Mapping[str, Any]) -> str:
    return f"by {claimed['by']}" if claimed["supported"] else "none"


def cold_starts(scene: Scene, footprint: Sequence[Mapping[str, Any]]) -> list[Claim]:
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


def pauses(scene: Scene, collectors: Mapping[str, Any]) -> Claim:
    """The longest pause of the JVM here: of another heap, under another load, so that no direction can hold."""
    subject, claimed_ms = "Pauses of the JVM's collectors", collectors["pause_ms"]
    claimed = (
        f"G1 {claimed_ms['g1_default_mean']} ms mean, ZGC {claimed_ms['zgc_basic_spike']} ms spike, "
        f"tuned {claimed_ms['zgc_with_larger_tlab_and_age_threshold_3_max']} ms at most"
    )
    row = scene.row("java-webflux")
    longest = row.figures.get("pause_longest_ns") if row and row.valid else None
    if longest is None or longest.centre is None:
        return Claim(subject, claimed, "–", "not measured", "no pauses of a valid java-webflux are known")
    measured = f"{value_text(longest.centre, 'ms')} ms the longest of a trial's windows"
    return Claim(subject, claimed, measured, "not testable here", "the claim is about a heap of 16 GB")


def unmeasured(published: Mapping[str, Any]) -> list[Claim]:
    """What the file claims and no scenario of this run could show."""
    entries = [
        (f"State propagation, {e['target']}", f"{e['how']}: {e['claim']}")
        for e in published["state_propagation"]
    ]
    levels, micro = published["sla_table"], published["generics_micro"]
    entries += [
        (f"Service level, {e['item']}", f"{e['measured']}, promised {e.get('sla', 'nothing')}")
        for e in (*levels["rows"], *levels["in_prose"])
    ]
    verifier = published["auth"]["verifier"]
    entries += [
        (f"Verification of tokens, {verifier['target']}", f"{verifier['library']}: {verifier['claim']}"),
        ("Service level under faults", published["fault_rule"]),
        (
            "Rollback",
            f"a canary with over {percent_text(published['rollback']['canary_error_rate_max'])} errors",
        ),
        (
            "Generics in Go",
            f"{micro['operations']:,} operations: interfaces {micro['interface_and_type_switch_ns']} ns, "
            f"generics {micro['generic_map_ns']} ns",
        ),
        ("Connections", f"{published['connections']['count']:,} at once"),
    ]
    return [
        Claim(subject, text, "–", "not measured", "no scenario of this run is about it")
        for subject, text in entries
    ]
