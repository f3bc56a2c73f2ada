"""Runs that the report's tests look at, made once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from report.made import FOUR, Making, make_run
from rich.console import Console

from harness.report.model import Summary
from harness.report.outputs import read, render
from harness.store import RunFolder

SMALL = Making(
    targets={
        "go": FOUR["go"],
        "rust-axum": FOUR["rust-axum"],
        "slow-start": replace(FOUR["ts-elysia"], label="late <script>alert(1)</script>", late_ratio=0.03),
        "wrong": replace(FOUR["ts-elysia"], label="wrong", broken=True),
    },
    scale=0.12,
    seed=2,
    skipped={"java-webflux": "a JDK of version 25 or newer is needed: apt-get install openjdk-25-jdk"},
)
"""Two sound targets, one whose requests left late (invalid), one that fails conformance, one not built."""


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Not to be changed: others read it too."""
    return make_run(tmp_path_factory.mktemp("small"), SMALL)


@pytest.fixture(scope="session")
def small(small_run: RunFolder) -> Summary:
    return read(small_run).summary


@pytest.fixture(scope="session")
def small_html(small_run: RunFolder) -> str:
    text = render(small_run, "html", Console())
    assert text is not None
    return text


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Two targets, one scenario, one round. Not to be changed."""
    targets = {name: FOUR[name] for name in ("go", "rust-axum")}
    wanted = Making(targets=targets, scenarios=("routing-4kb",), rounds=1, scale=0.12)
    return make_run(tmp_path_factory.mktemp("tiny"), wanted)


@pytest.fixture
def own_copy(tiny_run: RunFolder, tmp_path: Path) -> RunFolder:
    """The tiny run, to be written into."""
    return RunFolder(Path(shutil.copytree(tiny_run.path, tmp_path / tiny_run.run_id)))


@pytest.fixture(scope="session")
def making(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Making], RunFolder]:
    """Makes another run, below a folder of its own."""
    return lambda wanted: make_run(tmp_path_factory.mktemp("made"), wanted)
