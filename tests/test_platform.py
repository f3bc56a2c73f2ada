"""Where this harness does not run it says so in one line, before anything is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.catalogue import ROOT

_AS_MACOS = """
import os, platform, sys, urllib.request
import harness.compose, harness.doctor
from harness.cli import main
sys.platform = "darwin"
platform.system, platform.machine = (lambda: "Darwin"), (lambda: "arm64")
del os.sched_getaffinity
sys.exit(main())
"""


@pytest.mark.parametrize("system", ["Darwin arm64", "Linux armv7l", "FreeBSD amd64"])
def test_make_names_the_system_that_is_wrong(tmp_path: Path, system: str) -> None:
    uname = tmp_path / "uname"
    uname.write_text(f"#!/bin/sh\necho {system}\n")
    uname.chmod(0o755)
    made = subprocess.run(
        ["make", "--file", str(ROOT / "Makefile"), "bench", "PYTHON="],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 2
    assert f"measures on Linux (x86-64 or arm64); this is {system}." in made.stderr
    assert not (tmp_path / ".venv").exists()


def test_make_finds_cargo_where_rustup_puts_it(tmp_path: Path) -> None:
    make = shutil.which("make")
    assert make
    cargo = tmp_path / ".cargo" / "bin" / "cargo"
    cargo.parent.mkdir(parents=True)
    cargo.write_text('#!/bin/sh\necho "cargo $1 into $CARGO_TARGET_DIR"\n')
    cargo.chmod(0o755)
    made = subprocess.run(
        [make, "--file", str(ROOT / "Makefile"), "worker"],
        cwd=tmp_path,
        env={"PATH": str(tmp_path / "empty"), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (made.returncode, made.stdout) == (0, f"cargo build into {tmp_path}/.build/worker\n"), made.stderr


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        (["doctor"], 0, "measure on Linux (x86-64 or arm64)"),
        (["bench", "smoke", "--url", "http://127.0.0.1:9"], 4, "measuring needs Linux (x86-64 or arm64)"),
    ],
)
def test_a_command_off_linux_says_so_in_one_line(
    tmp_path: Path, command: list[str], code: int, message: str
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _AS_MACOS, *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    said = ended.stdout + ended.stderr
    assert (ended.returncode, message in said) == (code, True), said
    assert "Traceback" not in said and "fault of the harness" not in said
