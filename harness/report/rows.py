"""From the trials of one case to its row: which trials count, their centre and interval, what is missing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.report.metrics import Metric, Record, disturbed_tries, why_missing
from harness.report.model import Column, Figure, Row
from harness.stats.interval import estimate
from harness.stats.quantile import median
from harness.units import counted

_FIGURE = re.compile(r"\d[\d,.]*")


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric in its column: of the window of that name, or of the trial as a whole (`window` None)."""

    metric: Metric
    column: Column

    def read(self, trial: Record) -> float | None:
        source = self.source(trial)
        return None if source is None or _without_capacity(source) else self.metric.read(source)

    def source(self, trial: Record) -> Record | None:
        return trial if self.column.window is None else window_of(trial, self.column.window)

    def why_missing(self, trial: Record) -> str:
        source = self.source(trial)
        if source is None:
            return f"the trial did not come to window {self.column.window}"
        if (why := _without_capacity(source)) is not None:
            return why
        return why_missing(self.metric.name, trial, None if self.column.window is None else source)


def _without_capacity(source: Record) -> str | None:
    """Why a search for capacity found none; None for anything else. Its figures are those of a rate that failed."""
    if source.get("mode") != "capacity" or source["capacity_rps"] is not None:
        return None
    return str(next(f["text"] for f in source["findings"] if f["name"] == "capacity"))


def window_of(trial: Record, name: str) -> Record | None:
    """The trial's window of that name; of several numbers of connections the one with the highest throughput."""
    found = [w for w in trial.get("windows") or [] if w["name"] == name]
    return max(found, key=lambda w: w["throughput_rps"] or 0.0, default=None)


@dataclass(frozen=True, slots=True)
class CaseTrials:
    """The trials of one case that count: one of each round, the repeated one where the first was not valid."""

    case: Mapping[str, Any]
    trials: tuple[Record, ...]
    rounds: int

    @property
    def valid(self) -> tuple[Record, ...]:
        return tuple(t for t in self.trials if t["status"] == "valid")

    @property
    def needed(self) -> int:
        """More than half of the rounds: 2 of 3, 3 of 5."""
        return self.rounds // 2 + 1

    @property
    def is_valid(self) -> bool:
        return len(self.valid) >= self.needed

    @property
    def shown(self) -> tuple[Record, ...]:
        """The valid trials of a valid row; of another all that came to an end, for orientation."""
        return self.valid if self.is_valid else tuple(t for t in self.trials if t["status"] != "failed")


def choose_trials(case: Mapping[str, Any], trials: Sequence[Record], rounds: int) -> CaseTrials:
    """Picks one trial of each round: the valid one, else the last that did not fail, else the last."""
    chosen: dict[int, Record] = {}
    rank = {"failed": 0, "invalid": 1, "valid": 2}
    for trial in sorted(trials, key=lambda t: (t["round"], t.get("attempt", 1))):
        if trial["case"]["id"] != case["id"]:
            continue
        before = chosen.get(trial["round"])
        if before is None or rank[trial["status"]] >= rank[before["status"]]:
            chosen[trial["round"]] = trial
    return CaseTrials(case, tuple(chosen[r] for r in sorted(chosen)), rounds)


def make_row(chosen: CaseTrials, measured: Sequence[Measured], target: Mapping[str, Any]) -> Row:
    """The row of one case. `target`: its entry in run.json."""
    shown = chosen.shown
    return Row(
        case=str(chosen.case["id"]),
        target=str(chosen.case["target"]),
        label=str(target.get("label", chosen.case["target"])),
        twin=bool(chosen.case["twin"]),
        valid=chosen.is_valid,
        trials_valid=len(chosen.valid),
        trials_needed=chosen.needed,
        rounds=chosen.rounds,
        reasons=() if chosen.is_valid else _reasons(chosen),
        notes=_notes(chosen, shown),
        facts=_facts(shown, target),
        figures={m.column.key: make_figure(m, shown) for m in measured},
    )


