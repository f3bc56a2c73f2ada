"""Two or more runs against the first of them: what differs around them, and each figure with its verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import UsageError
from harness.probes import host
from harness.report.metrics import Record
from harness.report.model import Column, Row, ScenarioSummary, Summary
from harness.report.versus_model import Effect, Sources, Unlikeness, Versus
from harness.report.wording import target_text
from harness.stats.compare import Pair, compare

_UNRULED = "no blind twin in either run shows how large its noise is"


@dataclass(frozen=True, slots=True)
class RunRead:
    """A run with its documents and the summary made of them."""

    document: Mapping[str, Any]
    trials: Sequence[Record]
    summary: Summary


def compare_runs(runs: Sequence[RunRead], *, force: bool = False) -> Versus:
    """Compares what the runs have in common. Raises UsageError for unlike ones, unless forced, and for too few."""
    if len(runs) < 2:
        raise UsageError("a comparison needs two runs or more")
    base, others = runs[0], runs[1:]
    unlike = tuple(u for other in others for u in _unlike(base, other))
    grave = [u for u in unlike if u.grave]
    if grave and not force:
        listed = "\n".join(f"  {u.run}: {u.name}: {u.first} against {u.other}" for u in grave)
        raise UsageError(
            "these runs are unlike, so a difference would say nothing of the targets:\n"
            f"{listed}\nUse --force to see them all the same."
        )
    effects = tuple(e for other in others for e in _effects(base, other))
    if not effects:
        raise UsageError("these runs have no scenario and target in common")
    return Versus(tuple(r.summary for r in runs), _sources(runs, effects), unlike, effects, bool(grave))


# --- what differs around the runs ------------------------------------------------------------------------------


def _unlike(base: RunRead, other: RunRead) -> Iterator[Unlikeness]:
    run = other.summary.run
    one, two = (host.from_json(r.document["manifest"]) for r in (base, other))
    for difference in host.comparable(one, two):
        grave = difference.kind == "machine"
        yield Unlikeness(run, difference.name, _text(difference.one), _text(difference.other), grave)
    for name in ("driver", "engine"):
        first, now = base.document[name], other.document[name]
        if first != now:
            yield Unlikeness(run, name, first, now, True)
    if base.document["placement"]["sharing"] != other.document["placement"]["sharing"]:
        first, now = (r.document["placement"]["sharing"] for r in (base, other))
        yield Unlikeness(run, "sharing of cores", first, now, True)
    first, now = (bool(r.document["placement"].get("awake_cpus")) for r in (base, other))
    if first != now:
        yield Unlikeness(run, "cores kept awake", _yes_or_no(first), _yes_or_no(now), True)
    for name, scenario in base.document["scenarios"].items():
        now = other.document["scenarios"].get(name)
        if now is not None and now != scenario:
            changed = ", ".join(k for k in scenario if scenario[k] != now.get(k))
            yield Unlikeness(run, f"scenario {name}", "as it was", f"other {changed}", True)


def _yes_or_no(value: bool) -> str:
    return "yes" if value else "no"


def _sources(runs: Sequence[RunRead], effects: Sequence[Effect]) -> Sources:
    targets = [e.target for e in effects]
    builds = {
        name: _all_same(r.document["targets"].get(name, {}).get("content_hash") for r in runs)
        for name in dict.fromkeys(targets)
    }
    revision = _all_same(r.summary.revision for r in runs)
    if revision and not all(r.summary.revision_clean for r in runs):
        revision = None
    return Sources(
        revision=revision,
        harness=_all_same((r.document.get("harness") or {}).get("content_hash") for r in runs),
        same=tuple(name for name, same in builds.items() if same),
        other=tuple(name for name, same in builds.items() if same is False),
    )


def _all_same(values: Iterable[str | None]) -> bool | None:
    """None when one of them is not known."""
    found = list(values)
    return None if any(v in (None, "unknown") for v in found) else len(set(found)) == 1


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {v}" for k, v in value.items())
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


# --- the figures -----------------------------------------------------------------------------------------------


def _effects(base: RunRead, other: RunRead) -> Iterator[Effect]:
    """Every headline figure of every row that both have; Holm's correction over the rows of a column."""
    for scenario in base.summary.scenarios:
        again = next((s for s in other.summary.scenarios if s.name == scenario.name), None)
        if again is None:
            continue
        rows = [
            (row, now)
            for row in scenario.rows
            if not row.twin and (now := next((r for r in again.rows if r.case == row.case), None))
        ]
        for key, column in scenario.columns.items():
            if column.headline and column.ranked and key in again.columns:
                yield from _column_effects(column, rows, _ruler(key, scenario, again), other.summary.run)


def _column_effects(
    column: Column, rows: Sequence[tuple[Row, Row]], ruler_ratio: float | None, run: str
) -> Iterator[Effect]:
    notes = {row.case: _why_not(row, now, column.key) for row, now in rows}
    pairs = {row.case: _pair(row, now, column) for row, now in rows if notes[row.case] is None}
    verdicts = compare(pairs, ruler_ratio)
    for row, now in rows:
        yield Effect(
            scenario=row.case.partition("/")[0],
            target=target_text(row),
            column=column,
            run=run,
            first=row.figures[column.key].centre,
            other=now.figures[column.key].centre,
            comparison=verdicts.get(row.case),
            note=_UNRULED if ruler_ratio is None and row.case in verdicts else notes[row.case],
        )


def _pair(row: Row, now: Row, column: Column) -> Pair:
    return Pair(
        candidate=now.figures[column.key].trials,
        base=row.figures[column.key].trials,
        paired=False,
        higher_is_better=column.better == "higher",
    )


def _why_not(row: Row, now: Row, key: str) -> str | None:
    """Why the two figures cannot be compared; None when they can."""
    for which, one in (("first", row), ("other", now)):
        figure = one.figures[key]
        if not one.valid:
            return f"the {which} run's row is not valid"
        if figure.centre is None:
            return f"missing in the {which} run: {figure.missing}"
        if figure.at_least:
            return f"the {which} run has only a lower bound"
        if min(figure.trials) <= 0:
            return "has no ratio"
    return None


def _ruler(key: str, *scenarios: ScenarioSummary) -> float | None:
    """The larger difference that blind twins showed in this figure, of both runs; None when neither had twins."""
    known = [s.ruler_ratio[key] for s in scenarios if key in s.ruler_ratio]
    return max(known, default=None)
