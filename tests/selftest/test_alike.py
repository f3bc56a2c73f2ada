"""Nights without a difference, added up over sittings: what is begun, gone on with, left out and kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from rich.console import Console

from harness.asked import NightAsked
from harness.errors import TooNoisy, UsageError
from harness.gate.rehearsal import material_of
from harness.ledger import Ledger
from harness.model import JsonObject
from harness.progress import Progress
from harness.selftest.alike import AlikeOptions, run_alike
from harness.store import RunFolder, write_json

PROGRESS = Progress(Console(quiet=True), quiet=True)
ASKED = NightAsked(base="HEAD", head="HEAD", targets=("go",), scenario="selftest", config="/rules.yaml")
KILLED = "running"


@dataclass
class Guard:
    """In place of real nights: each begins or goes on with a run's folder, and ends as it is told to."""

    results: Path
    ends: list[str | Exception] = field(default_factory=list)
    calls: list[tuple[int, str | None]] = field(default_factory=list)

    def __call__(self, asked: NightAsked, begun: RunFolder | None) -> tuple[RunFolder, JsonObject]:
        self.calls.append((asked.seed, begun.run_id if begun else None))
        end = self.ends.pop(0) if self.ends else "complete"
        if isinstance(end, Exception):
            raise end
        run = begun or RunFolder.create(self.results, f"run-{len(self.calls)}")
        night = _night(run, asked, "complete" if end == "noisy" else end)
        if end == "noisy":
            night["targets"] = []
        elif begun is None:
            with run.new_trial("selftest/go~base", 1) as folder:
                write_json(
                    folder / "trial.json",
                    {"schema": 1, "started_unix_ns": 1_000_000_000, "ended_unix_ns": 15_000_000_000},
                )
        run.write_run(
            {
                "kind": "gate",
                "status": night["status"],
                "driver": "process",
                "created_unix_ns": 5,
                "asked": asked.model_dump(mode="json"),
                "scenarios": {"selftest": {}},
            }
        )
        if end == KILLED:
            raise SystemExit(end)
        return run, night


def _night(run: RunFolder, asked: NightAsked, status: str) -> JsonObject:
    pairs = [{"round": n, "first": "base", "base": 1.0 + n / 100, "head": 1.0} for n in range(6)]
    metric = {
        "metric": "p99_ns",
        "title": "P99",
        "better": "lower",
        "relevant_ratio": 0.1,
        "word": "same",
        "alert": False,
        "ratio": 1.0,
        "pairs": pairs,
    }
    return {
        "run": run.run_id,
        "status": status,
        "seed": asked.seed,
        "rules": {},
        "verdict": "no change",
        "reasons": ["too noisy: …"],
        "targets": [{"target": "go", "same_artifact": True, "metrics": [metric]}],
        "head": {"revision": "0123456789abcdef"},
    }


@pytest.fixture
def options(tmp_path: Path) -> AlikeOptions:
    results = tmp_path / "results"
    return AlikeOptions(3, ASKED, 3_600.0, results, Ledger(tmp_path / "kept" / "alike.jsonl"))


def kept(options: AlikeOptions) -> list[tuple[str, int]]:
    return [(n["run"], n["seed"]) for n in options.ledger.read().entries]


def test_nights_add_up_over_calls_each_with_a_seed_of_its_own(options: AlikeOptions) -> None:
    guard = Guard(options.results)
    assert len(list(run_alike(replace(options, nights=1), guard, PROGRESS))) == 1
    assert len(list(run_alike(options, guard, PROGRESS))) == 2
    assert list(run_alike(options, guard, PROGRESS)) == []
    assert kept(options) == [("run-1", 1), ("run-2", 2), ("run-3", 3)]


def test_the_ledger_can_be_rehearsed_and_names_no_revision(options: AlikeOptions) -> None:
    list(run_alike(options, Guard(options.results), PROGRESS))
    entries = options.ledger.read().entries
    assert material_of(entries).trials == {"go": 3 * 6 * 2}
    assert [n["measured_s"] for n in entries] == [14, 14, 14]
    assert "0123456789abcdef" not in options.ledger.path.read_text()


