"""The real harness, started as a user starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rig import STEP_DEADLINE_S, Harness

from harness.catalogue import ROOT


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(1.5 * STEP_DEADLINE_S))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Harness]]:
    """Starts `harness …`; what still runs at the end is ended."""
    started: list[Harness] = []

    def start_harness(*arguments: str, environment: dict[str, str] | None = None) -> Harness:
        log = tmp_path / f"output-{len(started)}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "harness", *arguments],
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=tmp_path,
                env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", **(environment or {})},
                start_new_session=True,
            )
        started.append(Harness(process, log, tmp_path / "results"))
        return started[-1]

    yield start_harness
    for harness in started:
        if harness.process.poll() is None:
            harness.process.kill()
            harness.process.wait()
