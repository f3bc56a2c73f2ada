"""Simulated nights: quiet when nothing differs, awake when something does, the same for the same seed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.stats.gate import GateRules
from harness.stats.interval import Floats
from harness.stats.nights import Nights, NightSetting, draw, simulate

METRICS = 3
SETTING = NightSetting(
    rules=GateRules(looks=(6, 9)),
    relevant_ratio=np.array([0.05, 0.05, 0.10]),
    worse=np.array([1, -1, 1], dtype=np.int8),
)


def sessions(spread: float, seed: int = 0) -> list[Floats]:
    rng = np.random.default_rng(seed)
    return [rng.normal(5, spread, (30, 2, METRICS)) for _ in range(3)]


def nights(effects: dict[str, list[float]], spread: float = 0.01, count: int = 400, seed: int = 1) -> Nights:
    material = {name: sessions(spread, n) for n, name in enumerate(("one", "two"))}
    logs = {name: np.log1p(np.array(values)) for name, values in effects.items()}
    return simulate(material, logs, SETTING, count, np.random.default_rng(seed))


def test_no_difference_raises_hardly_an_alarm() -> None:
    for spread in (0.01, 0.05, 0.2):
        assert nights({}, spread, 4_000).alarm_nights <= 40


def test_a_clear_slowdown_is_found_in_the_metric_and_target_that_has_it() -> None:
    found = nights({"two": [0.10, 0.0, 0.0]})
    assert found.slower[:, 1, 0].mean() > 0.95
    assert found.slower.sum(axis=0).tolist() == [[0, 0, 0], [found.slower[:, 1, 0].sum(), 0, 0]]


def test_less_is_worse_where_less_is_worse_and_an_improvement_is_no_alarm() -> None:
    found = nights({"one": [-0.10, -0.10, 0.0]})
    assert found.slower[:, 0, 1].mean() > 0.95
    assert found.faster[:, 0, 0].mean() > 0.95
    assert not found.slower[:, 0, 0].any()


def test_what_is_too_small_to_matter_is_no_alarm_though_it_is_certain() -> None:
    found = nights({"one": [0.02, 0.0, 0.0]}, spread=0.002)
    assert found.alarm_nights == 0


def test_a_quarter_more_is_found_though_trials_scatter_by_8_percent_in_a_night_of_24_metrics() -> None:
    rng = np.random.default_rng(5)
    material = {name: [rng.normal(5, 0.08, (60, 2, 6))] for name in ("one", "two", "three", "four")}
    setting = NightSetting(GateRules(), np.full(6, 0.10), np.ones(6, dtype=np.int8))
    effect = {"one": np.log1p(np.array([0.25, 0, 0, 0, 0, 0]))}
    found = simulate(material, effect, setting, 1_000, np.random.default_rng(1))
    assert found.slower[:, 0, 0].mean() >= 0.9
    assert simulate(material, {}, setting, 2_000, np.random.default_rng(2)).alarm_nights <= 20


def test_about_half_are_found_at_exactly_the_smallest_relevant_effect() -> None:
    share = nights({"one": [0.05, 0.0, 0.0]}, spread=0.005, count=2_000).slower[:, 0, 0].mean()
    assert 0.2 < share < 0.8


def test_a_session_that_drifts_is_no_alarm_because_pairs_drift_together() -> None:
    drift = np.linspace(0, 1, 8)[:, None, None]
    rng = np.random.default_rng(4)
    material = {"one": [rng.normal(5, 0.01, (8, 2, METRICS)) + drift]}
    found = simulate(material, {}, SETTING, 4_000, rng)
    assert found.alarm_nights <= 40


@pytest.mark.parametrize("pairs", [4, 6, 12])
def test_what_is_drawn_from_few_pairs_scatters_as_they_do(pairs: int) -> None:
    """Pairs of known scatter, in each session drawn from few: base trials by 0.1, log ratios by 0.04 × √2."""
    rng = np.random.default_rng(pairs)
    real = rng.normal(0, math.sqrt(0.1**2 - 0.04**2), (4_000, pairs, 1, 1)) + rng.normal(
        0, 0.04, (4_000, pairs, 2, 1)
    )
    base, head = draw(list(real), 40_000, 16, rng)
    ratios, levels = (head - base)[:, 0], base[:, 0]
    assert (ratios**2).mean() == pytest.approx(2 * 0.04**2, rel=0.02)
    assert ratios.mean(axis=-1).var() == pytest.approx(2 * 0.04**2 / 16, rel=0.05)
    assert _within(real, levels) == pytest.approx(0.1**2, rel=0.03)


def _within(real: Floats, drawn: Floats) -> float:
    """The variance that drawn trials have about the mean of their own session: between sessions they differ too."""
    between = real.mean(axis=(1, 2, 3)).var()
    return float(drawn.var() - between)


def test_the_same_seed_gives_the_same_nights() -> None:
    one, other = nights({"one": [0.05, 0, 0]}), nights({"one": [0.05, 0, 0]})
    assert np.array_equal(one.slower, other.slower)
    assert set(np.unique(one.pairs)) <= {6.0, 9.0}


def test_a_target_without_sessions_is_refused() -> None:
    with pytest.raises(ValueError, match="session"):
        simulate({"one": []}, {}, SETTING, 10, np.random.default_rng(0))
    assert math.isclose(sum(SETTING.rules.levels), 0.05)
