"""The steady-state test asked second by second, as a warm-up does: on a recorded curve and on made ones.

Noise is seeded; a case runs for many seeds, with independent noise and with noise that follows itself.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from harness.stats.steady import Criteria, Steady, assess, is_futile

CAP_S = 60
DATA = Path(__file__).parent / "data"
JAVA = json.loads((DATA / "java_warmup.json").read_text())["values"]
NOISY: dict[str, list[int]] = json.loads((DATA / "noisy_warmups.json").read_text())
"""Requests a second, second by second, of a bench of four services on a virtual machine of two cores."""
Level = Callable[[int], float]


def noisy(level: Level, deviation: float, seed: int, alike: float = 0.0) -> list[float]:
    """The level of each second times normal noise; `alike`: how much a second's noise follows the last's."""
    rng = random.Random(seed)
    series, noise = [], 0.0
    for second in range(CAP_S):
        noise = alike * noise + math.sqrt(1 - alike**2) * rng.gauss(0, deviation)
        series.append(max(0.0, level(second) * (1 + noise)))
    return series


def online(series: Sequence[float]) -> tuple[int | None, Steady]:
    """(second of the decision, what it was); None: not within the cap, and the last word."""
    found = assess([])
    for second in range(1, min(len(series), CAP_S) + 1):
        found = assess(series[:second])
        if found.at_second is not None:
            return second, found
    return None, found


def test_a_recorded_java_warm_up() -> None:
    """It climbs 17-fold in 30 s and wavers by a few percent from then on."""
    decided, found = online(JAVA)
    assert decided is not None, "within the cap"
    assert found.at_second is not None
    assert 24 <= found.at_second <= 34
    assert min(JAVA[found.at_second : decided]) > 0.9 * max(JAVA[found.at_second : decided])


@pytest.mark.parametrize("alike", [0.0, 0.4])
@pytest.mark.parametrize(("deviation", "within_s"), [(0.002, 13), (0.01, 30), (0.02, 45)])
def test_flat_is_steady_soon_and_from_its_beginning(deviation: float, within_s: int, alike: float) -> None:
    results = [online(noisy(lambda _: 1000, deviation, seed, alike)) for seed in range(15)]
    assert all(decided is not None and decided <= within_s for decided, _ in results)
    starts = sorted(found.at_second or 0 for _, found in results)
    assert starts[len(starts) // 2] == 0


@pytest.mark.parametrize("rise_per_s", [0.02, 0.01, 0.005, -0.005, -0.01])
@pytest.mark.parametrize("deviation", [0.0, 0.005, 0.02, 0.04])
def test_drift_is_never_steady(rise_per_s: float, deviation: float) -> None:
    for seed in range(15):
        decided, found = online(noisy(lambda second: 1000 * (1 + rise_per_s * second), deviation, seed))
        assert decided is None, f"seed {seed}: steady after {decided} s"
        if deviation <= 0.01:
            assert found.verdict == "drifting"
            assert found.drift_ratio is not None
            assert (found.drift_ratio > 0) == (rise_per_s > 0)


@pytest.mark.parametrize("deviation", [0.002, 0.01])
def test_an_approach_is_steady_when_little_is_left_of_it(deviation: float) -> None:
    """1 − 0.6 e^(−t/12): at 20 s a tenth is missing, and 0.9 % are added each second."""
    for seed in range(15):
        decided, found = online(noisy(lambda t: 1000 * (1 - 0.6 * math.exp(-t / 12)), deviation, seed))
        assert decided is not None
        assert found.at_second is not None and found.at_second >= 20


@pytest.mark.parametrize(("at", "after"), [(5, 1300), (8, 700), (8, 1100)])
@pytest.mark.parametrize("deviation", [0.002, 0.01])
def test_a_step_is_left_behind(at: int, after: float, deviation: float) -> None:
    for seed in range(15):
        decided, found = online(noisy(lambda t: 1000 if t < at else after, deviation, seed))
        assert decided is not None and decided >= at + 10
        assert found.at_second is not None and -1 <= found.at_second - at <= 4


def square(t: int) -> float:
    return 1.1 if t % 6 < 3 else 0.9


@pytest.mark.parametrize(
    ("cycle", "period_s"),
    [
        (lambda t: 1 + 0.1 * math.sin(2 * math.pi * t / 8), 8),
        (square, 6),
        (lambda t: 1 + 0.3 * (t % 5 / 4 - 0.5), 5),  # a saw
    ],
    ids=["sine", "square", "saw"],
)
@pytest.mark.parametrize("deviation", [0.002, 0.01])
def test_cycles_are_named(cycle: Level, period_s: float, deviation: float) -> None:
    for seed in range(10):
        decided, found = online(noisy(lambda t: 1000 * cycle(t), deviation, seed))
        assert decided is None
        assert found.verdict == "cyclic"
        assert found.period_s == pytest.approx(period_s, rel=0.1)


def test_a_slow_cycle_is_not_taken_for_calm() -> None:
    for seed in range(10):
        decided, _ = online(noisy(lambda t: 1000 * (1 + 0.1 * math.sin(2 * math.pi * t / 20)), 0.01, seed))
        assert decided is None


def test_a_cycle_too_small_to_matter_is_steady() -> None:
    for seed in range(10):
        decided, _ = online(noisy(lambda t: 1000 * (1 + 0.01 * math.sin(2 * math.pi * t / 6)), 0.005, seed))
        assert decided is not None


def test_a_single_pause_does_not_hide_calm() -> None:
    for seed in range(10):
        series = noisy(lambda _: 1000, 0.005, seed)
        series[4] *= 0.3
        decided, found = online(series)
        assert decided is not None and decided <= 20
        assert found.at_second is not None and found.at_second <= 5


def test_mere_noise_stays_undecided() -> None:
    for seed in range(10):
        decided, found = online(noisy(lambda _: 1000, 0.3, seed))
        assert decided is None
        assert found.verdict == "unsettled"


def level_at(series: Sequence[float]) -> int | None:
    """The second from which on half a warm-up of 25 s is enough."""
    for second in range(13, len(series) + 1):
        if assess(series[:second]).verdict in ("steady", "level"):
            return second
    return None


@pytest.mark.parametrize("name", [name for name in NOISY if not name.startswith("java")])
def test_a_service_that_needs_no_warm_up_is_level_in_spite_of_noise(name: str) -> None:
    assert (level_at(NOISY[name]) or 99) <= 20


@pytest.mark.parametrize("name", [name for name in NOISY if name.startswith("java")])
def test_what_has_climbed_is_never_level(name: str) -> None:
    """Ten-fold in twelve seconds; what follows is still short."""
    assert "level" not in {assess(NOISY[name][:n]).verdict for n in range(len(NOISY[name]) + 1)}


@pytest.mark.parametrize("rise_per_s", [0.02, 0.01, -0.01])
@pytest.mark.parametrize("deviation", [0.0, 0.005, 0.02, 0.03])
def test_what_drifts_is_hardly_ever_level(rise_per_s: float, deviation: float) -> None:
    series = [
        noisy(lambda second: 1000 * (1 + rise_per_s * second), deviation, seed)[:25] for seed in range(60)
    ]
    assert sum(level_at(one) is not None for one in series) <= 6


def futile_at(series: Sequence[float], longest_s: int) -> int | None:
    return next((n for n in range(12, longest_s) if is_futile(series[:n], longest_s)), None)


def test_much_noise_makes_waiting_futile() -> None:
    found = [futile_at(noisy(lambda _: 1000, 0.15, seed), 20) for seed in range(100)]
    assert sum(at is not None for at in found) >= 95


def test_waiting_for_what_the_noise_allows_is_not_futile() -> None:
    found = [futile_at(noisy(lambda _: 1000, 0.02, seed), 40) for seed in range(100)]
    assert sum(at is not None for at in found) <= 5


@pytest.mark.parametrize("deviation", [0.02, 0.05, 0.1])
def test_what_climbs_is_waited_for(deviation: float) -> None:
    """Fourfold within the time, as a runtime that compiles does on a slow core."""
    found = [futile_at(noisy(lambda t: 1000 + 150 * t, deviation, seed), 20) for seed in range(100)]
    assert sum(at is not None for at in found) <= 10


@pytest.mark.parametrize("name", [name for name in NOISY if name.startswith("java")])
def test_a_real_climb_is_waited_for(name: str) -> None:
    assert (futile_at(NOISY[name], 40) or 99) > 20


def test_few_seconds_are_too_few() -> None:
    for length in range(11):
        assert assess([100.0] * length) == Steady(None, "too short")
    assert assess([100.0] * 12).verdict == "steady"
    assert assess([100.0] * 6, Criteria(shortest_s=4)).verdict == "steady"


def test_a_service_that_answers_nothing_is_not_steady() -> None:
    assert assess([0.0] * 30).at_second is None
    assert assess([0.0] * 10 + [1000.0] * 20) == Steady(10, "steady", drift_ratio=0.0)


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_figures_that_are_none_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="finite values"):
        assess([1.0] * 20 + [value])
