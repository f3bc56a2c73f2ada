"""The rounds of a night: pairs side by side, looks at them, and the confirmation of what alerted."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.gate.figures import figures_of
from harness.gate.judge import look, needs_confirming
from harness.gate.model import Gated, Night, PairFigures, TargetNight
from harness.gate.pairs import PlannedPair, Side, plan_rounds
from harness.gate.resume import CONFIRMATION_CUT, ROUNDS_CUT, Earlier
from harness.gate_file import FEWEST_PAIRS
from harness.journal import Journal
from harness.model import Case, JsonObject, PlannedTrial, Scenario
from harness.plan import estimate_s
from harness.progress import Progress
from harness.rounds import GeneratorKeeper, one_trial
from harness.store import RunFolder
from harness.trials.trial import Bench

SPARE_RATIO = 1.15
"""What is left of the budget has to hold so much more than what is begun should take, as trials may be repeated."""


@dataclass
class Measuring:
    """A night under way: what its pairs share, and how long they take."""

    scenario: Scenario
    budget_s: float
    metrics: Sequence[Gated]
    run: RunFolder
    keeper: GeneratorKeeper
    progress: Progress
    head: Bench
    base: Bench
    began_s: float
    journal: Journal
    earlier: Earlier = field(default_factory=Earlier)
    took_s: dict[str, float] = field(default_factory=dict)

    def expected_s(self, target: str) -> float:
        """How long a pair of this target takes: as the last one did, before that as planned."""
        spec = self.head.artifacts[target].target
        return self.took_s.get(target, 2 * estimate_s(Case(spec, self.scenario)))

    def fits(self, rounds: Mapping[str, int]) -> bool:
        """Whether so many further pairs of each target fit into the budget."""
        return self.has_left(sum(n * self.expected_s(t) for t, n in rounds.items()))

    def has_left(self, expected_s: float) -> bool:
        left_s = self.budget_s - (time.monotonic() - self.began_s)
        return SPARE_RATIO * expected_s <= left_s

    def must_end(self, number: int, rounds: Mapping[str, int], *, confirming: bool = False) -> bool:
        """Whether this round is not begun for want of time; what an earlier sitting decided stays."""
        cut_after = self.earlier.confirmed_until if confirming else self.earlier.cut_after
        if cut_after is not None:
            return number > cut_after
        if self.earlier.has_begun(number) or self.fits(rounds):
            return False
        self.journal.note(CONFIRMATION_CUT if confirming else ROUNDS_CUT, round=number - 1)
        return True

    def pair(self, planned: PlannedPair, head_text: str) -> PairFigures | None:
        """Measures a pair; None when one side has no figure that may be believed."""
        began_s = time.monotonic()
        figures = {side: self._side(planned, side, head_text) for side in planned.sides}
        if not self.earlier.has_begun(planned.round):
            self.took_s[planned.target] = time.monotonic() - began_s
        if not all(figures.values()):
            return None
        return PairFigures(planned.round, planned.first, figures["base"], figures["head"])

    def _side(self, planned: PlannedPair, side: Side, head_text: str) -> dict[str, float]:
        """One trial; one that is not valid is repeated once, if time allows, for figures that it could not give."""
        bench = self.base if side == "base" else self.head
        case = Case(bench.artifacts[planned.target].target, self.scenario, side=side)
        trial = PlannedTrial(case, planned.round, planned.sides.index(side), estimate_s(case))
        found: dict[str, float] = {}
        for attempt in (1, 2):
            text = f"{head_text}: {case.id}{', once more' if attempt > 1 else ''}"
            record = self.earlier.trials.get((case.id, trial.round, attempt))
            if record is None:
                if attempt > 1 and not self.has_left(trial.estimated_s):
                    self.progress.line(f"the budget has no room for {text}")
                    break
                record = self._noted_trial(bench, trial, attempt, text)
            found = figures_of(record, self.metrics) | found
            if record["status"] == "valid":
                break
            self.keeper.discard()
        return found

    def _noted_trial(self, bench: Bench, trial: PlannedTrial, attempt: int, text: str) -> JsonObject:
        """Runs a trial, its begin and end written down in the journal."""
        which = {"case": trial.case.id, "round": trial.round, "attempt": attempt}
        self.journal.note("trial begun", **which)
        record = one_trial(bench, trial, attempt, self.run, text, self.progress)
        folder = self.run.trial_folder(trial.case.id, trial.round, attempt).relative_to(self.run.path)
        self.journal.note("trial ended", **which, status=record["status"], folder=str(folder))
        return record


def measure_rounds(measuring: Measuring, night: Night) -> Night:
    """All rounds with their looks, then the confirmation of what alerted."""
    rules, metrics = night.rules, night.metrics
    planned = plan_rounds([t.target for t in night.targets], rules.looks[-1], night.seed)
    for number, pairs in enumerate(planned, start=1):
        active = {t.target for t in night.targets if t.stopped_by is None}
        if not active:
            break
        if number > 1 and measuring.must_end(number, _ahead(night, number)):
            measuring.progress.line("the budget has no room for another round")
            night = replace(night, cut_short=True)
            break
        night = _round(measuring, night, [p for p in pairs if p.target in active], f"round {number}")
        if number in rules.looks:
            night = _look(measuring, night, number, metrics)
    if night.cut_short and night.rounds > max((n for n, _ in night.looks), default=0):
        night = _look(measuring, night, night.rounds, metrics)
    return _confirm(measuring, night)


def _ahead(night: Night, number: int) -> dict[str, int]:
    """Pairs that have to fit before this round is begun: its own, and what would confirm any target's alert.

    From the round on that makes pairs enough for an alert, as any round may turn out to be the last.
    """
    confirming = night.rules.confirming
    may_alert = number >= FEWEST_PAIRS
    active = {t.target: 1 + confirming * may_alert for t in night.targets if t.stopped_by is None}
    alerting = {t.target: confirming for t in night.targets if needs_confirming(t, night.metrics)}
    return alerting | active


def _round(
    measuring: Measuring, night: Night, pairs: Sequence[PlannedPair], text: str, *, further: bool = False
) -> Night:
    found = {p.target: measuring.pair(p, text) for p in pairs}
    targets = tuple(
        _with_pair(t, found[t.target], further=further) if t.target in found else t for t in night.targets
    )
    return replace(night, targets=targets, rounds=night.rounds + (not further))


def _with_pair(target: TargetNight, pair: PairFigures | None, *, further: bool) -> TargetNight:
    if pair is None:
        return replace(target, lost=target.lost + 1)
    if further:
        return replace(target, further=(*target.further, pair))
    return replace(target, pairs=(*target.pairs, pair))


def _look(measuring: Measuring, night: Night, number: int, metrics: Sequence[Gated]) -> Night:
    """`number` rounds are over; a look that comes early spends no more than the one it stands for."""
    rules = night.rules
    level = next(lv for n, lv in zip(rules.looks, rules.levels, strict=True) if number <= n)
    looked = look(night.targets, metrics, level)
    for before, now in zip(night.targets, looked, strict=True):
        if now.stopped_by and not before.stopped_by:
            names = ", ".join(now.alerts or {})
            measuring.progress.line(
                f"{now.target} after {len(now.pairs)} pairs: {now.stopped_by}"
                + (f" ({names})" if names else "")
            )
    return replace(night, targets=looked, looks=(*night.looks, (number, level)))


def _confirm(measuring: Measuring, night: Night) -> Night:
    """Further pairs of what alerted; none is begun for which, with those that it takes to confirm, there is no time."""
    rules, first = night.rules, night.rounds + 1
    alerting = [t.target for t in night.targets if needs_confirming(t, night.metrics)]
    if not alerting:
        return night
    measuring.progress.line(f"confirming {', '.join(alerting)} by {rules.confirming} further pairs")
    planned = plan_rounds(alerting, rules.confirming, night.seed, begin=first)
    for number, pairs in enumerate(planned, start=first):
        needed = max(1, rules.agreeing - (number - first))
        if measuring.must_end(number, dict.fromkeys(alerting, needed), confirming=True):
            measuring.progress.line("the budget has no room to confirm what alerted")
            targets = tuple(replace(t, no_time=t.target in alerting) for t in night.targets)
            return replace(night, cut_short=True, targets=targets)
        night = _round(measuring, night, pairs, "confirmation", further=True)
    return night
