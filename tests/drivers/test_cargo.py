"""Cargo is found where rustup puts it, too."""

from pathlib import Path

import pytest

from harness.drivers.cargo import find_cargo


@pytest.mark.parametrize("place", ["on-path", "home/.cargo/bin"])
def test_cargo_is_found_on_the_path_and_at_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "on-path"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert find_cargo() is None
    program = tmp_path / place / "cargo"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    assert find_cargo() == str(program)
