"""A page of all runs in a folder: what each was about, how it ended, and the main figures over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.report import wording
from harness.report.model import Row, ScenarioSummary, Summary
from harness.report.numbers import value_text
from harness.report.palette import Look
from harness.units import counted

_WIDTH, _HEIGHT, _EDGE = 160.0, 28.0, 4.0


@dataclass(frozen=True, slots=True)
class Listed:
    """A run in the list; `link` None: it has no page yet. `night`: what a night of the guard came to; None: a bench."""

    summary: Summary
    link: str | None
    night: str | None = None


@dataclass(frozen=True, slots=True)
class Trend:
    """One figure over runs that were made alike, oldest first."""

    scenario: str
    target: str
    figure: str
    display: Any
    values: tuple[float, ...]


def index_context(
    listed: Sequence[Listed], unread: Sequence[str], looks: Mapping[str, Look]
) -> dict[str, Any]:
    """What the template shows; runs in order of their ids, the newest first."""
    ordered = sorted(listed, key=lambda one: one.summary.run)
    return {
        "runs": [_run(one) for one in reversed(ordered)],
        "trends": [_shown(t, looks) for t in trends([one.summary for one in ordered if one.night is None])],
        "unread": list(unread),
    }


def trends(ordered: Sequence[Summary]) -> list[Trend]:
    """Every headline figure that two whole runs or more have, made like the newest of them; no quick look counts."""
    usable = [s for s in ordered if s.stamp is None and s.status == "complete"]
    if not usable:
        return []
    like = [s for s in usable if _kind(s) == _kind(usable[-1])]
    found: dict[tuple[str, str, str], tuple[Any, list[float]]] = {}
    for summary in like:
        for scenario in summary.scenarios:
            for row in scenario.rows:
                for key, value in _figures(scenario, row):
                    column = scenario.columns[key]
                    name = (scenario.name, row.target, wording.column_text(column))
                    found.setdefault(name, (column.display, []))[1].append(value)
    return [
        Trend(*name, display, tuple(values)) for name, (display, values) in found.items() if len(values) > 1
    ]


def _figures(scenario: ScenarioSummary, row: Row) -> list[tuple[str, float]]:
    """What may stand in history: headline figures of valid rows that the generator did not bound."""
    if row.twin or not row.valid:
        return []
    keys = [k for k, c in scenario.columns.items() if c.headline and c.ranked]
    return [(k, f.centre) for k in keys if (f := row.figures[k]).centre is not None and not f.at_least]


def _kind(summary: Summary) -> tuple[str | int | None, ...]:
    machine = summary.machine
    how = summary.driver, summary.engine, summary.target_cores
    return machine.cpu_model, machine.cores, machine.architecture, *how


def _shown(trend: Trend, looks: Mapping[str, Look]) -> dict[str, Any]:
    low, high = min(trend.values), max(trend.values)
    span = (high - low) or 1.0
    step = (_WIDTH - 2 * _EDGE) / (len(trend.values) - 1)
    points = [
        (_EDGE + n * step, _HEIGHT - _EDGE - (v - low) / span * (_HEIGHT - 2 * _EDGE))
        for n, v in enumerate(trend.values)
    ]
    unit = f" {trend.display}".replace(" /s", "/s")
    return {
        "scenario": trend.scenario,
        "target": trend.target,
        "figure": trend.figure,
        "slot": looks[trend.target].slot,
        "count": len(trend.values),
        "points": " ".join(f"{x:.1f},{y:.1f}" for x, y in points),
        "last_x": f"{points[-1][0]:.1f}",
        "last_y": f"{points[-1][1]:.1f}",
        "first": f"{value_text(trend.values[0], trend.display)}{unit}",
        "latest": f"{value_text(trend.values[-1], trend.display)}{unit}",
        "sort": repr(trend.values[-1]),
    }


def _run(one: Listed) -> dict[str, Any]:
    summary = one.summary
    rows = [r for s in summary.scenarios for r in s.rows if not r.twin]
    valid = sum(r.valid for r in rows)
    whole = summary.status == "complete" and valid == len(rows) and rows
    outcome = one.night or f"{valid} of {len(rows)} rows valid"
    if summary.status != "complete":
        outcome = f"{summary.status}, {outcome}"
    if summary.stamp:
        outcome += ", quick look"
    return {
        "run": summary.run,
        "link": one.link,
        "when": wording.when_text(summary.created_unix_ns),
        "scenarios": ", ".join(s.name for s in summary.scenarios),
        "targets": ", ".join(dict.fromkeys(r.target for r in rows)),
        "machine": wording.machine_text(summary.machine),
        "revision": (summary.revision or "unknown")[:12],
        "outcome": outcome,
        "best": _best(summary) if one.night is None else "–",
        "kind": "ok" if whole else "invalid" if valid else "failed",
    }


def _best(summary: Summary) -> str:
    """Which target is best in which headline figures, and how many promises were broken."""
    found: dict[str, list[str]] = {}
    for scenario in summary.scenarios:
        for row in scenario.rows:
            keys = [k for k, c in scenario.columns.items() if c.headline and row.figures[k].best]
            found.setdefault(row.target, []).extend(wording.column_text(scenario.columns[k]) for k in keys)
    texts = [f"{target}: {', '.join(dict.fromkeys(what))}" for target, what in found.items() if what]
    broken = sum(p.met is False for s in summary.scenarios for p in s.promises)
    texts += [f"{counted(broken, 'promise')} broken"] if broken else []
    return "; ".join(texts) or "none better than all others"


def page_link(folder: Path, results: Path) -> str | None:
    """Of a bench, or of a night of the guard."""
    pages = (folder / name for name in ("gate.html", "report.html"))
    return next((str(page.relative_to(results)) for page in pages if page.is_file()), None)
