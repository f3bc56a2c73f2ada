"""The course of a night: who is measured when and until when. Trials are made up, all else is real."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from gate.made import CPU, METRICS, P99, PEAK, RULES, night
from rich.console import Console

from harness.catalogue import find_scenario, find_target
from harness.drivers.base import Artifact
from harness.gate import measuring
from harness.gate.judge import night_word, verdicts
from harness.gate.measuring import Measuring, measure_rounds
from harness.gate.model import Gated, Night, TargetNight
from harness.gate.resume import CONFIRMATION_CUT, ROUNDS_CUT, Earlier
from harness.gate_file import FEWEST_PAIRS
from harness.journal import Journal
from harness.model import PlannedTrial
from harness.progress import Progress
from harness.rounds import GeneratorKeeper
from harness.store import RunFolder
from harness.trials.trial import Bench

TARGETS = ("go", "rust-axum")
Figure = Callable[[str, str, int], float]
"""(target, side, round) → CPU time per request, in ns."""


class Bed:
    """A night whose trials answer at once with what `cpu_ns` says. `done`: (target, side, round) in their order.

    valid: whether trials are, or of which rounds. trial_s: how long each takes by the night's clock, `now_s`.
    """

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        cpu_ns: Figure,
        *,
        valid: bool | Callable[[int], bool] = True,
        trial_s: float = 0.0,
    ) -> None:
        self.now_s = 0.0
        self._trial_s = trial_s
        monkeypatch.setattr(measuring, "time", SimpleNamespace(monotonic=lambda: self.now_s))
        self.done: list[tuple[str, str, int]] = []
        self.records: dict[tuple[str, int, int], dict[str, Any]] = {}
        self.killed_at: int | None = None
        self._cpu_ns = cpu_ns
        self._valid = valid
        monkeypatch.setattr(measuring, "one_trial", self._one_trial)

    def _one_trial(self, bench: Bench, planned: PlannedTrial, attempt: int, *_: Any) -> dict[str, Any]:
        if len(self.done) == self.killed_at:
            raise KeyboardInterrupt
        self.now_s += self._trial_s
        case = planned.case
        key = (case.target.id, str(case.side), planned.round)
        self.done.append(key)
        wobble = 1 + 0.002 * ((planned.round * 7 + len(key[1])) % 5 - 2)
        window = {
            "throughput_rps": 8_000.0 * wobble,
            "cpu": {"cpu_ns_per_request": self._cpu_ns(*key) * wobble},
            "headline": {"kind": "accepted", "measure": "response"},
            "latency": {"accepted": {"response": {"p99_ns": 1e6 * wobble}}},
            "findings": [],
        }
        windows = [{"name": name, **window} for name in ("peak", "rate-1000")]
        valid = self._valid(planned.round) if callable(self._valid) else self._valid
        record = {"status": "valid" if valid else "failed", "windows": windows}
        self.records[case.id, planned.round, attempt] = record
        return record

    def run(
        self,
        tmp_path: Path,
        earlier: Earlier | None = None,
        *,
        budget_s: float = 1e6,
        metrics: Sequence[Gated] = METRICS,
    ) -> Night:
        specs = [find_target(t) for t in TARGETS]
        artifacts = {t.id: Artifact(t, "hash") for t in specs}
        bench: Any = type("Stub", (), {"artifacts": artifacts})()
        run = RunFolder(tmp_path)
        generator: Any = None
        progress = Progress(Console(quiet=True))
        under_way = Measuring(
            scenario=find_scenario("gate"),
            budget_s=budget_s,
            metrics=metrics,
            run=run,
            keeper=GeneratorKeeper(generator),
            progress=progress,
            head=bench,
            base=bench,
            began_s=self.now_s,
            journal=Journal.of(run),
            earlier=earlier or Earlier(),
        )
        targets = tuple(TargetNight(t) for t in TARGETS)
        empty = replace(night(), targets=targets, rounds=0, looks=(), metrics=tuple(metrics))
        return measure_rounds(under_way, empty)


def word_of(made: Night) -> str:
    return night_word(verdicts(made.targets, made.metrics, RULES, made.looks[-1][1] if made.looks else 0.05))


def test_twins_are_measured_until_the_first_look_in_pairs_side_by_side(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bed = Bed(monkeypatch, lambda *_: 100_000.0)
    made = bed.run(tmp_path)
    assert (made.rounds, word_of(made)) == (6, "no change")
    assert len(bed.done) == 6 * 2 * len(TARGETS)
    for one, other in zip(bed.done[::2], bed.done[1::2], strict=True):
        assert (one[0], one[2]) == (other[0], other[2])
        assert {one[1], other[1]} == {"base", "head"}


def test_a_slowdown_is_confirmed_by_its_target_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bed = Bed(monkeypatch, lambda t, side, _: 112_000.0 if (t, side) == ("go", "head") else 100_000.0)
    made = bed.run(tmp_path)
    assert word_of(made) == "regression"
    confirming = [key for key in bed.done if key[2] > made.rounds]
    assert {key[0] for key in confirming} == {"go"}
    assert len(confirming) == 2 * RULES.confirming


def test_a_slowdown_that_does_not_come_again_is_no_regression(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bed = Bed(
        monkeypatch, lambda t, side, n: 112_000.0 if (t, side) == ("go", "head") and n <= 6 else 100_000.0
    )
    assert word_of(bed.run(tmp_path)) == "cannot tell"


def test_an_improvement_is_not_measured_further(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bed = Bed(monkeypatch, lambda t, side, _: 88_000.0 if (t, side) == ("go", "head") else 100_000.0)
    made = bed.run(tmp_path)
    assert (word_of(made), max(n for *_, n in bed.done)) == ("improvement", 6)


def test_trials_that_fail_are_repeated_once_and_their_pairs_are_lost(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bed = Bed(monkeypatch, lambda *_: 100_000.0, valid=False)
    made = bed.run(tmp_path)
    assert {t.lost for t in made.targets} == {RULES.looks[-1]}
    assert len(bed.done) == RULES.looks[-1] * len(TARGETS) * 2 * 2
    assert word_of(made) == "cannot tell"


def test_the_budget_ends_the_rounds_and_what_there_is_is_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bed = Bed(monkeypatch, lambda *_: 100_000.0)
    monkeypatch.setattr(measuring.Measuring, "fits", lambda *_: len(bed.done) < 5 * 2 * len(TARGETS))
    made = bed.run(tmp_path)
    assert (made.rounds, made.cut_short) == (5, True)
    assert made.looks == ((5, RULES.levels[0]),)


ROUND_S = 40.0
"""Of two targets, with trials of 10 s."""
GUARDED = (replace(CPU, must_tell=False), PEAK, P99)


def go_slower(target: str, side: str, _: int) -> float:
    return 112_000.0 if (target, side) == ("go", "head") else 100_000.0


@pytest.mark.parametrize("valid", [lambda _: True, lambda n: n <= 4, lambda n: n % 3 != 0])
@pytest.mark.parametrize("rounds", [2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14])
def test_whatever_the_budget_a_night_is_over_within_it_and_a_slowdown_is_never_no_change(
    rounds: int, valid: Callable[[int], bool], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bed = Bed(monkeypatch, go_slower, valid=valid, trial_s=10.0)
    made = bed.run(tmp_path, budget_s=rounds * ROUND_S, metrics=GUARDED)
    assert bed.now_s <= rounds * ROUND_S
    assert word_of(made) in ("regression", "cannot tell")


def test_a_night_with_room_for_its_rounds_alone_leaves_some_to_confirm(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bed = Bed(monkeypatch, go_slower, trial_s=10.0)
    made = bed.run(tmp_path, budget_s=9 * ROUND_S)
    assert (made.cut_short, word_of(made)) == (True, "regression")
    assert FEWEST_PAIRS <= made.rounds < RULES.looks[0]


def test_time_is_kept_for_a_target_that_alerted_while_the_others_are_measured_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Rust is slower from its fourth round on, which is certain at the second look only; go at the first."""

    def both_slower(target: str, side: str, number: int) -> float:
        if target == "go":
            return go_slower(target, side, number)
        return 120_000.0 if side == "head" and number > 3 else 100_000.0

    bed = Bed(monkeypatch, both_slower, trial_s=10.0)
    made = bed.run(tmp_path, budget_s=11 * ROUND_S)
    assert made.targets[0].stopped_by == "an alert"
    assert len(made.targets[0].further) == RULES.confirming
    assert bed.now_s <= 11 * ROUND_S


