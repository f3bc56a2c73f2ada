"""Scenarios × targets → trials in order. Pure: the same cases, options and seed give the same plan."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.model import Case, PlannedTrial, Scenario, TargetSpec, Window
from harness.stats.steady import SHORTEST_S
from harness.units import counted, duration_text

STANDARD_ROUNDS = 3
FULL_ROUNDS = 5
UNTIL_TIGHT_BUDGET_S = 3_600.0
_OVERHEAD_S = 10.0
"""Starts, two packs of conformance cases, priming the answers, drain, stop: about so long beside the load."""
_OVERHEAD_WINDOW_S = 0.6
_SHORTEST_WINDOW_S = 3.0
_QUICK_SCALE = 0.4
_QUICK_WARMUP_S = 6.0
_START_S = {"cold-start": 4.0}
_KEPT_FOR_REPEATS = 0.15
"""Of a budget: the generator's calibration, and trials that are not valid and so measured once more."""
_FIRST_SEARCH_PROBES = 6
_LATER_SEARCH_PROBES = 4


@dataclass(frozen=True)
class PlanOptions:
    """What the user asked for. `budget_s` lets the plan choose rounds and window lengths itself, with room for repeats.

    `until_tight`: rounds are added until intervals are narrow; `budget_s` then says when to leave off. `searches`: a
    rate can be offered, so that a capacity can be searched.
    """

    rounds: int | None = None
    seed: int = 1
    budget_s: float | None = None
    quick: bool = False
    full: bool = False
    twin: bool = True
    until_tight: bool = False
    searches: bool = True

    @property
    def tight_budget_s(self) -> float:
        """For all rounds together, when rounds are added."""
        return UNTIL_TIGHT_BUDGET_S if self.budget_s is None else self.budget_s


@dataclass(frozen=True)
class Plan:
    """Trials in the order in which they run. `scale` shortened the windows, 1.0 is their own length."""

    trials: tuple[PlannedTrial, ...]
    rounds: int
    scale: float
    seed: int

    @property
    def estimated_s(self) -> float:
        return sum(t.estimated_s for t in self.trials)

    @property
    def cases(self) -> tuple[Case, ...]:
        """Each case once, in the order scenarios and targets were named, twins last."""
        unique = {t.case.id: t.case for t in sorted(self.trials, key=lambda t: (t.round, t.position))}
        return tuple(sorted(unique.values(), key=lambda c: (c.scenario.name, c.twin, c.target.id)))


def make_plan(scenarios: Sequence[Scenario], targets: Sequence[TargetSpec], options: PlanOptions) -> Plan:
    """Every case once a round, each round in a random order of its own, drawn from the seed."""
    if options.quick:
        return _arrange(scenarios, targets, options.rounds or 1, _QUICK_SCALE, options, twin=False)
    rounds = options.rounds or (FULL_ROUNDS if options.full else STANDARD_ROUNDS)
    if options.until_tight:
        rounds = max(2, rounds)  # one trial has no interval
    twin = options.twin and rounds > 1
    if options.budget_s is None or options.until_tight:
        whole = _arrange(scenarios, targets, rounds, 1.0, options, twin=twin)
        if options.budget_s is None or whole.estimated_s <= options.budget_s:
            return whole
    planned_s = options.budget_s * (1.0 if options.until_tight else 1 - _KEPT_FOR_REPEATS)
    plan = _arrange(scenarios, targets, options.rounds or 1, 0.1, options, twin=False)
    for count, scale in _candidates(options.rounds):
        candidate = _arrange(scenarios, targets, count, scale, options, twin=options.twin and count > 1)
        if candidate.estimated_s <= planned_s:
            return candidate
    return plan


def budget_note(plan: Plan, options: PlanOptions) -> str | None:
    """That the plan takes longer than the budget, where it does: a shorter one would not be worth much."""
    budget_s = options.budget_s
    if budget_s is None or options.until_tight or plan.estimated_s <= budget_s:
        return None
    return (
        f"{counted(plan.rounds, 'round')} of {counted(len(plan.cases), 'case')}, with windows as short as is "
        "useful, would take about "
        f"{duration_text(plan.estimated_s)}: more than the budget of {duration_text(budget_s)}. "
        "Name fewer targets or scenarios to keep it"
    )


def search_note(scenarios: Sequence[Scenario], options: PlanOptions) -> str | None:
    """That windows were left out because users of a Locust file send when they like, where any was."""
    names = [
        w.name for s in scenarios for w in s.windows if _searches(w) and (options.full or not w.only_full)
    ]
    if options.searches or options.quick or not names:
        return None
    return (
        f"left out: {', '.join(names)}; users of a Locust file send when they like, so that no rate can be offered "
        "to find a capacity"
    )


