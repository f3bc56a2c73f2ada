"""The page's scripts are typed by their comments, and the compiler agrees."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.catalogue import ROOT

STATIC = ROOT / "harness" / "report" / "static"
OPTIONS = (
    *("--noEmit", "--allowJs", "--checkJs", "--strict", "--noUncheckedIndexedAccess"),
    *("--target", "es2023", "--lib", "dom,dom.iterable,es2023"),
)


def compiler() -> list[str] | None:
    """tsc of this machine, or the one that a built TypeScript target has brought along."""
    if found := shutil.which("tsc"):
        return [found]
    built = sorted(ROOT.glob(".build/*/*/node_modules/typescript/bin/tsc"))
    node = shutil.which("node")
    return [node, str(built[-1])] if built and node else None


@pytest.mark.parametrize("script", sorted(STATIC.glob("*.js")), ids=lambda p: p.name)
def test_scripts_have_sound_types(script: Path) -> None:
    command = compiler()
    if command is None:
        pytest.skip("needs tsc: build the TypeScript target, or npm install typescript")
    done = subprocess.run([*command, *OPTIONS, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
