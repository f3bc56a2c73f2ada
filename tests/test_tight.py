"""Rounds are added while a headline figure's interval is wider than it may be."""

from typing import Any

import pytest

from harness.stats.interval import estimate
from harness.tight import PERCENTILE_LIMIT_RATIO, RATE_LIMIT_RATIO, widest


def closed(throughput_rps: float, name: str = "peak") -> dict[str, Any]:
    return {"name": name, "mode": "closed", "throughput_rps": throughput_rps}


def rate(p99_ns: float, cpu_ns: float) -> dict[str, Any]:
    return {
        "name": "rate",
        "mode": "open",
        "latency": {"accepted": {"response": {"p99_ns": p99_ns}}},
        "headline": {"kind": "accepted", "measure": "response"},
        "cpu": {"cpu_ns_per_request": cpu_ns},
    }


def trials(*windows: list[dict[str, Any]], case: str = "s/a", status: str = "valid") -> list[dict[str, Any]]:
    return [{"case": {"id": case}, "status": status, "windows": list(w)} for w in windows]


def test_the_width_is_half_the_interval_as_a_share_of_the_centre() -> None:
    values = [100.0, 104.0, 98.0]
    found, known = widest(trials(*([closed(v)] for v in values))), estimate(values)
    assert found is not None
    assert found.half_ratio is not None
    assert known.low is not None
    assert known.high is not None
    assert known.centre * (1 + found.half_ratio) == pytest.approx(known.high)
    assert known.centre / (1 + found.half_ratio) == pytest.approx(known.low)
    assert (found.case, found.figure, found.limit_ratio) == ("s/a", "throughput in peak", RATE_LIMIT_RATIO)


@pytest.mark.parametrize(("spread", "tight"), [(0.005, True), (0.05, False)])
def test_a_narrow_interval_is_tight_and_a_wide_one_is_not(spread: float, tight: bool) -> None:
    found = widest(trials(*([closed(100 * (1 + k * spread))] for k in (-1, 0, 1))))
    assert found is not None
    assert found.is_tight is tight


def test_the_figure_furthest_from_its_own_limit_counts() -> None:
    """P99 moves twice as much as CPU time here, and may move three times as much."""
    some = trials([rate(100, 1_000)], [rate(104, 1_020)], [rate(108, 1_040)])
    found = widest(some)
    assert found is not None
    assert found.figure == "CPU per request in rate"
    wild = widest(trials([rate(100, 1_000)], [rate(150, 1_020)], [rate(200, 1_040)]))
    assert wild is not None
    assert (wild.figure, wild.limit_ratio) == ("P99 in rate", PERCENTILE_LIMIT_RATIO)


def test_one_valid_trial_is_not_tight_and_a_case_without_any_is_not_waited_for() -> None:
    one = widest(trials([closed(100)]))
    assert one is not None
    assert not one.is_tight
    assert "without an interval" in one.text
    assert widest(trials([closed(100)], [closed(500)], status="invalid")) is None
    steady = trials([closed(100)], [closed(100)], case="s/b")
    found = widest(steady + trials([closed(1)], [closed(9)], status="failed"))
    assert found is not None
    assert found.is_tight


def test_of_several_numbers_of_connections_the_best_stands_for_the_window() -> None:
    noisy_below = [[closed(100), closed(50)], [closed(100), closed(10)], [closed(100), closed(90)]]
    found = widest(trials(*noisy_below))
    assert found is not None
    assert found.half_ratio == pytest.approx(0, abs=1e-9)


def test_a_search_without_a_capacity_has_no_figure() -> None:
    capacity = {"name": "capacity", "mode": "capacity", "capacity_rps": None}
    assert widest(trials([capacity], [capacity])) is None


def test_fresh_starts_count_by_their_median() -> None:
    starts = [{"ready_ns": 10.0}, {"ready_ns": 12.0}, {"ready_ns": 500.0}]
    some = [{"case": {"id": "c/a"}, "status": "valid", "cold_starts": starts} for _ in range(3)]
    found = widest(some)
    assert found is not None
    assert (found.figure, found.is_tight) == ("time to ready", True)