def test_where_further_pairs_do_not_fit_nothing_is_confirmed_and_it_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The last round took far longer than those before."""
    bed = Bed(monkeypatch, go_slower)
    monkeypatch.setattr(measuring.Measuring, "fits", lambda *_: len(bed.done) < 6 * 2 * len(TARGETS))
    made = bed.run(tmp_path, metrics=GUARDED)
    assert made.cut_short
    assert not made.targets[0].further
    assert word_of(made) == "cannot tell"
    found = verdicts(made.targets, made.metrics, RULES, RULES.levels[0])[0].metrics[0]
    assert "looked more, and there was no time to confirm it (0 of 0" in found.text


def test_a_second_attempt_that_does_not_fit_is_not_begun(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bed = Bed(monkeypatch, go_slower, valid=False, trial_s=10.0)
    bed.run(tmp_path, budget_s=ROUND_S)
    assert len(bed.done) == 2 * len(TARGETS)


# --- cut off and gone on with ----------------------------------------------------------------------------------


def cut_after(tmp_path: Path, event: str = ROUNDS_CUT) -> int | None:
    entries = Journal.of(RunFolder(tmp_path)).ledger.read().entries
    return next((e["round"] for e in entries if e["event"] == event), None)


@pytest.mark.parametrize("killed_at", [0, 1, 7, 23, 24, 25, 30])
def test_a_night_that_is_cut_off_anywhere_comes_to_the_same_end_and_repeats_nothing(
    killed_at: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Twelve pairs, and from trial 24 on the confirmation of one target."""

    whole = Bed(monkeypatch, go_slower)
    expected = whole.run(tmp_path / "whole")
    assert len(whole.done) > 30
    bed = Bed(monkeypatch, go_slower)
    bed.killed_at = killed_at
    with pytest.raises(KeyboardInterrupt):
        bed.run(tmp_path / "cut")
    bed.killed_at = None
    assert bed.run(tmp_path / "cut", Earlier(dict(bed.records))) == expected
    assert bed.done == whole.done


