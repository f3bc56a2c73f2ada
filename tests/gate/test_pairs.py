"""The order of a night's pairs: everybody every round, balanced, and the same for the same seed."""

from __future__ import annotations

from harness.gate.pairs import plan_rounds

TARGETS = ["go", "rust-axum", "java-webflux"]


def test_every_target_comes_once_a_round() -> None:
    rounds = plan_rounds(TARGETS, 9, seed=1)
    assert [sorted(p.target for p in r) for r in rounds] == [sorted(TARGETS)] * 9
    assert [{p.round for p in r} for r in rounds] == [{n} for n in range(1, 10)]


def test_of_each_two_rounds_one_begins_with_base_and_one_with_head() -> None:
    rounds = plan_rounds(TARGETS, 8, seed=3)
    for target in TARGETS:
        firsts = [p.first for r in rounds for p in r if p.target == target]
        assert [set(firsts[n : n + 2]) for n in range(0, 8, 2)] == [{"base", "head"}] * 4


def test_the_order_is_the_seeds_and_differs_between_seeds() -> None:
    assert plan_rounds(TARGETS, 12, seed=1) == plan_rounds(TARGETS, 12, seed=1)
    assert plan_rounds(TARGETS, 12, seed=1) != plan_rounds(TARGETS, 12, seed=2)
    orders = {tuple(p.target for p in r) for r in plan_rounds(TARGETS, 12, seed=1)}
    assert len(orders) > 1


def test_later_rounds_carry_later_numbers() -> None:
    assert [p.round for r in plan_rounds(["go"], 4, seed=1, begin=10) for p in r] == [10, 11, 12, 13]
    pair = plan_rounds(["go"], 1, seed=1)[0][0]
    assert pair.sides[0] == pair.first
    assert set(pair.sides) == {"base", "head"}