def with_another_round(
    plan: Plan, scenarios: Sequence[Scenario], targets: Sequence[TargetSpec], options: PlanOptions
) -> Plan:
    """The plan and one round more; what was planned already stays as it is."""
    twin = any(t.case.twin for t in plan.trials)
    return _arrange(scenarios, targets, plan.rounds + 1, plan.scale, options, twin=twin)


def _candidates(rounds: int | None) -> list[tuple[int, float]]:
    """(rounds, scale) from the best to the poorest: three rounds are worth more than long windows."""
    counts = (rounds,) if rounds else (5, 3, 2, 1)
    return [(n, s) for n in counts for s in (1.0, 0.7, 0.5, 0.3)]


def _arrange(
    scenarios: Sequence[Scenario],
    targets: Sequence[TargetSpec],
    rounds: int,
    scale: float,
    options: PlanOptions,
    *,
    twin: bool,
) -> Plan:
    rng = random.Random(options.seed)
    searches = options.searches and not options.quick
    scaled = [
        scale_scenario(s, scale, full=options.full, quick=options.quick, searches=searches) for s in scenarios
    ]
    cases = [Case(t, s) for s in scaled for t in targets]
    if twin and targets:
        quickest_s = min(t.warmup_hint_s for t in targets)
        twinned = rng.choice([t for t in targets if t.warmup_hint_s <= quickest_s])
        cases += [Case(twinned, s, twin=True) for s in scaled if s.kind == "load"]
    trials = []
    for number in range(1, rounds + 1):
        order = list(cases)
        rng.shuffle(order)
        trials += [PlannedTrial(c, number, p, estimate_s(c, number)) for p, c in enumerate(order)]
    return Plan(tuple(trials), rounds, scale, options.seed)


def _searches(window: Window) -> bool:
    """Whether the window searches a capacity, or needs one."""
    return window.mode == "capacity" or window.needs_capacity


def scale_scenario(
    scenario: Scenario, scale: float, *, full: bool = False, quick: bool = False, searches: bool = True
) -> Scenario:
    """The scenario with windows of another length; what belongs to the full protocol only if `full`.

    A quick look has a short warm-up. Without `searches` no capacity is searched, nor what needs one measured.
    """
    windows = tuple(
        _scale_window(part, scale, full=full)
        for window in scenario.windows
        if (full or not window.only_full) and (searches or not _searches(window))
        for part in window.expanded()
    )
    changes: dict[str, object] = {"windows": windows}
    if quick and scenario.warmup is not None:
        longest_s = min(scenario.warmup.max, _QUICK_WARMUP_S)
        changes["warmup"] = scenario.warmup.model_copy(
            update={"min": min(scenario.warmup.min, longest_s), "max": longest_s}
        )
    if full and scenario.warmup is not None and scenario.warmup.max_full is not None:
        changes["warmup"] = scenario.warmup.model_copy(update={"max": scenario.warmup.max_full})
    if scale < 1:
        starts = max(1, round(scenario.cold_start.starts * scale))
        changes["cold_start"] = scenario.cold_start.model_copy(update={"starts": starts})
    return scenario.model_copy(update=changes)


def _scale_window(window: Window, scale: float, *, full: bool) -> Window:
    def shorter(duration_s: float) -> float:
        """In whole seconds, as answers are counted by the second."""
        return min(duration_s, max(_SHORTEST_WINDOW_S, float(round(duration_s * scale))))

    steps = tuple(s.model_copy(update={"duration": shorter(s.duration)}) for s in window.steps)
    duration = shorter(window.duration) if window.duration else None
    changes: dict[str, object] = {"steps": steps, "duration": duration}
    if full and window.connections_full:
        changes["connections"] = window.connections_full
    return window.model_copy(update=changes)


def estimate_s(case: Case, round_number: int = 1) -> float:
    """About how long a trial of the case takes; only shown, and used to fit a budget."""
    scenario = case.scenario
    if scenario.kind == "cold-start":
        return scenario.cold_start.starts * _START_S["cold-start"]
    if scenario.kind == "memory":
        steps = scenario.memory.connections
        return _OVERHEAD_S + sum(scenario.memory.settle + n / 2_000 for n in steps)
    warm_s = 0.0
    if scenario.warmup:
        warm_s = min(scenario.warmup.max, max(scenario.warmup.min, case.target.warmup_hint_s, SHORTEST_S))
    if scenario.kind == "reload":
        return _OVERHEAD_S + warm_s + scenario.reload.length_s
    searched = _FIRST_SEARCH_PROBES if round_number == 1 else _LATER_SEARCH_PROBES
    lengths = sum(
        (w.length_s + _OVERHEAD_WINDOW_S) * (searched if w.mode == "capacity" else len(w.connections))
        for w in scenario.windows
    )
    return _OVERHEAD_S + warm_s + lengths


def repeat(trial: PlannedTrial, position: int) -> PlannedTrial:
    """The same trial once more, at the end of its round (an invalid one is repeated once)."""
    return replace(trial, position=position)