def test_what_the_budget_cut_short_stays_so_after_a_kill(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bed = Bed(monkeypatch, go_slower)

    def fits(_: Measuring, rounds: Mapping[str, int]) -> bool:
        """Five rounds, and whatever confirms."""
        return len(bed.done) < 5 * 2 * len(TARGETS) or max(rounds.values()) <= RULES.confirming

    monkeypatch.setattr(measuring.Measuring, "fits", fits)
    bed.killed_at = 22  # within the confirmation
    with pytest.raises(KeyboardInterrupt):
        bed.run(tmp_path)
    assert cut_after(tmp_path) == 5
    bed.killed_at = None
    monkeypatch.setattr(measuring.Measuring, "fits", lambda *_: True)
    made = bed.run(tmp_path, Earlier(dict(bed.records), cut_after=5))
    assert (made.rounds, made.cut_short) == (5, True)
    assert len(bed.done) == 5 * 2 * len(TARGETS) + 2 * RULES.confirming


def test_a_confirmation_that_the_budget_cut_short_stays_so_after_a_kill(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bed = Bed(monkeypatch, go_slower)
    began = 6 * 2 * len(TARGETS)
    monkeypatch.setattr(measuring.Measuring, "fits", lambda *_: len(bed.done) < began + 2)
    made = bed.run(tmp_path)
    assert (cut_after(tmp_path), cut_after(tmp_path, CONFIRMATION_CUT)) == (None, 7)
    monkeypatch.setattr(measuring.Measuring, "fits", lambda *_: True)
    again = bed.run(tmp_path, Earlier(dict(bed.records), confirmed_until=7))
    assert again == made
    assert len(made.targets[0].further) == 1
    assert len(bed.done) == began + 2


def test_a_trial_that_was_not_valid_before_the_kill_has_its_second_attempt_after_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bed = Bed(monkeypatch, lambda *_: 100_000.0, valid=False)
    bed.killed_at = 1
    with pytest.raises(KeyboardInterrupt):
        bed.run(tmp_path)
    bed.killed_at = None
    made = bed.run(tmp_path, Earlier(dict(bed.records)))
    assert {t.lost for t in made.targets} == {RULES.looks[-1]}
    assert len(bed.done) == RULES.looks[-1] * len(TARGETS) * 2 * 2
