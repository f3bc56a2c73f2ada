"""The page's scripts are typed by their comments, and the pinned compiler agrees."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.catalogue import ROOT

PROJECT = ROOT / "tests" / "report" / "scripts"
COMPILER = ROOT / ".build" / "scripts" / "node_modules" / "typescript" / "bin" / "tsc"
"""`make scripts` brings it, as tests/report/scripts/package-lock.json pins it."""


@pytest.fixture(scope="module")
def tsc() -> list[str]:
    node = shutil.which("node")
    if node and COMPILER.is_file():
        return [node, str(COMPILER), "--pretty", "false"]
    why = "the scripts' types are not checked: `make scripts` brings the compiler, and needs npm"
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


def run(tsc: list[str], *arguments: str) -> tuple[int, str]:
    done = subprocess.run([*tsc, *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_scripts_have_sound_types(tsc: list[str]) -> None:
    code, text = run(tsc, "--project", str(PROJECT))
    assert code == 0, text


def test_a_wrong_type_is_found(tsc: list[str], tmp_path: Path) -> None:
    """So that a compiler that looks at nothing does not pass for one that agrees."""
    script = ROOT / "harness" / "report" / "static" / "judge.js"
    text = script.read_text(encoding="utf-8")
    wrong = text.replace(
        "const scale = limits.cores / data.measured_cores;", "const scale = limits.core / data.core;"
    )
    assert wrong != text
    (tmp_path / "wrong.js").write_text(wrong, encoding="utf-8")
    options = (PROJECT / "tsconfig.json").read_text(encoding="utf-8")
    (tmp_path / "tsconfig.json").write_text(
        options.replace("../../../harness/report/static", "."), encoding="utf-8"
    )
    code, found = run(tsc, "--project", str(tmp_path))
    assert code != 0
    assert "'core' does not exist" in found
