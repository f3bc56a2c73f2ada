"""The doctor says how much a first build fetches, and nothing about what was built already."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.doctor import Finding, examine
from harness.model import TargetFile


def target(name: str, download: str, command: str = "sh") -> TargetFile:
    return TargetFile.model_validate(
        {
            "schema": 1,
            "name": name,
            "label": name,
            "language": "C",
            "contract": 1,
            "payload": "raw",
            "download": download,
            "process": {"run": ["{sh}"]},
            "toolchain": [{"command": command, "version": ["-c", "echo 1"], "install": "it cannot be had"}],
        }
    )


def downloads(targets: list[TargetFile], root: Path) -> str:
    for one in targets:
        (root / "targets" / one.name).mkdir(parents=True, exist_ok=True)
    found: list[Finding] = [f for f in examine(targets, {}, root) if f.subject == "downloads"]
    assert len(found) == 1
    return found[0].text


@pytest.fixture
def no_cargo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/bin")
    monkeypatch.setattr("harness.doctor.find_cargo", lambda: None)


@pytest.mark.usefixtures("no_cargo")
def test_only_what_can_be_built_here_is_counted(tmp_path: Path) -> None:
    text = downloads([target("a", "20MB"), target("b", "5MB"), target("c", "900MB", "no-such")], tmp_path)
    assert "about 25 MB" in text
    assert "(a 20, b 5)" in text


@pytest.mark.usefixtures("no_cargo")
def test_how_to_get_what_is_missing_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "targets" / "c").mkdir(parents=True)
    lacking = next(f for f in examine([target("c", "1MB", "no-such")], {}, tmp_path) if f.state == "missing")
    assert (lacking.text, lacking.advice) == ("no-such is missing", "it cannot be had")


@pytest.mark.usefixtures("no_cargo")
def test_what_was_built_before_is_not_counted(tmp_path: Path) -> None:
    (tmp_path / ".build" / "a").mkdir(parents=True)
    (tmp_path / ".build" / "a" / "0123.json").write_text("{}")
    assert "about 5 MB" in downloads([target("a", "20MB"), target("b", "5MB")], tmp_path)
    assert downloads([target("a", "20MB")], tmp_path).startswith("none")
