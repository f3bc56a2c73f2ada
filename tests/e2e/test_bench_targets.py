"""`make bench-targets`: a target that cannot be built ends nothing, and an idle core is told."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from harness.bench_targets import Contender, show
from harness.catalogue import ROOT

IN_CONTAINERS_ONLY = """
schema: 1
name: boxed
label: Boxed
language: C
contract: 1
payload: raw
docker: {image: boxed}
"""


@pytest.fixture
def boxed(tmp_path: Path) -> Path:
    folder = tmp_path / "boxed"
    folder.mkdir()
    (folder / "target.yaml").write_text(IN_CONTAINERS_ONLY, encoding="utf-8")
    return folder


def bench_targets(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not here")
    return subprocess.run(
        [sys.executable, "-m", "harness.bench_targets", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_target_that_cannot_be_built_is_skipped(boxed: Path, tmp_path: Path) -> None:
    short = ("--windows", "1", "--window-s", "1", "--warmup-s", "1")
    done = bench_targets("--target", "go", "--target", str(boxed), *short, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert "boxed is skipped: target boxed has no `process` section" in done.stderr
    assert "boxed was asked for but could not be built" in done.stderr
    (row,) = (line for line in done.stdout.splitlines() if line.startswith("go "))
    assert 0 < float(row.split()[1]) < 2


def test_where_none_can_be_built_the_reasons_are_told(boxed: Path, tmp_path: Path) -> None:
    done = bench_targets("--target", str(boxed), cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "no target can be built here:\n  boxed: target boxed has no `process`" in done.stderr


def test_windows_in_which_the_target_had_time_left_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    nobody = cast(Any, None)
    busy, idle = (
        Contender(nobody, Path("x"), nobody, [0.5, 0.5], [9_000.0, 9_000.0], shares)
        for shares in ([1.0, 0.91], [0.95, 0.6])
    )
    show({"go": busy, "rust-axum": idle})
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("generator-bound")]
    assert len(told) == 1
    assert "rust-axum used less than 90 % of its core in 1 of 2 windows" in told[0]
