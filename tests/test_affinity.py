"""A session measures beside its own core, builds on all of them, and leaves them to the next one."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gate.made import night, noise
from report.made import PLACEMENT, made_tools
from rich.console import Console

from harness.affinity import pinned
from harness.asked import Asked
from harness.bench_setup import BenchOptions
from harness.catalogue import find_scenario, read_gate_file
from harness.drivers.process import ProcessDriver
from harness.gate.session import GateOptions, run_gate
from harness.model import ProcessSpec, TargetSpec
from harness.plan import PlanOptions
from harness.progress import Progress
from harness.session import run_bench

QUIET = Progress(Console(quiet=True))
CPUS = os.sched_getaffinity(0)
ONE = tuple(sorted(CPUS))[:1]

pytestmark = pytest.mark.skipif(len(CPUS) < 2, reason="two cores are needed")


def test_a_pinned_thread_may_run_afterwards_where_it_might_before() -> None:
    with pytest.raises(ZeroDivisionError), pinned(ONE):
        assert os.sched_getaffinity(0) == set(ONE)
        raise ZeroDivisionError
    assert os.sched_getaffinity(0) == CPUS


def test_without_cores_a_thread_is_not_pinned() -> None:
    with pinned(None):
        assert os.sched_getaffinity(0) == CPUS
    with pinned(()):
        assert os.sched_getaffinity(0) == CPUS


@pytest.fixture
def tools(tmp_path: Path) -> Any:
    return made_tools(
        placement=replace(PLACEMENT, harness_cpus=ONE),
        driver=ProcessDriver(tmp_path / "builds"),
        own_service=False,
        locustfile=False,
        calibrate=None,
        boot_id=None,
    )


@pytest.fixture
def target(tmp_path: Path) -> TargetSpec:
    """Its build writes down the cores that it was given."""
    build = f"import os; open({str(tmp_path / 'cores')!r}, 'a').write(f'{{os.sched_getaffinity(0)}}\\n')"
    return TargetSpec(
        name="small",
        label="Small",
        language="sh",
        payload="raw",
        reload=None,
        folder=tmp_path,
        process=ProcessSpec(build=((sys.executable, "-c", build),), run=("true",)),
    )


def noted(cores: list[set[int]], returned: Any) -> Callable[..., Any]:
    """Stands in for a step that measures: notes where this thread may run meanwhile."""

    def step(*_: Any, **__: Any) -> Any:
        cores.append(os.sched_getaffinity(0))
        return returned

    return step


def test_a_bench_builds_on_all_cores_and_measures_from_its_own(
    tmp_path: Path, tools: Any, target: TargetSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured_from: list[set[int]] = []
    monkeypatch.setattr("harness.session.run_rounds", noted(measured_from, []))
    run_bench(
        BenchOptions(
            [find_scenario("smoke")], [target], True, PlanOptions(quick=True), tmp_path, tmp_path, Asked()
        ),
        tools,
        QUIET,
    )
    assert (tmp_path / "cores").read_text().splitlines() == [str(CPUS)]
    assert measured_from == [set(ONE)]
    assert os.sched_getaffinity(0) == CPUS


def a_night(folder: Path, *targets: TargetSpec) -> GateOptions:
    return GateOptions(
        file=read_gate_file(),
        scenario=find_scenario("gate"),
        base=night().base,
        head=night().head,
        base_targets=targets,
        head_targets=targets,
        budget_s=1.0,
        seed=7,
        probe_s=1.0,
        results=folder,
        workspace=folder,
    )


def test_a_night_builds_on_all_cores_and_leaves_them_to_the_next_one(
    tmp_path: Path, tools: Any, target: TargetSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured_from: list[set[int]] = []
    monkeypatch.setattr("harness.gate.session.measure_noise", noted(measured_from, noise()))
    monkeypatch.setattr("harness.gate.session.measure_rounds", noted(measured_from, night()))
    for _ in range(2):
        run_gate(a_night(tmp_path, target), tools, QUIET)
    assert (tmp_path / "cores").read_text().splitlines() == [str(CPUS)] * 4  # both sides, twice
    assert measured_from == [set(ONE)] * 4
    assert os.sched_getaffinity(0) == CPUS


def test_a_night_that_is_too_noisy_leaves_the_cores_too(
    tmp_path: Path, tools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.gate.session.measure_noise", lambda *_: noise(steal_ratio=0.5))
    run_gate(a_night(tmp_path), tools, QUIET)
    assert os.sched_getaffinity(0) == CPUS
