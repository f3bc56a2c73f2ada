"""Which trials a session measures once more, and which it leaves out to keep its budget."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from harness import rounds
from harness.asked import Asked
from harness.bench_setup import BenchOptions, Resumption
from harness.catalogue import find_scenario, find_target
from harness.journal import Journal
from harness.model import PlannedTrial
from harness.plan import Plan, PlanOptions, make_plan
from harness.progress import Progress
from harness.session import _note_left_out
from harness.sitting import Sitting
from harness.store import RunFolder

QUIET = Progress(Console(quiet=True))
TARGETS = [find_target("go"), find_target("rust-axum")]
INVALID = ("routing-4kb/go", 1)


class Clock:
    """Passes only while a trial is measured."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    made = Clock()
    monkeypatch.setattr("time.monotonic", made.monotonic)
    yield made
    monkeypatch.undo()


def measured(
    tmp_path: Path,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    budget_s: float | None,
    pace: float = 1.0,
    invalid: tuple[tuple[str, int], ...] = (INVALID,),
) -> tuple[Plan, list[tuple[str, int, int]], list[PlannedTrial]]:
    """The plan, the trials that were measured (case, round, attempt), and those that were left out.

    Each takes `pace` times as long as planned; the first attempts of `invalid` are not valid.
    """
    plan = make_plan([find_scenario("routing-4kb")], TARGETS, PlanOptions(rounds=2, twin=False))
    run = RunFolder.create(tmp_path, "run")
    done: list[tuple[str, int, int]] = []

    def one_trial(_: Any, planned: PlannedTrial, attempt: int, *__: Any) -> dict[str, Any]:
        done.append((planned.case.id, planned.round, attempt))
        clock.now_s += planned.estimated_s * pace
        is_bad = attempt == 1 and (planned.case.id, planned.round) in invalid
        return {"status": "invalid" if is_bad else "valid"}

    monkeypatch.setattr(rounds, "one_trial", one_trial)
    sitting = Sitting(run, {"notes": []}, Journal.of(run), began_s=clock.now_s)
    keeper = rounds.GeneratorKeeper(lambda: cast(Any, None))
    left_out = rounds.run_rounds(cast(Any, None), plan, sitting, keeper, QUIET, budget_s=budget_s)
    return plan, done, left_out


def test_without_a_budget_what_is_not_valid_is_measured_once_more(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, done, left_out = measured(tmp_path, clock, monkeypatch, None)
    assert len(done) == len(plan.trials) + 1
    assert (*INVALID, 2) in done
    assert left_out == []


@pytest.mark.parametrize(
    ("repeats", "pace", "fits"),
    [(1.01, 1.0, True), (0.99, 1.0, False), (1.01, 1.1, False), (0.9, 0.9, True)],
    ids=["just room", "no room", "slower than planned", "quicker than planned"],
)
def test_a_repeat_has_to_fit_beside_what_is_still_planned(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, repeats: float, pace: float, fits: bool
) -> None:
    plan = make_plan([find_scenario("routing-4kb")], TARGETS, PlanOptions(rounds=2, twin=False))
    repeat_s = next(t.estimated_s for t in plan.trials if (t.case.id, t.round) == INVALID)
    budget_s = plan.estimated_s + repeats * repeat_s
    began_s = clock.now_s
    _, done, left_out = measured(tmp_path, clock, monkeypatch, budget_s, pace)
    assert ((*INVALID, 2) in done) is fits
    assert [(t.case.id, t.round) for t in left_out] == ([] if fits else [INVALID])
    if pace <= 1:
        assert clock.now_s - began_s <= budget_s
    assert {(c, r) for c, r, _ in done} == {(t.case.id, t.round) for t in plan.trials}


def test_the_first_of_several_repeats_may_take_the_room_of_the_others(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = (INVALID, ("routing-4kb/rust-axum", 1))
    plan = make_plan([find_scenario("routing-4kb")], TARGETS, PlanOptions(rounds=2, twin=False))
    longest_s = max(t.estimated_s for t in plan.trials if t.round == 1)
    budget_s = plan.estimated_s + 1.2 * longest_s
    _, done, left_out = measured(tmp_path, clock, monkeypatch, budget_s, invalid=both)
    assert [attempt for _, _, attempt in done].count(2) == 1
    assert len(left_out) == 1


def test_what_is_left_out_is_told_until_it_has_been_measured() -> None:
    asked = PlanOptions(budget_s=480)
    trial = make_plan([find_scenario("routing-4kb")], TARGETS, asked).trials[0]
    document: dict[str, Any] = {"notes": ["something else"]}
    _note_left_out(document, [trial], asked)
    told = document["notes"][1:]
    assert f"{trial.case.id} in round 1" in told[0]
    assert "budget of 8 min" in told[0]
    _note_left_out(document, [trial], asked)
    assert document["notes"][1:] == told
    _note_left_out(document, [], asked)
    assert document == {"notes": ["something else"]}


@pytest.mark.parametrize(
    ("plan", "retry", "budget_s"),
    [
        (PlanOptions(budget_s=480), False, 480),
        (PlanOptions(), False, None),
        (PlanOptions(budget_s=480, until_tight=True), False, None),
        (PlanOptions(budget_s=480), True, None),
    ],
)
def test_a_budget_bounds_repeats_unless_they_are_asked_for(
    tmp_path: Path, plan: PlanOptions, retry: bool, budget_s: float | None
) -> None:
    resumption = Resumption(RunFolder(tmp_path), retry) if retry else None
    options = BenchOptions((), (), False, plan, tmp_path, tmp_path, Asked(), resumption=resumption)
    assert options.repeats_budget_s == budget_s
