"""Can a run be trusted? Every check of every trial gathered by window, and what stood around the measurement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.report.metrics import Record
from harness.report.numbers import MISSING, limit_text, significant
from harness.report.wording import gist
from harness.units import BYTES_PER_MIB, NS_PER_US

_Where = tuple[str, str, str, str]
"""Scenario, window, target, check."""

_BESIDE_FINDINGS = ("peak", "settled")
"""Judgements of a closed window that do not make it invalid."""

_AT_LEAST = ("offered rate", *_BESIDE_FINDINGS)
"""Checks whose figure may not fall below its limit; the others' may not rise above it."""

_LEAST = 0.01
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
class Overall:
    """One check over all trials of all targets; `where` the worst figure was found."""

    name: str
    passed: int
    failed: int
    unjudged: int
    worst: str
    limit: str
    where: str


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

    overall: tuple[Overall, ...]
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
    found: dict[_Where, list[Mapping[str, Any]]] = {}
    for trial in trials:
        case = trial["case"]
        target = f"{case['target']} (twin)" if case["twin"] else case["target"]
        for window in trial.get("windows") or []:
            others = [window[name] for name in _BESIDE_FINDINGS if window.get(name)]
            for finding in [*window["findings"], *others]:
                found.setdefault((case["scenario"], window["name"], target, finding["name"]), []).append(
                    finding
                )
    checks = tuple(_check(key, findings) for key, findings in found.items())
    return Trust(
        overall=_overall(found),
        checks=checks,
        trials=tuple(_line(t) for t in trials),
        passed=sum(c.passed for c in checks),
        failed=sum(c.failed for c in checks),
        unjudged=sum(c.unjudged for c in checks),
        limits=_limits(trials),
    )


def _overall(found: Mapping[_Where, Sequence[Mapping[str, Any]]]) -> tuple[Overall, ...]:
    """A line for each check, those that failed first."""
    lines = []
    for name in dict.fromkeys(where[3] for where in found):
        placed = [
            (where, finding) for where, findings in found.items() if where[3] == name for finding in findings
        ]
        where, worst = max(placed, key=lambda one: _badness(name, one[1]))
        findings = [finding for _, finding in placed]
        lines.append(Overall(name, *_counts(findings), *_worst(worst), _place(where, worst, findings)))
    return tuple(sorted(lines, key=lambda line: -line.failed))


def _place(where: _Where, worst: Mapping[str, Any], findings: Sequence[Mapping[str, Any]]) -> str:
    """Where the worst was; why it could not be judged; nowhere in particular when all are alike."""
    if worst["ok"] is None:
        return str(worst["text"])
    if worst["limit"] is None:
        return MISSING
    if worst["ok"] and len({finding["figure"] for finding in findings if finding["ok"] is not None}) == 1:
        return "all alike"
    scenario, window, target, _ = where
    return f"{target} in {scenario}, {window}"


def _check(key: _Where, findings: Sequence[Mapping[str, Any]]) -> Check:
    scenario, window, target, name = key
    worst = max(findings, key=lambda finding: _badness(name, finding))
    return Check(scenario, window, target, name, *_counts(findings), *_worst(worst), str(worst["text"]))


def _badness(name: str, finding: Mapping[str, Any]) -> tuple[int, float]:
    """A failed one is worse than others, and of these the one furthest towards its limit."""
    rank = {False: 2, True: 1, None: 0}[finding["ok"]]
    figure, limit = finding["figure"] or 0.0, finding["limit"] or 0.0
    if name in _AT_LEAST:
        return rank, -figure
    return rank, figure / limit if limit else figure


def _counts(findings: Sequence[Mapping[str, Any]]) -> tuple[int, int, int]:
    """(passed, failed, not judged)."""
    passed, failed, unjudged = (sum(f["ok"] is ok for f in findings) for ok in (True, False, None))
    return passed, failed, unjudged


def _worst(finding: Mapping[str, Any]) -> tuple[str, str]:
    """(figure, limit); a figure without a limit is none that could be worse."""
    if finding["limit"] is None:
        return MISSING, MISSING
    factor, suffix = SHOWN_UNITS.get(finding["unit"], (1.0, f" {finding['unit']}"))
    figure = MISSING if finding["figure"] is None else f"{_figure(finding['figure'] * factor)}{suffix}"
    return figure, f"{limit_text(finding['limit'] * factor)}{suffix}"


def _figure(value: float) -> str:
    """Beside its limit two digits say enough; what is next to nothing is not told apart."""
    return f"< {_LEAST}" if 0 < value < _LEAST else significant(value, 2 if value < 100 else 3)


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
            found.append(f"{_asked_text(limit['name'], limit['asked'])}: {held} {limit['how']}")
    return tuple(dict.fromkeys(found))


def _asked_text(name: str, asked: str) -> str:
    """`memory 2,048 MiB`, `open files 65,536`, `CPUs 1`: what was asked for, in units that people see."""
    if name == "cpus":
        return f"CPUs {asked}"
    if not asked.isdecimal():
        return f"{name} {asked}"
    return (
        f"memory {int(asked) / BYTES_PER_MIB:,.0f} MiB"
        if name == "memory_bytes"
        else f"open files {int(asked):,}"
    )
