"""Going on with a night: only with one that is not complete, and only as it was begun."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gate.made import night, noise
from report.made import made_tools
from rich.console import Console

from harness.asked import NightAsked
from harness.catalogue import find_scenario, find_target, read_gate_file
from harness.cli.night import begun_night
from harness.drivers.base import Artifact
from harness.errors import ExitCode, StoreError, TooNoisy, UsageError
from harness.gate.document import Built, run_document
from harness.gate.model import Night
from harness.gate.resume import take_up
from harness.gate.session import GateOptions, run_gate
from harness.journal import Journal
from harness.model import JsonObject
from harness.progress import Progress
from harness.store import RunFolder, write_json

QUIET = Progress(Console(quiet=True))
ASKED = NightAsked(base="main", seed=7, targets=("go",), config="/rules.yaml")


def document(made: Night, **changed: Any) -> JsonObject:
    """run.json of a night of Go against itself."""
    artifacts = {"go": Artifact(find_target("go"), "hash")}
    given = made_tools(**changed)
    built = Built(
        created_unix_ns=5,
        asked=ASKED,
        command=["harness", "gate"],
        tools=given,
        manifest=given.manifest({}),
        scenario=find_scenario("gate"),
        bases=artifacts,
        heads=artifacts,
    )
    return run_document(made, built, "running")


@pytest.fixture
def cut_off(tmp_path: Path) -> RunFolder:
    """A night with one trial on disk, and one that was under way."""
    run = RunFolder(tmp_path / "night")
    run.write_run(document(night()))
    journal = Journal.of(run)
    journal.note("begun", pid=1, boot_id=None)
    case = {"id": "gate/go~base", "scenario": "gate", "target": "go~base"}
    with run.new_trial("gate/go~base", 1) as folder:
        record = {"case": case, "round": 1, "attempt": 1, "status": "valid"}
        write_json(
            folder / "trial.json",
            {"schema": 1, **record, "started_unix_ns": 0, "ended_unix_ns": 7_000_000_000},
        )
    (run.path / "trials" / "gate" / "go~head" / ".01.part").mkdir(parents=True)
    journal.note("cut short", round=5)
    journal.note("confirmation cut short", round=7)
    return run


def test_what_is_whole_is_kept_and_what_was_under_way_is_not(cut_off: RunFolder) -> None:
    then = cut_off.read_run()
    earlier = take_up(cut_off, then, document(night()), 9, QUIET)
    assert list(earlier.trials) == [("gate/go~base", 1, 1)]
    assert (earlier.used_s, earlier.cut_after, earlier.has_begun(1), earlier.has_begun(2)) == (
        7.0,
        5,
        True,
        False,
    )
    assert earlier.confirmed_until == 7
    assert earlier.sittings == ({"unix_ns": 9, "trials_kept": 1, "cut_off": ["gate/go~head/01"]},)
    again = take_up(cut_off, {**then, "resumed": list(earlier.sittings)}, document(night()), 10, QUIET)
    assert [s["unix_ns"] for s in again.sittings] == [9, 10]


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (document(night(seed=8)), "seed: 7 → 8"),
        (document(replace(night(), rules=replace(night().rules, looks=(4,)))), "rules, looks"),
        (document(replace(night(), metrics=night().metrics[:1])), "gated"),
        (document(replace(night(), head=replace(night().head, revision="f" * 40))), "head, revision"),
        (document(night(), harness_hash="1"), "harness, sources"),
        ({**document(night()), "driver": "docker"}, "driver: process → docker"),
    ],
)
def test_a_night_is_gone_on_with_as_it_was_begun(cut_off: RunFolder, now: JsonObject, said: str) -> None:
    before = json.dumps(cut_off.read_run())
    with pytest.raises(UsageError, match=said):
        take_up(cut_off, cut_off.read_run(), now, 9, QUIET)
    assert json.dumps(cut_off.read_run()) == before
    assert (cut_off.path / "trials" / "gate" / "go~head" / ".01.part").is_dir()


def test_a_trial_that_the_disk_lost_with_the_power_is_told_of(cut_off: RunFolder) -> None:
    Journal.of(cut_off).note("trial ended", folder="trials/gate/go~base/02")
    earlier = take_up(cut_off, cut_off.read_run(), document(night()), 9, QUIET)
    assert earlier.sittings[0]["cut_off"] == ["gate/go~head/01", "trials/gate/go~base/02"]


def test_a_night_is_gone_on_with_by_what_it_was_asked_for_and_by_nothing_else(cut_off: RunFolder) -> None:
    asked, then = begun_night(cut_off, {"seed": 7})
    assert (asked, then["status"]) == (ASKED.model_copy(update={"driver": "process"}), "running")
    with pytest.raises(UsageError, match="--base was main, now v1"):
        begun_night(cut_off, {"base": "v1"})
    cut_off.write_run({k: v for k, v in cut_off.read_run().items() if k != "asked"})
    with pytest.raises(UsageError, match="of a self-test, or of an older version"):
        begun_night(cut_off, {})
    cut_off.write_run({**cut_off.read_run(), "kind": "bench"})
    with pytest.raises(UsageError, match="harness bench --resume night"):
        begun_night(cut_off, {})


def options(tmp_path: Path, resume: RunFolder | None) -> GateOptions:
    return GateOptions(
        file=read_gate_file(),
        scenario=find_scenario("gate"),
        base=night().base,
        head=night().head,
        base_targets=(),
        head_targets=(),
        budget_s=1.0,
        seed=7,
        probe_s=1.0,
        asked=ASKED,
        results=tmp_path,
        workspace=tmp_path,
        resume=resume,
    )


def test_on_a_machine_that_is_too_noisy_a_night_ends_untold_and_one_gone_on_with_is_left_as_it_is(
    cut_off: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.gate.session.measure_noise", lambda *_: noise(steal_ratio=0.5))
    before = {p: p.read_bytes() for p in cut_off.path.rglob("*") if p.is_file()}
    with pytest.raises(TooNoisy, match="not gone on with now") as refused:
        run_gate(options(tmp_path, cut_off), made_tools(), QUIET)
    assert refused.value.exit_code == ExitCode.TOO_FEW_TRIALS
    assert {p: p.read_bytes() for p in cut_off.path.rglob("*") if p.is_file()} == before
    _, made = run_gate(options(tmp_path, None), made_tools(), QUIET)
    assert (made["verdict"], made["exit_code"]) == ("cannot tell", 3)


def test_a_night_under_way_is_not_gone_on_with(cut_off: RunFolder, tmp_path: Path) -> None:
    with cut_off.held(), pytest.raises(UsageError, match="by another harness"):
        run_gate(options(tmp_path, cut_off), made_tools(), QUIET)


def test_a_folder_without_a_journal_is_told(cut_off: RunFolder) -> None:
    (cut_off.path / "journal.jsonl").unlink()
    with pytest.raises(StoreError, match="does not say how the run was begun"):
        take_up(cut_off, cut_off.read_run(), document(night()), 9, QUIET)
