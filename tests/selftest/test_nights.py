"""Nights one after the other: what each is asked to measure, what is kept of it, and when no further one is begun."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from rich.console import Console

from harness.catalogue import find_scenario, read_gate_file
from harness.gate.session import GateOptions
from harness.model import JsonObject
from harness.progress import Progress
from harness.selftest.found import from_json
from harness.selftest.handicaps import APART, TOGETHER, TWIN
from harness.selftest.nights import SelftestOptions, run_selftest
from harness.store import RunFolder, read_json

PROGRESS = Progress(Console(quiet=True), quiet=True)
ACCOUNT = {
    "unix_ns": 0,
    "requests": 0,
    "cpu_ns": 0,
    "burnt_ns": 0,
    "delayed": 0,
    "waited_ns": 0,
    "rss_bytes": 110,
    "ballast_bytes": 10,
    "start_ns": 60_000_000,
}
LATER = {**ACCOUNT, "requests": 100, "cpu_ns": 120, "burnt_ns": 20, "delayed": 2, "waited_ns": 4_000_000}


@dataclass
class Guard:
    """In place of a real night: notes what was asked, and leaves one trial of each burdened head."""

    status: str = "complete"
    asked: list[GateOptions] = field(default_factory=list)

    def __call__(self, options: GateOptions) -> tuple[RunFolder, JsonObject]:
        self.asked.append(options)
        run = RunFolder.create(options.results, f"run-{len(self.asked)}")
        for target in options.head_targets:
            if target.variant != TWIN.name:
                self._trial(run, f"selftest/{target.id}~head", target.id)
        return run, self._night(run, options)

    def _trial(self, run: RunFolder, case: str, target: str) -> None:
        trial = run.trial_folder(case, 1)
        trial.mkdir(parents=True)
        record = {
            "schema": 1,
            "case": {"id": case, "target": target},
            "windows": [
                {"name": "peak", "start_unix_ns": 100, "end_unix_ns": 300},
                {"name": "rate-1000", "start_unix_ns": 400, "end_unix_ns": 600},
            ],
        }
        (trial / "trial.json").write_text(json.dumps(record))
        accounts = [
            {**ACCOUNT, "unix_ns": 50},
            {**ACCOUNT, "unix_ns": 390},
            {**LATER, "unix_ns": 590},
            {**LATER, "unix_ns": 700, "burnt_ns": 10_000, "cpu_ns": 20_000},
        ]
        (trial / "target.log").write_text("".join(f"handicap: {json.dumps(a)}\n" for a in accounts))

    def _night(self, run: RunFolder, options: GateOptions) -> JsonObject:
        return {
            "run": run.run_id,
            "status": self.status,
            "seed": options.seed,
            "reasons": [],
            "skipped": {},
            "targets": [
                {
                    "target": t.id,
                    "metrics": [
                        {
                            "metric": m.metric,
                            "title": m.metric,
                            "window": m.window,
                            "word": "same" if t.variant == TWIN.name else "slower",
                            "ratio": 1.2,
                            "base": 1e6,
                            "low": 1.1,
                            "high": 1.3,
                        }
                        for m in options.file.metrics
                    ],
                }
                for t in options.head_targets
            ],
        }


@pytest.fixture
def options(tmp_path: Path) -> SelftestOptions:
    return SelftestOptions(
        heads=(TOGETHER,),
        nights=2,
        quick=False,
        scenario=find_scenario("selftest"),
        rules=read_gate_file(),
        budget_s=3_600,
        seed=1,
        results=tmp_path / "results",
        builds=tmp_path / "builds",
        argv=(),
    )


def test_each_night_has_its_seed_and_is_saved_as_it_ends(options: SelftestOptions) -> None:
    guard = Guard()
    found = list(run_selftest(options, guard, PROGRESS))
    assert [n.seed for n in found] == [1, 2]
    for night in found:
        assert from_json(read_json(options.results / night.run / "selftest.json")) == night


def test_what_arrived_is_read_from_the_window_that_the_metric_is_of(options: SelftestOptions) -> None:
    (night,) = run_selftest(replace(options, nights=1), Guard(), PROGRESS)
    assert [h.arrived for h in night.handicaps] == pytest.approx([20.0, 2.0, 10.0, 60.0])
    assert all(h.as_planned and h.found for h in night.handicaps)


def test_heads_apart_are_measured_and_told_of_each_by_itself(options: SelftestOptions) -> None:
    guard = Guard()
    (night,) = run_selftest(replace(options, heads=APART, nights=1), guard, PROGRESS)
    (asked,) = guard.asked
    assert [t.id for t in asked.head_targets] == ["go+twin", *(f"go+{head.name}" for head in APART)]
    assert [h.name for h in night.handicaps] == [head.handicaps[0].name for head in APART]
    assert [h.arrived for h in night.handicaps] == pytest.approx([20.0, 20.0, 2.0, 10.0, 60.0])
    assert night.twins is not None
    assert night.twins.slower == ()


def test_both_sides_are_one_build_and_twins_are_alike(options: SelftestOptions) -> None:
    guard = Guard()
    list(run_selftest(replace(options, nights=1), guard, PROGRESS))
    (asked,) = guard.asked
    (twin, other), (base, head) = zip(asked.base_targets, asked.head_targets, strict=True)
    assert twin == other
    assert base.environment.items() < head.environment.items()


def test_a_quick_one_has_one_look_and_no_peak(options: SelftestOptions) -> None:
    guard = Guard()
    list(run_selftest(replace(options, nights=1, quick=True), guard, PROGRESS))
    (asked,) = guard.asked
    assert asked.file.looks == (4,)
    assert [w.name for w in asked.scenario.windows] == ["rate-1000"]
    assert {m.window for m in asked.file.metrics} == {None, "rate-1000"}


@pytest.mark.parametrize(
    ("guard", "change"),
    [(Guard(status="interrupted"), lambda o: o), (Guard(), lambda o: replace(o, budget_s=0.0))],
)
def test_no_further_night_is_begun(
    options: SelftestOptions, guard: Guard, change: Callable[[SelftestOptions], SelftestOptions]
) -> None:
    assert len(list(run_selftest(change(options), guard, PROGRESS))) == 1
