"""The guard's rules: what may be spent at each look, what counts as an alert, and what confirms one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.stats.gate import GateRules, alerts, confirmed, interval, noise_floor, rounds_more, same_within

RULES = GateRules()


@pytest.mark.parametrize("looks", [(9,), (6, 9, 12), (4, 5, 6, 7, 8)])
def test_all_looks_together_spend_the_level_and_early_ones_little(looks: tuple[int, ...]) -> None:
    levels = GateRules(looks=looks, level=0.05).levels
    assert sum(levels) == pytest.approx(0.05)
    assert all(level > 0 for level in levels)
    assert levels[0] == pytest.approx(0.05 * (looks[0] / looks[-1]) ** 3)


def test_the_floor_is_that_of_all_pairings_of_base_trials_pooled_over_as_many_pairs() -> None:
    logs = np.log([100.0, 101.0, 103.0, 110.0])
    sizes = sorted(abs(a - b) for n, a in enumerate(logs) for b in logs[n + 1 :])
    assert noise_floor(logs) == pytest.approx(np.percentile(sizes, 95) / 2)
    assert noise_floor(np.stack([logs, logs * 0])).tolist() == [pytest.approx(noise_floor(logs)), 0.0]


def test_without_a_difference_nine_of_ten_pooled_effects_stay_under_the_floor() -> None:
    rng = np.random.default_rng(3)
    base, ratios = rng.normal(5, 0.08, (4_000, 12)), rng.normal(0, 0.08 * math.sqrt(2), (4_000, 12))
    assert 0.05 < (np.abs(ratios.mean(axis=-1)) > noise_floor(base)).mean() < 0.10


def test_an_alert_needs_significance_and_size() -> None:
    p_values = np.array([0.0001, 0.0001, 0.0001, 0.9])
    effects = np.array([0.10, -0.10, 0.03, 0.50])
    assert alerts(p_values, effects, np.full(4, 0.05), 0.05).tolist() == [1, -1, 0, 0]


@pytest.mark.parametrize(
    ("further", "effect", "held"),
    [
        ((0.1, 0.1, 0.1, -0.1), 0.08, True),
        ((0.1, 0.1, -0.1, -0.1), 0.08, False),  # too few agree
        ((0.1, 0.1, 0.1, 0.1), 0.04, False),  # together too small
        ((0.1, 0.1, 0.1, 0.0), 0.08, True),
        ((-0.1, -0.1, -0.1, -0.1), -0.08, False),  # the other way
    ],
)
def test_three_of_four_confirm(further: tuple[float, ...], effect: float, held: bool) -> None:
    direction = np.array([1], dtype=np.int8)
    got = confirmed(direction, np.array([further]), np.array([effect]), np.array([0.05]), RULES)
    assert got.tolist() == [held]


def test_same_needs_the_whole_interval_within_the_relevant_effect() -> None:
    relevant = math.log(1.05)
    close, wide = np.array([0.01, -0.01, 0.0, 0.005, -0.005, 0.0]), np.array([0.2, -0.2, 0.1, -0.1, 0.0, 0.0])
    assert same_within(np.stack([close, wide]), np.array([relevant, relevant])).tolist() == [True, False]


def test_more_rounds_settle_what_is_close_and_never_what_is_at_the_edge() -> None:
    relevant = math.log(1.05)
    clear = rounds_more([0.02, -0.05, 0.04, -0.03, 0.05, -0.02], relevant, 0.02)
    assert clear is not None
    assert 1 <= clear < 20
    edge = [relevant * 0.999 + d for d in (0.05, -0.05, 0.05, -0.05)]
    assert rounds_more(edge, relevant, 0.02) is None


def test_the_interval_is_students() -> None:
    effect, low, high = interval([0.0, 0.1, 0.2])
    assert (effect, high - effect) == pytest.approx((0.1, 4.302653 * 0.1 / math.sqrt(3)), rel=1e-6)
    assert low == pytest.approx(effect - (high - effect))
