"""A command's own folder goes with it, or with the next command when it was killed."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.catalogue import ROOT
from harness.drivers.owner import Owner
from harness.workspace import remove_orphaned, workspace

HOLDER = """
import sys, time
from pathlib import Path
from harness.workspace import workspace
with workspace(Path(sys.argv[1]), "held"):
    print("there", flush=True)
    time.sleep(600)
"""


def test_it_is_readable_to_others_and_gone_in_the_end(tmp_path: Path) -> None:
    with workspace(tmp_path / "builds", "verify") as folder:
        assert folder.name.startswith("verify-")
        assert folder.stat().st_mode & 0o755 == 0o755
        (folder / "file").touch()
        assert remove_orphaned(tmp_path / "builds") == []
    assert not folder.exists()


def test_one_that_another_harness_removes_meanwhile_is_no_fault(tmp_path: Path) -> None:
    """Under a second name it is gone as soon as the first was removed."""
    (tmp_path / "a").mkdir()
    gone = replace(Owner.current(), pid=0)
    (tmp_path / "a" / ".owner").write_text(str(gone), encoding="utf-8")
    (tmp_path / "b").symlink_to("a")
    assert remove_orphaned(tmp_path) == [f"folder {tmp_path / 'a'}"]


def test_an_interrupt_takes_it_too(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), workspace(tmp_path, "bench"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_that_of_a_killed_harness_goes_later_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "not-ours").mkdir()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    with holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        left = next(tmp_path.glob("held-*"))
        assert remove_orphaned(tmp_path) == []
        holder.kill()
    assert remove_orphaned(tmp_path) == [f"folder {left}"]
    assert [p.name for p in tmp_path.iterdir()] == ["not-ours"]
