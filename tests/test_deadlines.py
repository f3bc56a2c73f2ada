"""The steps of a session end at their deadline. Start and stop: see tests/drivers; load: tests/load."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console
from rig import LEFT_DEADLINE_S, all_gone

from harness import building, rounds
from harness.deadline import deadline
from harness.drivers.build import BUILD_RUN_ID
from harness.drivers.owner import MarkedProcess, Owner, marked_processes
from harness.drivers.process import ProcessDriver
from harness.engine import build_native
from harness.errors import DeadlineError
from harness.kit.kit import Kit
from harness.model import Case, PlannedTrial, ProcessSpec, Scenario, TargetSpec
from harness.progress import Progress
from harness.trials.trial import Trial, run_trial

NEVER_S = 60.0


def a_target(folder: Path, *build: tuple[str, ...]) -> TargetSpec:
    return TargetSpec(
        name="slow",
        label="Slow",
        language="sh",
        payload="raw",
        reload=None,
        folder=folder,
        process=ProcessSpec(build=build, run=("true",)),
    )


def own_builds_left() -> list[MarkedProcess]:
    """What still runs of this process's builds once the deadline has passed; others may build at the same time."""
    deadline_s = time.monotonic() + LEFT_DEADLINE_S
    while left := [p for p in marked_processes() if p.run_id == BUILD_RUN_ID and p.owner == Owner.current()]:
        if time.monotonic() > deadline_s:
            break
        time.sleep(0.05)
    return left


def test_a_build_of_the_worker_that_is_cut_off_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cargo, compiler = tmp_path / "cargo", tmp_path / "pid of a child"
    cargo.write_text(f"#!/bin/sh\nsleep 3600 &\necho $! >'{compiler}'\nwait\n")
    cargo.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(DeadlineError), deadline("the build", 5.0):
        build_native(tmp_path, Progress(Console(file=io.StringIO())))
    assert all_gone({int(compiler.read_text())})


def test_a_build_that_does_not_end_is_skipped_and_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "_BUILD_DEADLINE_S", 5.0)
    slow, quick, broken = (a_target(tmp_path, build) for build in (("sleep", "3600"), ("true",), ("false",)))
    quick, broken = (t.model_copy(update={"name": n}) for t, n in ((quick, "quick"), (broken, "broken")))
    out = io.StringIO()
    built = building.prepare(
        [slow, quick, broken], ProcessDriver(tmp_path / "builds"), Progress(Console(file=out, width=500))
    )
    assert list(built.artifacts) == ["quick"]
    assert built.skipped["slow"] == "the build of slow did not end within 5 s"
    assert built.skipped["broken"].startswith("the build command `false` exited with code 1")
    assert "slow is skipped" in out.getvalue()
    assert own_builds_left() == []


def a_trial(tmp_path: Path) -> Trial:
    scenario = Scenario.model_validate({"schema": 1, "name": "m", "question": "?", "kind": "memory"})
    bench = SimpleNamespace(
        run_id="r", kit=Kit.make(), engine="native", placement=SimpleNamespace(sharing="none")
    )
    return Trial(
        bench=cast(Any, bench),
        planned=PlannedTrial(Case(a_target(tmp_path), scenario), 1, 0, 1.0),
        folder=tmp_path,
        files=tmp_path / "files",
        tell=lambda _: None,
    )


def test_a_trial_that_does_not_end_has_failed_and_cleans_up(tmp_path: Path) -> None:
    left: list[str] = []

    def hang(_: Trial) -> None:
        try:
            time.sleep(NEVER_S)
        finally:
            left.append("cleaned up")

    trial = a_trial(tmp_path)
    record = run_trial(trial, hang, 1.0)
    assert (record["status"], record["reasons"]) == ("failed", ["the trial did not end within 1 s"])
    assert left == ["cleaned up"]
    assert not trial.files.exists()


def test_a_trial_may_take_its_time(tmp_path: Path) -> None:
    assert run_trial(a_trial(tmp_path), lambda _: None, NEVER_S)["status"] == "valid"


def test_the_deadline_of_a_trial_is_far_beyond_its_estimate() -> None:
    planned = PlannedTrial(cast(Any, None), 1, 0, 300.0)
    assert rounds.trial_deadline_s(planned) > 2 * planned.estimated_s
