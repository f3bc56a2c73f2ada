"""How many fresh processes a trial starts before the one that it loads, and that each has ended before the next."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.report.metrics import time_to_ready
from harness.trials.starts import further_starts
from harness.trials.trial import Trial


class SimulatedStarts:
    """Stands for a trial and its driver: each start takes so many seconds of a clock that only starts move."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, start_s: float, own_service: bool = False) -> None:
        self.now_s, self.start_s = 100.0, start_s
        self.running = 0
        self.logs: list[str] = []
        monkeypatch.setattr(time, "monotonic", lambda: self.now_s)
        bench = SimpleNamespace(own_service=own_service, driver=self)
        self.trial = cast(
            Trial, SimpleNamespace(bench=bench, artifact=None, tell=lambda _: None, launch=self.launch)
        )

    def launch(self, log_name: str, *, pauses: bool) -> str:
        assert not pauses
        return log_name

    @contextmanager
    def start(self, _artifact: Any, launch: str) -> Iterator[Any]:
        assert self.running == 0
        self.running += 1
        self.logs.append(launch)
        self.now_s += self.start_s
        yield SimpleNamespace(ready_ns=round(self.start_s * 1e9) + len(self.logs))
        self.running -= 1


@pytest.mark.parametrize(("start_s", "starts"), [(0.01, 4), (0.4, 3), (0.6, 2), (3.0, 1)])
def test_at_most_four_and_none_begun_after_a_second(
    monkeypatch: pytest.MonkeyPatch, start_s: float, starts: int
) -> None:
    simulated = SimulatedStarts(monkeypatch, start_s)
    first_ns = round(start_s * 1e9) + 1
    assert further_starts(simulated.trial) == [first_ns + n for n in range(starts)]
    assert simulated.logs == [f"start-{n + 1}.log" for n in range(starts)]
    assert simulated.running == 0


def test_a_service_that_is_not_ours_is_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    simulated = SimulatedStarts(monkeypatch, 0.01, own_service=True)
    assert further_starts(simulated.trial) == []
    assert not simulated.logs


@pytest.mark.parametrize(
    ("start", "ready_ns"),
    [
        ({"ready_ns": 30, "further_ready_ns": [90, 20, 25, 28]}, 28),
        ({"ready_ns": 30, "further_ready_ns": [20]}, 25),
        ({"ready_ns": 30, "further_ready_ns": []}, 30),
        ({"ready_ns": 30}, 30),  # of a harness that started it once
        ({"ready_ns": None, "further_ready_ns": []}, None),
        ({}, None),
    ],
)
def test_the_trials_time_to_ready_is_the_median_of_its_starts(
    start: dict[str, Any], ready_ns: float | None
) -> None:
    assert time_to_ready({"start": start}) == ready_ns


def test_a_trial_that_never_started_has_no_time_to_ready() -> None:
    assert time_to_ready({}) is None
