"""When a warm-up ends, what it records, and what a service is asked for meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from harness.load.plan import LoadPlan
from harness.load.recorder import Recorder
from harness.load.supervise import LoadResult, Progress
from harness.model import Warmup
from harness.trials.under_load import UnderLoad
from harness.trials.warmup import warm_up
from harness.units import NS_PER_MS, NS_PER_S

START = 1_700_000_000 * NS_PER_S
REPORT_S = 3
DRAINED = 64
CLIMBING = [20, 30, 40, 60, 80, 110, 140, 170, 200, 230, 250, 280]
CALM = [200, 201, 199, 200, 202, 198, 200, 199, 201, 200, 200, 202]


class SimulatedLoad:
    """Stands for UnderLoad: so many answers in each second, reported as workers do, until it is flushed."""

    def __init__(
        self, folder: Path, per_second: list[int], spec: Warmup | None, *, usually_s: float = 3.0
    ) -> None:
        case = SimpleNamespace(
            scenario=SimpleNamespace(warmup=spec), target=SimpleNamespace(warmup_hint_s=usually_s)
        )
        self.per_second = per_second
        self.times_asked = 0
        self.is_flushed = False
        self.generator = self
        self.record: dict[str, Any] = {}
        self.trial = SimpleNamespace(
            planned=SimpleNamespace(case=case),
            record=self.record,
            folder=folder,
            tell=lambda text: None,
        )

    def answered(self) -> int:
        self.times_asked += 1
        return 0

    def plan(self, window: Any, connections: int) -> LoadPlan:
        return LoadPlan("run", "h", 1, None, "closed", connections, window.length_s)

    @contextmanager
    def watched(self, *_: object) -> Iterator[None]:
        yield

    def flush(self) -> None:
        self.is_flushed = True

    def offer(self, plan: LoadPlan, folder: Path, on_progress: Callable[[Progress], None]) -> LoadResult:
        recorder = Recorder("run", open_load=False)
        folder.mkdir()
        with (folder / "reports.jsonl").open("a", encoding="utf-8") as file:

            def report() -> None:
                file.write(json.dumps({"worker": "w", **recorder.take_report()}) + "\n")
                file.flush()

            for second, count in enumerate([*self.per_second, DRAINED]):
                for number in range(count):
                    at_ns = second * NS_PER_S + number * NS_PER_MS
                    recorder.sent("accepted", at_ns, at_ns, backlog=0, inflight=1)
                    recorder.completed("accepted", at_ns, at_ns, at_ns, at_ns + NS_PER_MS // 2)
                if (second + 1) % REPORT_S == 0:
                    report()
                    on_progress(Progress(second, 0, 0, 0))
                if self.is_flushed:
                    break
            report()
        return LoadResult(plan, START, None, {}, {}, {}, (), folder)


def warmed(
    folder: Path, per_second: list[int], spec: Warmup | None, *, usually_s: float = 3.0
) -> tuple[SimulatedLoad, Any]:
    load = SimulatedLoad(folder, per_second, spec, usually_s=usually_s)
    warm_up(cast(UnderLoad, load))
    return load, load.record["warmup"]


def test_what_windows_ask_for_is_asked_at_every_report_of_the_warm_up(tmp_path: Path) -> None:
    load, record = warmed(tmp_path, CLIMBING, Warmup(min=3, max=len(CLIMBING)))
    assert load.times_asked == len(CLIMBING) // REPORT_S
    assert record["capped"] and record["steady_at_s"] is None
    assert record["verdict"] == "drifting"
    assert list(tmp_path.iterdir()) == []


def test_the_drain_is_no_second_of_a_warm_up_that_ran_to_its_cap(tmp_path: Path) -> None:
    _, record = warmed(tmp_path, CALM, Warmup(min=30, max=len(CALM)))
    assert record["capped"]
    assert record["completed_per_second"] == [*CALM, DRAINED]
    assert record["verdict"] in ("steady", "level")


def test_the_test_ends_a_calm_warm_up_before_its_cap(tmp_path: Path) -> None:
    load, record = warmed(tmp_path, [*CALM, *CALM, *CALM], Warmup(min=3, max=36))
    assert load.is_flushed and not record["capped"]
    assert len(record["completed_per_second"]) < 36


NOISY = [60, 72, 52, 68, 50, 70, 58, 74, 50, 66, 72, 54, 70, 50, 64, 56, 73, 52, 68, 58]


def test_noise_does_not_prolong_the_warm_up_of_what_usually_needs_none(tmp_path: Path) -> None:
    load, record = warmed(tmp_path, NOISY, Warmup(min=3, max=20))
    assert load.is_flushed and not record["capped"]
    assert record["verdict"] == "unsettled" and record["steady_at_s"] is None
    assert 12 <= len(record["completed_per_second"]) < 20


def test_noise_does_not_end_the_warm_up_of_what_usually_needs_one(tmp_path: Path) -> None:
    load, record = warmed(tmp_path, NOISY, Warmup(min=3, max=20), usually_s=40)
    assert not load.is_flushed and record["capped"]


def test_a_scenario_may_want_none(tmp_path: Path) -> None:
    assert warmed(tmp_path, CALM, None)[1] is None
