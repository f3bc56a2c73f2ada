"""Can a run be trusted? Every check of every trial gathered by window, and what stood around the measurement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.report.metrics import Record
from harness.report.numbers import significant
from harness.report.wording import gist
from harness.units import NS_PER_US

SHOWN_UNITS = {"ratio": (100.0, " %"), "ns": (1 / NS_PER_US, " µs"), "rps": (1.0, "/s"), "count": (1.0, "")}


@dataclass(frozen=True, slots=True)
class Check:
    """One check of one target's window over its trials: how many passed, and the worst figure with its limit."""

    scenario: str
    window: str
    target: str
    name: str
    passed: int
    failed: int
    unjudged: int
    worst: str
    limit: str
    text: str


@dataclass(frozen=True, slots=True)
class TrialLine:
    """One trial: where its raw files lie, what became of it."""

    folder: str
    case: str
    round: int
    attempt: int
    status: str
    reasons: tuple[str, ...]
    conformance: str
    schedule: str


@dataclass(frozen=True, slots=True)
class Trust:
    """All checks, all trials, and counts over them."""

    checks: tuple[Check, ...]
    trials: tuple[TrialLine, ...]
    passed: int
    failed: int
    unjudged: int
    limits: tuple[str, ...]

    @property
    def failing(self) -> tuple[Check, ...]:
        return tuple(c for c in self.checks if c.failed)


def gather(trials: Sequence[Record]) -> Trust:
    """Over all trials, valid or not."""
    found: dict[tuple[str, str, str, str], list[Mapping[str, Any]]] = {}
    for trial in trials:
        case = trial["case"]
        target = f"{case['target']} (twin)" if case["twin"] else case["target"]
        for window in trial.get("windows") or []:
            peak = [window["peak"]] if window.get("peak") else []
            for finding in [*window["findings"], *peak]:
                found.setdefault((case["scenario"], window["name"], target, finding["name"]), []).append(
                    finding
                )
    checks = tuple(_check(key, findings) for key, findings in found.items())
    return Trust(
        checks=checks,
        trials=tuple(_line(t) for t in trials),
        passed=sum(c.passed for c in checks),
        failed=sum(c.failed for c in checks),
        unjudged=sum(c.unjudged for c in checks),
        limits=_limits(trials),
    )


def _check(key: tuple[str, str, str, str], findings: Sequence[Mapping[str, Any]]) -> Check:
    """The worst: a failed one before others, and of these the one furthest towards its limit."""
    scenario, window, target, name = key

    def badness(finding: Mapping[str, Any]) -> tuple[int, float]:
        rank = {False: 2, True: 1, None: 0}[finding["ok"]]
        figure = finding["figure"] or 0.0
        return rank, -figure if name in ("offered rate", "peak") else figure

    worst = max(findings, key=badness)
    return Check(
        scenario=scenario,
        window=window,
        target=target,
        name=name,
        passed=sum(f["ok"] is True for f in findings),
        failed=sum(f["ok"] is False for f in findings),
        unjudged=sum(f["ok"] is None for f in findings),
        worst=_figure(worst["figure"], worst["unit"]),
        limit=_figure(worst["limit"], worst["unit"]),
        text=str(worst["text"]),
    )


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    factor, suffix = SHOWN_UNITS.get(unit, (1.0, f" {unit}"))
    return f"{significant(value * factor)}{suffix}"


def _line(trial: Record) -> TrialLine:
    packs = trial.get("conformance") or {}
    parts = [
        f"{pack['checked']} {when}, {len(pack['differences'])} differ"
        for when, pack in packs.items()
        if pack is not None
    ]
    return TrialLine(
        folder=str(trial["folder"]),
        case=str(trial["case"]["id"]),
        round=trial["round"],
        attempt=trial.get("attempt", 1),
        status=str(trial["status"]),
        reasons=tuple(gist(str(r)) for r in trial["reasons"]),
        conformance="; ".join(parts) or "–",
        schedule=_schedules(trial.get("windows") or []),
    )


def _schedules(windows: Iterable[Mapping[str, Any]]) -> str:
    found = [str(w["schedule_sha256"])[:12] for w in windows if w.get("schedule_sha256")]
    return ", ".join(found) or "–"


def _limits(trials: Sequence[Record]) -> tuple[str, ...]:
    """How limits were put on the services, each way once; what could not be enforced says so."""
    found = []
    for trial in trials:
        for limit in (trial.get("start") or {}).get("limits") or []:
            held = "enforced by" if limit["enforced"] else "not enforced:"
            found.append(f"{limit['name']} {limit['asked']}: {held} {limit['how']}")
    return tuple(dict.fromkeys(found))
