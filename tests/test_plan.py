"""The plan is a pure function: same input, same order; every case once a round."""

from collections import Counter
from pathlib import Path

import pytest

from harness.model import ColdStart, Scenario, TargetSpec, Warmup, Window
from harness.plan import Plan, PlanOptions, budget_note, make_plan, search_note, with_another_round


def target(name: str) -> TargetSpec:
    return TargetSpec(name=name, label=name, language="C", payload="raw", reload=None, folder=Path("/x"))


def scenario(name: str = "s", **more: object) -> Scenario:
    windows = (
        Window(name="peak", mode="closed", duration=10.0),
        Window(name="more", mode="closed", duration=10, only_full=True),
    )
    fields = {
        "schema": 1,
        "name": name,
        "question": "?",
        "windows": windows,
        "warmup": Warmup(min=3, max=10),
        **more,
    }
    return Scenario.model_validate(fields)


def order(plan: Plan) -> list[tuple[int, str]]:
    return [(t.round, t.case.id) for t in plan.trials]


TARGETS = [target(n) for n in ("a", "b", "c", "d")]


def test_the_same_seed_gives_the_same_order_and_another_seed_another() -> None:
    one, same, other = (make_plan([scenario()], TARGETS, PlanOptions(seed=s)) for s in (7, 7, 8))
    assert order(one) == order(same)
    assert order(one) != order(other)


def test_every_case_occurs_once_in_each_round() -> None:
    plan = make_plan([scenario("s"), scenario("t")], TARGETS, PlanOptions())
    assert plan.rounds == 3
    counts = Counter(order(plan))
    assert set(counts.values()) == {1}
    assert len(counts) == 3 * (2 * 4 + 2)


@pytest.mark.parametrize(("full", "longest_s"), [(False, 10.0), (True, 60.0)])
def test_the_full_protocol_may_warm_up_for_longer(full: bool, longest_s: float) -> None:
    asked = [scenario(warmup=Warmup(min=3, max=10, max_full=60))]
    warmup = make_plan(asked, TARGETS, PlanOptions(full=full)).cases[0].scenario.warmup
    assert warmup is not None
    assert warmup.max == longest_s


def test_the_twin_is_one_target_under_a_second_name() -> None:
    plan = make_plan([scenario()], TARGETS, PlanOptions())
    twins = {c.id for c in plan.cases if c.twin}
    assert len(twins) == 1
    assert twins.pop().removesuffix("~twin") in {c.id for c in plan.cases if not c.twin}


@pytest.mark.parametrize("options", [PlanOptions(quick=True), PlanOptions(rounds=1), PlanOptions(twin=False)])
def test_no_twin_where_one_round_or_the_user_says_so(options: PlanOptions) -> None:
    assert not any(c.twin for c in make_plan([scenario()], TARGETS, options).cases)


def test_rounds_do_not_all_have_the_same_order() -> None:
    plan = make_plan([scenario()], TARGETS, PlanOptions(rounds=5, twin=False))
    orders = {tuple(t.case.id for t in plan.trials if t.round == r) for r in range(1, 6)}
    assert len(orders) > 1


def test_windows_of_the_full_protocol_only_run_there() -> None:
    plain = make_plan([scenario()], TARGETS, PlanOptions()).trials[0].case.scenario
    full = make_plan([scenario()], TARGETS, PlanOptions(full=True))
    assert [w.name for w in plain.windows] == ["peak"]
    assert [w.name for w in full.trials[0].case.scenario.windows] == ["peak", "more"]
    assert full.rounds == 5


@pytest.mark.parametrize(
    ("warmup", "longer_s"),
    [(Warmup(min=3, max=20), 10.0), (Warmup(min=3, max=6), 6.0), (Warmup(min=15, max=20), 15.0)],
)
def test_a_warm_up_takes_the_seconds_that_its_test_needs_unless_capped(
    warmup: Warmup, longer_s: float
) -> None:
    cold, warm = (make_plan([scenario(warmup=w)], TARGETS, PlanOptions(rounds=1)) for w in (None, warmup))
    assert warm.estimated_s - cold.estimated_s == pytest.approx(longer_s * len(warm.trials))


def test_a_budget_that_cannot_be_kept_is_told_with_what_it_takes() -> None:
    options = PlanOptions(budget_s=20)
    plan = make_plan([scenario()], TARGETS, options)
    note = budget_note(plan, options)
    assert note is not None
    assert "1 round of 4 cases" in note
    assert "budget of 20 s" in note
    enough = PlanOptions(budget_s=plan.estimated_s)
    assert budget_note(make_plan([scenario()], TARGETS, enough), enough) is None


@pytest.mark.parametrize("budget_s", [100, 200, 400, 900, 2000])
def test_a_budget_is_kept_and_more_time_is_used_for_more(budget_s: float) -> None:
    plan = make_plan([scenario()], TARGETS, PlanOptions(budget_s=budget_s))
    assert plan.estimated_s <= 0.85 * budget_s or plan.rounds == 1
    richer = make_plan([scenario()], TARGETS, PlanOptions(budget_s=2 * budget_s))
    assert (richer.rounds, richer.scale) >= (plan.rounds, plan.scale) or richer.rounds > plan.rounds


