"""The tiny service of these tests as a target, ways to start it, and an eye on what runs on this machine."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from harness.drivers.base import LaunchSettings, RunningTarget
from harness.drivers.cgroups import Refusal, make_memory_group
from harness.drivers.owner import MarkedProcess, Owner, marked_processes
from harness.drivers.process import ProcessDriver
from harness.model import DockerSpec, ProcessSpec, TargetSpec

SERVICE = Path(__file__).parent / "service"
DEADLINE_S = 60.0


@pytest.fixture
def target() -> TargetSpec:
    return TargetSpec(
        name="tiny",
        label="Tiny (Python)",
        language="Python",
        payload="tree",
        reload=None,
        process=ProcessSpec(run=("{python}", "{target}/service.py")),
        docker=DockerSpec(dockerfile="Dockerfile"),
        folder=SERVICE,
    )


@pytest.fixture
def run_id(tmp_path: Path) -> str:
    return f"test-{os.getpid()}-{tmp_path.name}"  # tests run side by side, each process with its own folders


@pytest.fixture
def make_settings(tmp_path: Path, run_id: str) -> Callable[..., LaunchSettings]:
    """LaunchSettings for one test, in which only what the test cares about is given."""

    def make(**given: Any) -> LaunchSettings:
        defaults: dict[str, Any] = {
            "environment": {},
            "run_id": run_id,
            "case": "test/tiny",
            "log_path": tmp_path / "target.log",
            "ready_deadline_s": DEADLINE_S,
        }
        return LaunchSettings(**defaults | given)

    return make


@pytest.fixture
def driver(tmp_path: Path) -> ProcessDriver:
    return ProcessDriver(tmp_path / "builds")


Launch = Callable[..., AbstractContextManager[RunningTarget]]


@pytest.fixture
def launch(driver: ProcessDriver, target: TargetSpec, make_settings: Callable[..., LaunchSettings]) -> Launch:
    """Starts the tiny target, or the one given, as a process."""

    def start(chosen: TargetSpec = target, **given: Any) -> AbstractContextManager[RunningTarget]:
        return driver.start(driver.prepare(chosen, lambda _: None), make_settings(**given))

    return start


@pytest.fixture
def memory_groups_permitted() -> None:
    group = make_memory_group(64 << 20, "probe", Owner.current())
    if isinstance(group, Refusal):
        pytest.skip(group.reason)
    group.folder.rmdir()


class Eye:
    """Sees what a test must know about the machine and the service."""

    def info(self, running: RunningTarget) -> dict[str, Any]:
        with urllib.request.urlopen(f"{running.url}/info", timeout=DEADLINE_S) as answer:
            facts: dict[str, Any] = json.load(answer)
        return facts

    def eventually(self, condition: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            if condition():
                return True
            time.sleep(0.01)
        return False

    def runs(self, pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
        except OSError:
            return False

    def group_runs(self, group: int) -> bool:
        """Whether any process of a process group lives."""
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        return any(
            self.runs(int(folder.name)) and os.getpgid(int(folder.name)) == group
            for folder in Path("/proc").glob("[0-9]*")
        )

    def marked(self, run_id: str) -> list[MarkedProcess]:
        return [m for m in marked_processes() if m.run_id == run_id]

    def watchdog(self, run_id: str) -> int:
        [pid] = [m.pid for m in self.marked(run_id) if m.is_watchdog]
        return pid


@pytest.fixture
def eye() -> Eye:
    return Eye()
