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
