"""A bench that is killed at any moment is gone on with: same run, same order, at most the trial under way lost."""

from __future__ import annotations

import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from cut_off import (
    begun_and_ended,
    complaints,
    killed_again_and_again,
    trials_on_disk,
    write_rules,
    write_scenario,
)
from rig import Harness, left_of, read_json

from harness.catalogue import ROOT
from harness.store import write_json

Start = Callable[..., Harness]


def bench(folder: Path, rounds: int) -> tuple[str, ...]:
    """A bench of few and short trials."""
    how = ("--driver", "process", "--target", "go", "--quick", "--rounds", str(rounds))
    return ("bench", str(write_scenario(folder)), *how)


def test_a_run_killed_at_random_moments_comes_to_its_end_and_loses_at_most_what_was_under_way(
    start: Start, tmp_path: Path
) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    kills, harness = killed_again_and_again(start, bench(tmp_path, 4), 3, 3, random.Random(seed))
    assert len(kills) == 3, harness.output
    assert complaints(kills, harness) == [], f"seed {seed}"
    assert "resumed" in read_json(harness.run_folder() / "run.json")
    assert "sittings" in (harness.run_folder() / "report.html").read_text(encoding="utf-8")


def test_an_interrupted_run_is_gone_on_with_under_its_name_and_not_with_other_options(
    start: Start, tmp_path: Path
) -> None:
    harness = start(*bench(tmp_path, 2), "--seed", "5", "--out", "mine")
    harness.results = harness.results.with_name("mine")
    harness.await_text("results in")
    harness.await_condition(lambda: bool(trials_on_disk(harness.run_folder())), "first trial")
    assert harness.end(signal.SIGINT) == 130
    run = harness.run_folder()
    assert f"--resume mine/{run.name}" in harness.output
    before = trials_on_disk(run)

    other = start("bench", "--resume", run.name, "--out", "mine", "--seed", "6")
    assert other.exit_code() == 2
    assert "--seed was 5, now 6" in other.output
    assert read_json(run / "outcome.json")["exit_code"] == 2
    assert not other.results.exists()  # its end is told in the folder of --out, and nowhere else

    again = start("bench", "--resume", f"mine/{run.name}", "--seed", "5")
    assert again.exit_code() in (0, 3), again.output
    assert before.items() <= trials_on_disk(run).items()
    document = read_json(run / "run.json")
    assert (document["status"], document["seed"], len(document["resumed"])) == ("complete", 5, 1)
    assert left_of(run.name) == []

    whole = trials_on_disk(run)
    last = start("bench", "--resume", f"mine/{run.name}")
    assert last.exit_code() == again.process.returncode, last.output
    assert trials_on_disk(run) == whole


def give_up(first: Path) -> None:
    """As if the trial and its repetition had failed."""
    second = first.with_name("01b")
    if not second.exists():
        shutil.copytree(first, second)
    for attempt, folder in enumerate((first, second), start=1):
        record = read_json(folder / "trial.json")
        write_json(folder / "trial.json", record | {"attempt": attempt, "status": "failed", "reasons": ["?"]})


def test_trials_that_failed_are_measured_again_on_request(start: Start, tmp_path: Path) -> None:
    harness = start(*bench(tmp_path, 1))
    assert harness.exit_code() in (0, 3), harness.output
    run = harness.run_folder()
    first = run / "trials" / "short" / "go" / "01"
    give_up(first)
    plain = start("bench", "--resume", str(run))
    assert plain.exit_code() == 3, plain.output
    again = start("bench", "--resume", str(run), "--retry-failed")
    assert again.exit_code() in (0, 3), again.output
    assert read_json(first.with_name("01c") / "trial.json")["attempt"] == 3


def test_retry_without_a_run_is_wrong_use(start: Start) -> None:
    harness = start("bench", "--retry-failed")
    assert harness.exit_code() == 2
    assert "--resume RUN" in harness.output


RUN = 'run: ["{build}/service"]'
SLOW_RUN = 'run: ["/bin/sh", "-c", "sleep 1; exec \'{build}/service\'"]'


def test_a_night_of_the_guard_that_is_killed_is_gone_on_with_and_finds_what_is_slower(
    start: Start, tmp_path: Path
) -> None:
    slow = tmp_path / "slow" / "targets" / "go"
    shutil.copytree(ROOT / "targets" / "go", slow)
    spec = (slow / "target.yaml").read_text(encoding="utf-8")
    assert RUN in spec
    (slow / "target.yaml").write_text(spec.replace(RUN, SLOW_RUN), encoding="utf-8")
    which = ("--base", "HEAD", "--head", str(tmp_path / "slow"), "--target", "go")
    harness = start("gate", *which, "--driver", "process", "--config", str(write_rules(tmp_path)))
    harness.await_condition(harness.results.exists, "folder of results")
    harness.await_condition(lambda: len(trials_on_disk(harness.run_folder())) >= 3, "third trial")
    harness.await_condition(harness.working_on(""), "a further trial")
    run = harness.run_folder()

    beside = start("gate", "--resume", str(run))
    assert beside.exit_code() == 2
    assert "measured by another harness" in beside.output

    harness.process.kill()
    harness.process.wait()
    assert left_of(run.name) == []
    before = trials_on_disk(run)

    other = start("gate", "--resume", str(run), "--seed", "6")
    assert other.exit_code() == 2, other.output
    assert "--seed was 1, now 6" in other.output

    again = start("gate", "--resume", str(run))
    again.await_condition(lambda: len(trials_on_disk(run)) > len(before), "a further trial")
    again.await_condition(harness.working_on(""), "a trial under way")
    assert again.end(signal.SIGINT) == 130, again.output
    assert f"harness gate --resume {run}" in again.output
    between = trials_on_disk(run)
    assert before.items() <= between.items()

    last = start("gate", "--resume", str(run))
    assert last.exit_code() == 1, last.output
    assert "regression" in last.output
    assert between.items() <= trials_on_disk(run).items()
    begun, ended = begun_and_ended(run)
    assert (begun - ended).total() <= 2, "each time at most the trial under way is measured again"
    assert max(ended.values()) == 1
    night = read_json(run / "gate.json")
    assert (night["rounds"], night["verdict"], len(night["targets"][0]["metrics"][0]["further"])) == (
        4,
        "regression",
        1,
    )
    kept = [s["trials_kept"] for s in read_json(run / "run.json")["resumed"]]
    assert kept == [len(before), len(between)]

    whole = trials_on_disk(run)
    once_more = start("gate", "--resume", str(run))
    assert once_more.exit_code() == 1, once_more.output
    assert trials_on_disk(run) == whole
    assert "not added to the history" in once_more.output
    assert not (harness.results / "history").exists(), "head was another directory"
