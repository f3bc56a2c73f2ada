"""A run that was cut off: what is left of it, what it knew, and when it must not be gone on with."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from report.made import FOUR, Making, make_run
from rich.console import Console

from harness.asked import Asked, absolute, asked_of
from harness.bench_setup import Resumption
from harness.errors import StoreError, UsageError
from harness.journal import Journal
from harness.model import Case, PlannedTrial, Scenario, TargetSpec
from harness.progress import Progress
from harness.resume import Attempts, capacities_of
from harness.sitting import Sitting, go_on
from harness.store import RunFolder, save_trial

TARGET = TargetSpec(name="go", label="Go", language="Go", payload="raw", reload=None, folder=Path("/x"))
MEMORY = Scenario.model_validate({"schema": 1, "name": "m", "question": "?", "kind": "memory"})
PLANNED = PlannedTrial(Case(TARGET, MEMORY), 1, 0, 1.0)


def trial(status: str, attempt: int = 1, **more: Any) -> dict[str, Any]:
    case = {"id": PLANNED.case.id, "scenario": "m", "target": "go"}
    return {"schema": 1, "case": case, "round": 1, "attempt": attempt, "status": status, **more}


# --- which trials are left ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statuses", "retry", "due"),
    [
        ([], False, 1),
        (["valid"], False, None),
        (["valid"], True, None),
        (["invalid"], False, 2),
        (["failed"], True, 2),
        (["invalid", "valid"], True, None),
        (["invalid", "failed"], False, None),
        (["invalid", "failed"], True, 3),
        (["invalid", "failed", "invalid"], False, None),
        (["invalid"] * 26, True, None),
    ],
)
def test_the_next_attempt_at_a_trial(statuses: list[str], retry: bool, due: int | None) -> None:
    saved = [trial(s, n) for n, s in enumerate(statuses, start=1)]
    assert Attempts(saved, retry=retry).due(PLANNED) == due


def test_a_trial_that_is_measured_again_on_request_is_repeated_once_as_ever() -> None:
    attempts = Attempts([trial("invalid", 1), trial("failed", 2)], retry=True)
    attempts.note(PLANNED, 3, "invalid")
    assert attempts.due(PLANNED) == 4
    attempts.note(PLANNED, 4, "invalid")
    assert attempts.due(PLANNED) is None


def test_capacities_are_those_of_the_last_search_that_was_exact() -> None:
    def searched(at: int, bound: str, found: float | None) -> dict[str, Any]:
        windows = [{"name": "capacity", "bound": bound, "capacity_rps": found}, {"name": "peak"}]
        return trial("valid", started_unix_ns=at, windows=windows)

    trials = [
        searched(4, "at least", 950.0),
        searched(3, "exact", 900.0),
        searched(2, "exact", 800.0),
        searched(1, "none", None),
        trial("failed", started_unix_ns=0),
    ]
    assert capacities_of(trials) == {("m", "go", "capacity"): 900.0}


# --- the folder of a run that was killed ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A whole run with its journal. Not to be changed."""
    targets = {name: FOUR[name] for name in ("go", "rust-axum")}
    wanted = Making(targets=targets, scenarios=("routing-4kb",), rounds=1, scale=0.12)
    run = make_run(tmp_path_factory.mktemp("resume"), wanted)
    Journal.of(run).note("begun", pid=1, boot_id="boot")
    return run


@pytest.fixture
def run(made: RunFolder, tmp_path: Path) -> RunFolder:
    return RunFolder(Path(shutil.copytree(made.path, tmp_path / made.run_id)))


def resumed(
    run: RunFolder, now: Any = None, boot_id: str = "boot", retry: bool = False
) -> tuple[Sitting, str]:
    out = io.StringIO()
    progress = Progress(Console(file=out, width=500))
    return go_on(Resumption(run, retry), now or run.read_run(), boot_id, progress), out.getvalue()


def cut_off(run: RunFolder, case: str, *, whole: bool) -> Path:
    """The trial as a kill leaves it: before it got its name, with or without its record."""
    final = run.trial_folder(case, 1)
    working = final.rename(final.with_name(".01.part"))
    if not whole:
        (working / "trial.json").unlink()
    return working


def test_a_trial_that_was_cut_off_is_told_of_and_nothing_of_it_is_kept(run: RunFolder) -> None:
    working = cut_off(run, "routing-4kb/go", whole=False)
    sitting, told = resumed(run)
    assert "routing-4kb/go/01 was cut off" in told
    assert not working.exists()
    assert [t["case"]["target"] for t in run.trials()] == ["rust-axum"]
    assert sitting.document["resumed"][0]["trials_kept"] == 1


def test_a_trial_that_was_whole_but_had_no_name_yet_is_kept(run: RunFolder) -> None:
    before = run.trials()
    cut_off(run, "routing-4kb/go", whole=True)
    _, told = resumed(run)
    assert run.trials() == before
    assert "cut off" not in told


def test_a_trial_that_the_disk_lost_with_the_power_is_told_of(run: RunFolder) -> None:
    journal = Journal.of(run)
    for found in run.trials():
        journal.note("trial ended", folder=found["folder"])
    shutil.rmtree(run.trial_folder("routing-4kb/go", 1))
    _, told = resumed(run)
    assert "trials/routing-4kb/go/01 was cut off" in told


