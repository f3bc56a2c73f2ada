"""The handicapped copy of the target: the same sources, one call more."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.catalogue import ROOT
from harness.selftest.handicaps import TOGETHER, TWIN
from harness.selftest.target import side, write_target


def test_the_copy_differs_in_one_line_and_one_file(tmp_path: Path) -> None:
    target = write_target(tmp_path / "copy")
    own = ROOT / "targets" / target.name
    changed = [
        p.name
        for p in target.folder.iterdir()
        if not (own / p.name).is_file() or p.read_bytes() != (own / p.name).read_bytes()
    ]
    assert sorted(changed) == ["handicap.go", "main.go"]
    ours, theirs = ((f / "main.go").read_text().splitlines() for f in (target.folder, own))
    assert sum(a != b for a, b in zip(ours, theirs, strict=True)) == 1


def test_both_sides_are_one_build_and_only_a_burdened_head_asks_for_a_handicap(tmp_path: Path) -> None:
    target = write_target(tmp_path / "copy")
    base, head = (side(target, TOGETHER, head=h) for h in (False, True))
    assert base.id == head.id
    assert base.process == head.process
    assert head.environment.items() > base.environment.items()
    assert side(target, TWIN, head=True) == side(target, TWIN, head=False)


def test_the_handicaps_are_written_as_go_is() -> None:
    gofmt = shutil.which("gofmt")
    if gofmt is None:
        pytest.skip("no gofmt here")
    source = ROOT / "harness" / "selftest" / "handicap.go"
    said = subprocess.run([gofmt, "-l", source], capture_output=True, text=True, check=True)
    assert said.stdout == ""
