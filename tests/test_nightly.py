"""The nightly workflow: it calls what is there, and tells the outcomes apart."""

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

WORKFLOW = ROOT / ".github" / "workflows" / "nightly.yml"


def steps() -> list[dict[str, Any]]:
    document = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = document["jobs"]["guard"]["steps"]
    return found


def test_every_make_target_and_script_of_the_workflow_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = "\n".join(s.get("run", "") for s in steps())
    assert re.findall(r"^make ([a-z-]+)", commands, re.MULTILINE) == ["nightly"]
    assert re.search(r"^nightly:", makefile, re.MULTILINE)
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