def make_figure(measured: Measured, trials: Sequence[Record]) -> Figure:
    """Centre and interval over the trials that have the figure; why there is none, where none has it."""
    values = tuple(v for t in trials if (v := measured.read(t)) is not None)
    if not values:
        reasons = dict.fromkeys(measured.why_missing(t) for t in trials)
        return Figure(missing="; ".join(reasons) or "no trial came to an end")
    at_least = any(_generator_bound(measured, t) for t in trials)
    if not measured.metric.relative or min(values) <= 0:
        return Figure(centre=median(values), trials=values, at_least=at_least)
    found = estimate(values)
    return Figure(centre=found.centre, low=found.low, high=found.high, trials=values, at_least=at_least)


def _generator_bound(measured: Measured, trial: Record) -> bool:
    """A closed window's throughput whose limit was not, or not surely, the target; a capacity found from below."""
    source = measured.source(trial)
    if measured.metric.name == "capacity_rps":
        return source is not None and source.get("bound") == "at least"
    if measured.metric.name != "throughput_rps" or source is None or source["mode"] != "closed":
        return False
    peak = source.get("peak")
    return peak is None or peak["ok"] is not True


def _reasons(chosen: CaseTrials) -> tuple[str, ...]:
    """Why the row is not valid; what differs only in its figures stands once, with the number of trials."""
    if not chosen.trials:
        return ("no trial was run",)
    alike: dict[str, dict[int, str]] = {}  # for each trial the first of its reasons that are alike
    for number, trial in enumerate(chosen.trials):
        for reason in trial["reasons"] if trial["status"] != "valid" else ():
            alike.setdefault(_FIGURE.sub("#", str(reason)), {}).setdefault(number, str(reason))
    found = (
        first if len(more) == 0 else f"{first} ({len(more) + 1} trials)"
        for first, *more in (by_trial.values() for by_trial in alike.values())
    )
    return tuple(found) or (_too_few(len(chosen.trials), chosen.needed),)


def _too_few(run: int, needed: int) -> str:
    were = "trial was" if run == 1 else "trials were"
    return f"{run} {were} run, {needed} are needed"


def _notes(chosen: CaseTrials, shown: Sequence[Record]) -> tuple[str, ...]:
    """What a reader must know beside the figures, each once."""
    notes = []
    for trial in shown:
        for window in trial.get("windows") or []:
            peak = window.get("peak")
            if peak is not None and peak["ok"] is not True:
                notes.append(f"{window['name']}: generator-bound, the target could do more; not ranked")
        notes += trial.get("notes") or []
    notes += [*(_bounds(shown) if chosen.is_valid else ()), *_disturbed(shown)]
    lost = len(chosen.trials) - len(chosen.valid)
    if chosen.is_valid and lost:
        notes.append(f"{lost} of {len(chosen.trials)} trials not valid and left out")
    return tuple(dict.fromkeys(notes))


def _bounds(shown: Sequence[Record]) -> list[str]:
    """Of each capacity that is "at least": in how many trials, and what ended the search in the first of them."""
    found: dict[str, list[str]] = {}
    for trial in shown:
        for window in trial.get("windows") or []:
            if window.get("bound") == "at least":
                texts = [f["text"] for f in window["findings"] if f["name"] == "capacity"]
                found.setdefault(window["name"], []).append(texts[0])
    return [
        f"{name}: at least so much, not ranked; in {len(texts)} of {counted(len(shown), 'trial')} {texts[0]}"
        for name, texts in found.items()
    ]


def _disturbed(shown: Sequence[Record]) -> list[str]:
    count = sum(disturbed_tries(trial) for trial in shown)
    why = "disturbed by the machine (a stolen core or a late generator)"
    return [f"{counted(count, 'window')} offered again, {why}"] if count else []


def _facts(trials: Sequence[Record], target: Mapping[str, Any]) -> dict[str, str]:
    """Words that stand beside the figures."""
    info = next((t["info"] for t in trials if t.get("info")), None) or {}
    facts = {
        "language": target.get("language"),
        "payload": info.get("payload") or target.get("payload"),
        "reload": target.get("reload"),
        "runtime": _named(info.get("runtime")),
        "framework": _named(info.get("framework")),
        "jwt_provider": info.get("jwt_provider"),
        "variant_reason": target.get("variant_reason"),
    }
    return {name: str(value) for name, value in facts.items() if value}


def _named(part: Mapping[str, Any] | None) -> str | None:
    return f"{part.get('name')} {part.get('version')}" if part else None
