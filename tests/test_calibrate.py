"""Calibration: the simulated truth of a stall, the goals, the null server's own account, a real short run."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.calibrate import (
    _BIMODAL,
    _CEILING,
    _FIXED,
    _STALLED,
    COLUMNS,
    Stall,
    _plan,
    calibration_rows,
    missed_goals,
    run_calibration,
    simulated,
)
from harness.errors import StartError
from harness.load.plan import LoadPlan
from harness.null_server import NullServer
from harness.units import NS_PER_MS, NS_PER_S, NS_PER_US

NULL_SERVER = Path(__file__).parents[1] / ".build/worker/release/null-server"
STALL = Stall(period_ns=2 * NS_PER_S, length_ns=NS_PER_S)


def plan(rate_rps: float, seconds: float, connections: int) -> LoadPlan:
    return LoadPlan(
        "c",
        "127.0.0.1",
        1,
        None,
        "open",
        connections,
        seconds,
        arrivals="constant",
        steps=((rate_rps, seconds),),
    )


@pytest.mark.parametrize(
    ("read_ms", "answered_ms"),
    [(7, 7), (1_000, 1_000), (2_006, 2_006), (2_007, 3_007), (3_006, 3_007), (3_007, 3_007), (4_100, 5_007)],
)
def test_a_stall_holds_what_falls_into_it(read_ms: int, answered_ms: int) -> None:
    assert STALL.answered_ns(read_ms * NS_PER_MS, 7 * NS_PER_MS) == answered_ms * NS_PER_MS


def test_with_connections_for_all_waiting_times_fall_evenly_over_the_stall() -> None:
    times = simulated(plan(1_000, 4, connections=5_000), STALL)
    assert times.count == 4_000
    assert times.count_above(NS_PER_MS) == pytest.approx(1_000, abs=2)
    assert times.percentile(99) == pytest.approx(0.96 * NS_PER_S, rel=0.002)


def test_with_few_connections_others_wait_for_them_just_as_long() -> None:
    """Answers are instant once the stall is over, so the pool's size changes nothing."""
    few, many = (simulated(plan(1_000, 4, n), STALL).percentile(99) for n in (4, 5_000))
    assert few == many


@pytest.mark.parametrize(
    ("bout", "error_us", "missed"),
    [
        (_FIXED, {"p50_ns": 20, "p99_ns": 60, "p999_ns": 10_000}, 0),
        (_FIXED, {"p50_ns": -21, "p99_ns": 61, "p999_ns": None}, 2),
        (_BIMODAL, {"p50_ns": None, "p99_ns": None, "p999_ns": None}, 0),
        (_STALLED, {"p50_ns": 900, "p99_ns": 4_999, "p999_ns": 0}, 0),
        (_STALLED, {"p50_ns": 0, "p99_ns": -5_001, "p999_ns": 0}, 1),
    ],
)
def test_goals(bout: Any, error_us: dict[str, int | None], missed: int) -> None:
    errors = {name: None if us is None else us * NS_PER_US for name, us in error_us.items()}
    truth: dict[str, int | None] = dict.fromkeys(errors, NS_PER_S)
    assert len(missed_goals(bout, errors, truth)) == missed


@pytest.mark.parametrize(
    ("bout", "cpus", "native", "threads"),
    [
        (_CEILING, (1, 2, 3), True, 3),
        (_CEILING, (1,), True, 1),
        (_CEILING, (), True, 1),
        (_CEILING, (1, 2, 3), False, 1),
        (_FIXED, (1, 2, 3), True, 1),
    ],
)
def test_the_ceiling_is_that_of_all_cores_of_the_generator(
    bout: Any, cpus: tuple[int, ...], native: bool, threads: int, tmp_path: Path
) -> None:
    placement: Any = SimpleNamespace(generator_cpus=cpus, sharing="none", loads_target_cpus=False)
    assert _plan(bout, 80, tmp_path, placement, native=native).threads == threads


def test_without_a_null_server_the_reason_is_the_result(tmp_path: Path) -> None:
    found = run_calibration(None, None, tmp_path / "none", tmp_path, quick=True)  # type: ignore[arg-type]
    assert found["bouts"] == []
    assert "cargo" in found["missing_because"]


needs_null_server = pytest.mark.skipif(not NULL_SERVER.is_file(), reason="the null server is not built")


@needs_null_server
def test_the_null_server_tells_the_truth_about_its_answers(tmp_path: Path) -> None:
    with NullServer(NULL_SERVER, tmp_path, "fixed:2ms", (), spin=False) as server:
        for _ in range(3):
            urllib.request.urlopen(f"http://127.0.0.1:{server.port}/", timeout=60).read()
        served = server.finish()
    assert served.count == 3
    assert served.max_ns is not None
    assert served.max_ns >= 2 * NS_PER_MS


@needs_null_server
def test_a_null_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(StartError, match="delay"),
        NullServer(NULL_SERVER, tmp_path, "nonsense", (), spin=False),
    ):
        pass


@needs_null_server
@pytest.mark.e2e
def test_a_real_calibration_fills_its_table() -> None:
    from rich.console import Console

    from harness.compose import calibrate_engine
    from harness.progress import Progress

    with Progress(Console(stderr=True)) as progress:
        found = calibrate_engine("auto", "auto", progress, quick=True)
    assert found["missing_because"] is None
    ceiling, fixed = found["bouts"]
    assert ceiling["completed"] == ceiling["served"] > 1_000
    assert fixed["truth"]["p50_ns"] >= NS_PER_MS
    assert fixed["measured"]["p50_ns"] > fixed["truth"]["p50_ns"]
    assert found["requests_per_cpu_s"] > 0
    rows = calibration_rows(found)
    assert [row[0] for row in rows] == ["ceiling", "fixed 1 ms"]
    assert all(len(row) == len(COLUMNS) for row in rows)
