"""The workflows call what is there; the nightly one tells the outcomes apart."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.catalogue import ROOT


def commands_of(name: str) -> list[str]:
    """What the steps of a workflow's only job run."""
    text = (ROOT / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8")
    (job,) = yaml.safe_load(text)["jobs"].values()
    return [str(step["run"]) for step in job["steps"] if "run" in step]


def made_by(commands: str) -> list[str]:
    """Targets of the Makefile that are called; each must be there."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = re.findall(r"^make ([a-z-]+)", commands, re.MULTILINE)
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in named)
    return named


def test_ci_runs_nothing_but_make() -> None:
    commands = commands_of("ci")
    assert len(made_by("\n".join(commands))) == len(commands) > 0
    assert not [c for c in commands if re.search(r"[;&|\n]", c)]


def test_every_make_target_and_script_of_the_nightly_workflow_is_there() -> None:
    commands = "\n".join(commands_of("nightly"))
    assert made_by(commands) == ["nightly", "trend"]
    scripts = re.findall(r"ci/[\w.]+", commands)
    assert scripts
    assert all((ROOT / s).is_file() for s in scripts)


def outcome(path: Path) -> dict[str, str]:
    script = ROOT / "ci" / "outcome.py"
    done = subprocess.run([sys.executable, script, path], capture_output=True, text=True, check=True)
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


@pytest.mark.parametrize("code", [0, 1, 3, 4])
def test_the_outcome_is_read_from_its_file(tmp_path: Path, code: int) -> None:
    path = tmp_path / "outcome.json"
    reasons = ['go: more `x` "y"\n+5 %'] if code else []
    path.write_text(json.dumps({"exit_code": code, "meaning": "done", "reasons": reasons}), encoding="utf-8")
    told = outcome(path)
    assert told["code"] == str(code)
    assert told["reason"] == ('go: more `x` "y" +5 %' if code else "done")


@pytest.mark.parametrize("text", [None, "", "{}", "{"])
def test_without_an_outcome_it_is_infrastructure(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "outcome.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    assert outcome(path)["code"] == "4"


def step_named(name: str) -> dict[str, Any]:
    """A step of the nightly workflow."""
    text = (ROOT / ".github" / "workflows" / "nightly.yml").read_text(encoding="utf-8")
    (found,) = [s for s in yaml.safe_load(text)["jobs"]["guard"]["steps"] if s.get("name") == name]
    return dict(found)


def nightly_step(name: str) -> str:
    """What it runs."""
    return str(step_named(name)["run"])


@pytest.mark.parametrize("earlier", ["a run", "an outcome without a run", "nothing"])
def test_a_guard_that_dies_before_it_has_a_run_is_not_told_by_the_night_before(
    tmp_path: Path, earlier: str
) -> None:
    (tmp_path / "results").mkdir()
    latest = tmp_path / "results" / "latest"
    before = tmp_path / "results" / "night" if earlier == "a run" else latest
    if earlier != "nothing":
        before.mkdir()
        (before / "outcome.json").write_text('{"exit_code": 0, "meaning": "done", "reasons": []}')
    if earlier == "a run":
        latest.symlink_to("night")
    run_guard(tmp_path, base="")
    assert outcome(latest / "outcome.json")["code"] == "4"
    assert (before / "outcome.json").is_file() is (earlier == "a run")


def run_guard(folder: Path, base: str) -> str:
    """The arguments that make is given, of a make that fails at once."""
    make = folder / "bin" / "make"
    make.parent.mkdir(exist_ok=True)
    make.write_text('#!/bin/sh\nprintf "%s|" "$@" > arguments\nexit 2\n')
    make.chmod(0o755)
    done = subprocess.run(
        ["bash", "-e", "-c", nightly_step("the guard")],
        cwd=folder,
        env={"PATH": f"{make.parent}:/usr/bin:/bin", "BASE": base},
        check=False,
    )
    assert done.returncode == 2
    return (folder / "arguments").read_text()


@pytest.mark.parametrize(
    ("base", "given"), [("", "nightly|BASE=|ARGS=--advance|"), ("v1", "nightly|BASE=v1|ARGS=|")]
)
def test_a_night_against_a_chosen_base_accepts_nothing(tmp_path: Path, base: str, given: str) -> None:
    assert run_guard(tmp_path, base) == given


def test_the_report_is_of_this_night_alone_and_the_verdict_does_not_hang_on_the_push() -> None:
    paths = step_named("report")["with"]["path"].split()
    assert paths == ["results/latest/*.*", "results/history/*.jsonl", "results/*.html"]
    assert step_named("the accepted revision moves on")["continue-on-error"] is True
    assert step_named("verdict")["if"] == "always()"


def test_each_attempt_at_a_night_keeps_a_history_of_its_own() -> None:
    text = (ROOT / ".github" / "workflows" / "nightly.yml").read_text(encoding="utf-8")
    keys = re.findall(r'key: "(.*?)"', text)
    assert len(keys) == 2
    assert all("github.run_id" in key and "github.run_attempt" in key for key in keys)


@pytest.mark.parametrize(
    ("code", "ends", "said"),
    [
        (0, 0, ""),
        (1, 1, "::error::more"),
        (2, 1, "::error::more"),
        (3, 0, "::warning::more"),
        (4, 1, "::error::more"),
    ],
)
def test_a_regression_fails_the_job_and_an_untold_night_warns(code: int, ends: int, said: str) -> None:
    environment = {"PATH": "/usr/bin:/bin", "CODE": str(code), "REASON": "more"}
    done = subprocess.run(
        ["bash", "-e", "-c", nightly_step("verdict")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (ends, said)


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@localhost")
    done = subprocess.run(
        ["git", "-C", folder, *identity, *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkouts(tmp_path: Path) -> tuple[Path, Path, Path]:
    """(origin, the night's clone, in which a night accepted a revision and left another change, somebody's clone)."""
    origin, clone, other = tmp_path / "origin", tmp_path / "clone", tmp_path / "other"
    subprocess.run(["git", "init", "-q", "--bare", origin], check=True)
    subprocess.run(["git", "clone", "-q", origin, clone], check=True, capture_output=True)
    (clone / "gate.yaml").write_text("accepted: null\n")
    (clone / "other").write_text("as it was\n")
    git(clone, "add", ".")
    git(clone, "commit", "-qm", "first")
    git(clone, "push", "-q")
    subprocess.run(["git", "clone", "-q", origin, other], check=True, capture_output=True)
    (clone / "gate.yaml").write_text('accepted: {revision: "0123456"}\n')
    (clone / "other").write_text("changed by the run\n")
    return origin, clone, other


def move_on(clone: Path) -> subprocess.CompletedProcess[str]:
    step = nightly_step("the accepted revision moves on")
    return subprocess.run(["bash", "-e", "-c", step], cwd=clone, capture_output=True, text=True, check=False)


def push(clone: Path, name: str, text: str) -> None:
    (clone / name).write_text(text)
    git(clone, "add", ".")
    git(clone, "commit", "-qm", "meanwhile")
    git(clone, "push", "-q")


def test_the_accepted_revision_moves_on_once_and_only_where_it_changed(
    checkouts: tuple[Path, Path, Path],
) -> None:
    origin, clone, _ = checkouts
    for _ in range(2):
        assert move_on(clone).returncode == 0
    assert git(origin, "rev-list", "--count", "HEAD") == "2"
    assert git(origin, "show", "--name-only", "--format=", "HEAD") == "gate.yaml"
    assert "0123456" in git(origin, "show", "HEAD:gate.yaml")


def test_the_accepted_revision_moves_on_upon_a_branch_that_moved_meanwhile(
    checkouts: tuple[Path, Path, Path],
) -> None:
    origin, clone, other = checkouts
    push(other, "new", "somebody's\n")
    assert move_on(clone).returncode == 0
    assert git(origin, "rev-list", "--count", "HEAD") == "3"
    assert "0123456" in git(origin, "show", "HEAD:gate.yaml")
    assert (clone / "other").read_text() == "changed by the run\n"


def test_where_it_cannot_move_on_it_says_so_and_leaves_no_rebase_behind(
    checkouts: tuple[Path, Path, Path],
) -> None:
    origin, clone, other = checkouts
    push(other, "gate.yaml", 'accepted: {revision: "fedcba9"}\n')
    done = move_on(clone)
    assert done.returncode == 1
    assert "::warning::the accepted revision could not be pushed" in done.stdout
    assert not (clone / ".git" / "rebase-merge").exists()
    assert "fedcba9" in git(origin, "show", "HEAD:gate.yaml")