def test_a_budget_too_small_for_anything_gives_the_least_plan() -> None:
    plan = make_plan([scenario()], TARGETS, PlanOptions(budget_s=1))
    assert plan.rounds == 1
    assert len(plan.trials) == len(TARGETS)


def test_another_round_leaves_the_earlier_ones_as_they_are() -> None:
    options = PlanOptions(until_tight=True)
    scenarios = [scenario("s"), scenario("t")]
    plan = make_plan(scenarios, TARGETS, options)
    longer = with_another_round(plan, scenarios, TARGETS, options)
    assert longer.rounds == plan.rounds + 1
    assert longer.trials[: len(plan.trials)] == plan.trials
    assert {t.case.id for t in longer.trials if t.round == longer.rounds} == {c.id for c in plan.cases}


def test_until_tight_begins_with_two_rounds_at_least_and_full_windows_where_the_budget_allows() -> None:
    assert make_plan([scenario()], TARGETS, PlanOptions(rounds=1, until_tight=True)).rounds == 2
    ample = make_plan([scenario()], TARGETS, PlanOptions(until_tight=True, budget_s=3_000))
    assert (ample.rounds, ample.scale) == (3, 1.0)
    scarce = make_plan([scenario()], TARGETS, PlanOptions(until_tight=True, budget_s=200))
    assert scarce.estimated_s <= 200


def test_quick_shortens_windows_but_not_to_nothing() -> None:
    plan = make_plan([scenario()], TARGETS, PlanOptions(quick=True))
    window = plan.trials[0].case.scenario.windows[0]
    assert window.duration == pytest.approx(4.0)
    starts = scenario(kind="cold-start", windows=(), cold_start=ColdStart(starts=10))
    plan = make_plan([starts], TARGETS, PlanOptions(quick=True))
    assert plan.trials[0].case.scenario.cold_start.starts == 4


CAPACITY = (
    Window(name="peak", mode="closed", duration=5, connections_full=(16, 64, 256)),
    Window(name="capacity", mode="capacity", p99_limit=0.01),
    Window(name="curve", mode="open", shares=(0.3, 0.5), duration=10),
)


def names(plan: Plan) -> list[str]:
    return [w.name for w in plan.trials[0].case.scenario.windows]


def test_shares_become_windows_of_their_own() -> None:
    plan = make_plan([scenario(windows=CAPACITY)], TARGETS, PlanOptions())
    assert names(plan) == ["peak", "capacity", "curve-30", "curve-50"]
    shares = [w.capacity_share for w in plan.trials[0].case.scenario.windows]
    assert shares == [None, None, 0.3, 0.5]


def test_a_quick_look_searches_no_capacity_and_warms_up_briefly() -> None:
    patient = scenario(windows=CAPACITY, warmup=Warmup(min=3, max=45))
    plan = make_plan([patient], TARGETS, PlanOptions(quick=True))
    assert names(plan) == ["peak"]
    assert plan.trials[0].case.scenario.warmup == Warmup(min=3, max=6)


@pytest.mark.parametrize(
    ("options", "planned", "left_out"),
    [
        (PlanOptions(), ["peak", "capacity", "curve-30", "curve-50"], None),
        (PlanOptions(searches=False), ["peak"], "left out: capacity, curve; users of a Locust file"),
        (PlanOptions(searches=False, quick=True), ["peak"], None),  # a quick look has none anyway
    ],
)
def test_where_no_rate_can_be_offered_no_capacity_is_searched_and_that_is_told(
    options: PlanOptions, planned: list[str], left_out: str | None
) -> None:
    asked = [scenario(windows=CAPACITY)]
    assert names(make_plan(asked, TARGETS, options)) == planned
    note = search_note(asked, options)
    assert note is None if left_out is None else note is not None and note.startswith(left_out)


def test_the_full_protocol_has_more_numbers_of_connections() -> None:
    for full, connections in ((False, (64,)), (True, (16, 64, 256))):
        plan = make_plan([scenario(windows=CAPACITY)], TARGETS, PlanOptions(full=full))
        assert plan.trials[0].case.scenario.windows[0].connections == connections


def test_a_first_search_is_expected_to_take_longer_than_later_ones() -> None:
    plan = make_plan([scenario(windows=CAPACITY)], TARGETS, PlanOptions())
    first, later = (next(t.estimated_s for t in plan.trials if t.round == n) for n in (1, 2))
    assert first > later


@pytest.mark.parametrize(
    ("windows", "problem"),
    [
        (CAPACITY[1:], "a closed window must come before a capacity window"),
        ((CAPACITY[0], CAPACITY[2]), "a capacity window must come before shares of capacity"),
        ((*CAPACITY, Window(name="curve-30", mode="closed", duration=1)), "two windows have the same name"),
    ],
)
def test_a_window_must_stand_after_what_it_is_made_from(windows: tuple[Window, ...], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        scenario(windows=windows)


def test_an_open_window_has_one_rate() -> None:
    for more in ({}, {"rate_rps": 5, "capacity_share": 0.5}, {"rate_rps": 5, "duration": None}):
        with pytest.raises(ValueError, match="an open window needs one of"):
            Window.model_validate({"name": "w", "mode": "open", "duration": 3, **more})
