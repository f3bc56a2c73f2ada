"""A window is judged by counters that reach its end: those of whole rows, which are few."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from harness.probes.samples import Row
from harness.trials import trial as trials
from harness.trials.trial import Trial


class SimulatedSampler:
    """Each look finds one row more; the marks that it was given are kept."""

    def __init__(self, rows: list[Row]) -> None:
        self.to_come = rows
        self.looks = 0
        self.marks: list[str] = []

    def rows(self) -> list[Row]:
        self.looks += 1
        return self.to_come[: self.looks]

    def mark(self, name: str) -> None:
        self.marks.append(name)


def a_row(unix_ns: int, *, whole: bool = False) -> Row:
    return Row(monotonic_ns=unix_ns, unix_ns=unix_ns, sampler_cpu_ns=1 if whole else None)


def a_trial(sampler: SimulatedSampler | None) -> Trial:
    unused = cast(Any, None)
    made = Trial(bench=unused, planned=unused, folder=Path(), files=Path(), tell=unused, watch=unused)
    made.sampler = cast(Any, sampler)
    return made


@pytest.mark.parametrize(
    ("rows", "taken"),
    [
        ([a_row(90, whole=True), a_row(100), a_row(110), a_row(120, whole=True), a_row(130)], 4),
        ([a_row(100, whole=True), a_row(200)], 1),
        ([a_row(90, whole=True), a_row(99, whole=True), a_row(101, whole=True)], 3),
    ],
)
def test_rows_reach_a_whole_one_at_or_after_the_instant(rows: list[Row], taken: int) -> None:
    assert len(a_trial(SimulatedSampler(rows)).rows(100)) == taken


def test_rows_are_not_waited_for_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "_ROWS_DEADLINE_S", 0.2)
    sampler = SimulatedSampler([a_row(90, whole=True), a_row(110)])
    assert len(a_trial(sampler).rows(100)) == 2
    assert sampler.looks > 2


def test_marks_go_to_the_sampler_where_there_is_one() -> None:
    sampler = SimulatedSampler([])
    a_trial(sampler).mark("peak ended")
    assert sampler.marks == ["peak ended"]
    a_trial(None).mark("peak ended")
    assert a_trial(None).rows(5) == ()
