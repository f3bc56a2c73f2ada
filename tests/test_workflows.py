"""The workflows call what is there; the nightly one tells the outcomes apart."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

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


def nightly_step(name: str) -> str:
    """What a step of the nightly workflow runs."""
    text = (ROOT / ".github" / "workflows" / "nightly.yml").read_text(encoding="utf-8")
    (found,) = [s for s in yaml.safe_load(text)["jobs"]["guard"]["steps"] if s.get("name") == name]
    return str(found["run"])


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


def test_the_accepted_revision_moves_on_once_and_only_where_it_changed(tmp_path: Path) -> None:
    origin, clone = tmp_path / "origin", tmp_path / "clone"

    def git(*words: str, at: Path = clone) -> str:
        identity = ("-c", "user.name=t", "-c", "user.email=t@localhost")
        done = subprocess.run(
            ["git", "-C", at, *identity, *words], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    subprocess.run(["git", "init", "-q", "--bare", origin], check=True)
    subprocess.run(["git", "clone", "-q", origin, clone], check=True, capture_output=True)
    rules, other = clone / "gate.yaml", clone / "other"
    rules.write_text("accepted: null\n")
    other.write_text("as it was\n")
    git("add", ".")
    git("commit", "-qm", "first")
    git("push", "-q")
    rules.write_text('accepted: {revision: "0123456"}\n')
    other.write_text("changed by the run\n")
    for _ in range(2):
        subprocess.run(
            ["bash", "-e", "-c", nightly_step("the accepted revision moves on")],
            cwd=clone,
            capture_output=True,
            check=True,
        )
    assert git("rev-list", "--count", "HEAD", at=origin) == "2"
    assert git("show", "--name-only", "--format=", "HEAD", at=origin) == "gate.yaml"
    assert "0123456" in git("show", "HEAD:gate.yaml", at=origin)