@pytest.mark.parametrize("asked", [ASKED, ASKED.model_copy(update={"driver": "process"})])
def test_a_night_that_was_killed_is_gone_on_with_by_the_next_call(
    options: AlikeOptions, asked: NightAsked
) -> None:
    guard = Guard(options.results, ["complete", KILLED])
    with pytest.raises(SystemExit):
        list(run_alike(options, guard, PROGRESS))
    list(run_alike(replace(options, asked=asked), guard, PROGRESS))
    assert guard.calls == [(1, None), (2, None), (2, "run-2"), (3, None)]
    assert kept(options) == [("run-1", 1), ("run-2", 2), ("run-4", 3)]


def test_a_night_that_ended_and_was_not_yet_in_the_ledger_is_put_there(options: AlikeOptions) -> None:
    guard = Guard(options.results)
    list(run_alike(replace(options, nights=2), guard, PROGRESS))
    whole = options.ledger.path.read_bytes()
    for length in range(whole.index(b"\n") + 1, len(whole) - 1, 97):
        options.ledger.path.write_bytes(whole[:length])  # killed within the line
        list(run_alike(replace(options, nights=2), guard, PROGRESS))
        assert options.ledger.path.read_bytes() == whole
        assert guard.calls[-1] == (2, "run-2")


def test_an_interrupt_ends_the_call_and_keeps_what_was_done(options: AlikeOptions) -> None:
    guard = Guard(options.results, ["complete", "interrupted"])
    with pytest.raises(KeyboardInterrupt):
        list(run_alike(options, guard, PROGRESS))
    assert kept(options) == [("run-1", 1)]


@pytest.mark.parametrize("end", ["noisy", TooNoisy("too noisy now")])
def test_a_night_too_noisy_counts_for_nothing_and_is_tried_again(
    options: AlikeOptions, end: str | Exception
) -> None:
    guard = Guard(options.results, [end])
    list(run_alike(replace(options, nights=1), guard, PROGRESS))
    assert guard.calls == [(1, None), (1, None)]
    assert kept(options) == [("run-2", 1)]


def test_a_night_that_cannot_be_gone_on_with_is_begun_anew(options: AlikeOptions) -> None:
    guard = Guard(options.results, [KILLED, UsageError("harness, sources: 0 → 1")])
    with pytest.raises(SystemExit):
        list(run_alike(options, guard, PROGRESS))
    list(run_alike(replace(options, nights=1), guard, PROGRESS))
    assert guard.calls == [(1, None), (1, "run-1"), (1, None)]
    assert kept(options) == [("run-3", 1)]


def test_none_is_begun_beside_one_that_another_harness_is_measuring(options: AlikeOptions) -> None:
    guard = Guard(options.results, [KILLED])
    with pytest.raises(SystemExit):
        list(run_alike(options, guard, PROGRESS))
    with RunFolder(options.results / "run-1").held(), pytest.raises(UsageError, match="another harness"):
        list(run_alike(options, guard, PROGRESS))
    assert guard.calls == [(1, None)]


@pytest.mark.parametrize(
    "other",
    [
        lambda a: a.model_copy(update={"targets": ("rust-axum",)}),
        lambda a: a.model_copy(update={"scenario": "gate"}),
        lambda a: a.model_copy(update={"driver": "docker"}),
        lambda a: a.model_copy(update={"config": "/other.yaml"}),
    ],
)
def test_only_what_was_asked_for_in_the_same_words_is_gone_on_with(
    options: AlikeOptions, other: Callable[[NightAsked], NightAsked]
) -> None:
    guard = Guard(options.results, [KILLED])
    with pytest.raises(SystemExit):
        list(run_alike(options, guard, PROGRESS))
    list(run_alike(replace(options, nights=1, asked=other(ASKED)), guard, PROGRESS))
    assert guard.calls == [(1, None), (1, None)]


def test_without_time_left_no_further_night_is_begun(options: AlikeOptions) -> None:
    found: Sequence[JsonObject] = list(
        run_alike(replace(options, budget_s=0.0), Guard(options.results), PROGRESS)
    )
    assert len(found) == 1