def test_a_torn_journal_is_read_up_to_there_and_told_of(run: RunFolder) -> None:
    path = run.path / "journal.jsonl"
    path.write_bytes(path.read_bytes() + b'{"schema": 1, "eve')
    _, told = resumed(run)
    assert "line 2 is torn" in told
    events = [e["event"] for e in Journal.of(run).ledger.read().entries]
    assert events == ["begun", "resumed"]


def test_what_the_run_has_learnt_is_known_again(run: RunFolder) -> None:
    sitting, _ = resumed(run)
    found = {t["case"]["target"]: t["windows"][-1]["capacity_rps"] for t in run.trials()}
    key = {target: ("routing-4kb", target, "capacity") for target in found}
    known = {target: sitting.capacities[key[target]] for target in found}
    assert all(rate_rps > 0 for rate_rps in known.values())
    assert len(known) == 2


def test_the_calibration_is_kept_unless_the_machine_was_started_anew(run: RunFolder) -> None:
    document = run.read_run()
    document["calibration"] = {"bouts": [1], "notes": ["a goal was missed"]}
    document["notes"] = ["a goal was missed", "another note"]
    run.write_run(document)
    sitting, _ = resumed(run)
    assert sitting.is_calibrated
    sitting, _ = resumed(run, boot_id="another boot")
    assert not sitting.is_calibrated
    assert sitting.document["earlier_calibrations"] == [document["calibration"]]
    assert "a goal was missed" not in sitting.document["notes"]
    assert "another note" in sitting.document["notes"]
    assert "restarted" in sitting.document["notes"][-1]


def change(document: Any, *place: str, to: Any) -> Any:
    changed = json.loads(json.dumps(document))
    part = changed
    for name in place[:-1]:
        part = part[name]
    part[place[-1]] = to
    return changed


@pytest.mark.parametrize(
    ("place", "to", "words"),
    [
        (
            ("targets", "go", "content_hash"),
            "abc",
            "targets, go, sources (content hash): 0123456789abcdef → abc",
        ),
        (("targets", "go", "image_digest"), "sha256:1", "image digest: none → sha256:1"),
        (("harness", "version"), "9", "harness, version: 0.1.0 → 9"),
        (("harness", "content_hash"), "0", "harness, sources (content hash): fedcba9876543210 → 0"),
        (("seed",), 8, "seed: 7 → 8"),
        (("scenarios", "routing-4kb", "timeout"), 3.0, "scenarios, routing-4kb, timeout: 10.0 → 3.0"),
        (("placement", "target_cpus"), [3], "placement, target_cpus: [1] → [3]"),
        (("manifest", "kernel"), "7.0", "machine, kernel"),
        (("manifest", "python"), "4.0", "software, python"),
    ],
)
def test_a_run_is_not_gone_on_with_when_anything_else_would_be_measured(
    run: RunFolder, place: tuple[str, ...], to: Any, words: str
) -> None:
    now = change(run.read_run(), *place, to=to)
    before = sorted(p.name for p in run.path.iterdir())
    with pytest.raises(UsageError) as refused:
        resumed(run, now)
    assert words in str(refused.value)
    assert sorted(p.name for p in run.path.iterdir()) == before


def test_another_order_of_the_same_trials_is_refused(run: RunFolder) -> None:
    document = run.read_run()
    with pytest.raises(UsageError, match="order of the trials"):
        resumed(run, change(document, "order", to=document["order"][::-1]))


def test_a_run_without_a_journal_is_refused(run: RunFolder) -> None:
    (run.path / "journal.jsonl").unlink()
    with pytest.raises(StoreError, match="start a new run"):
        resumed(run)


def test_only_one_harness_at_a_time_works_on_a_run(run: RunFolder) -> None:
    code = (
        "import sys, time; from pathlib import Path; from harness.store import RunFolder\n"
        "with RunFolder(Path(sys.argv[1])).held(): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(run.path)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(UsageError, match="another harness"), run.held():
            pass
        other.kill()
    with run.held():  # a killed one holds nothing
        pass


def test_a_trial_is_named_only_when_the_disk_has_all_of_it(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        order.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    with run.new_trial("s/go", 1) as folder:
        (folder / "samples.csv").write_text("x", encoding="utf-8")
        save_trial(folder, {"schema": 1})
    assert order.index("samples.csv") < next(i for i, n in enumerate(order) if "trial.json" in n)
    assert order[-1] == "go"


# --- what was asked for ---------------------------------------------------------------------------------------


def test_options_given_again_must_be_those_of_the_run() -> None:
    asked = Asked(scenarios=("smoke",), targets=("go",), rounds=3)
    asked.insist({})
    asked.insist({"rounds": 3, "targets": ("go",)})
    with pytest.raises(UsageError) as refused:
        asked.insist({"rounds": 5, "targets": ("go", "rust-axum"), "seed": 1, "url": "http://x"})
    assert "--rounds was 3, now 5" in str(refused.value)
    assert "--target was go, now go rust-axum" in str(refused.value)
    assert "--url was not given, now http://x" in str(refused.value)
    assert "--seed" not in str(refused.value)


def test_files_are_kept_as_absolute_paths_and_names_as_they_are() -> None:
    assert absolute("routing-4kb") == "routing-4kb"
    assert absolute("go+pgo") == "go+pgo"
    assert absolute("mine.yaml") == str(Path.cwd() / "mine.yaml")
    assert absolute("their/target") == str(Path.cwd() / "their" / "target")


def test_what_was_asked_for_is_read_back_from_the_run(run: RunFolder) -> None:
    assert asked_of(run.read_run(), Asked) == Asked()
    with pytest.raises(StoreError, match="start a new one"):
        asked_of({}, Asked)
