"""What is left when a harness or a watchdog is killed by SIGKILL: nothing, by itself or after a clean-up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.drivers import cgroups
from harness.drivers.owner import Owner
from harness.drivers.process import ProcessDriver
from harness.model import TargetSpec

HARNESS = """
import sys, time
from pathlib import Path
from harness.drivers.base import LaunchSettings
from harness.drivers.process import ProcessDriver
from harness.model import ProcessSpec, TargetSpec

folder, run_id, service, fault, memory = sys.argv[1:]
target = TargetSpec(name="tiny", label="Tiny", language="Python", payload="tree", reload=None,
                    process=ProcessSpec(run=("{python}", service)), folder=Path(folder))
driver = ProcessDriver(Path(folder))
settings = LaunchSettings(environment={"FAULT": fault}, run_id=run_id, case="c", log_path=Path(folder, "log"),
                          memory_limit_bytes=int(memory) or None)
with driver.start(driver.prepare(target, print), settings) as running:
    print(running.pid, *running.cgroups, flush=True)
    time.sleep(600)
"""


BUILDER = """
import sys
from pathlib import Path
from harness.drivers.process import ProcessDriver
from harness.model import ProcessSpec, TargetSpec

folder = Path(sys.argv[1])
compiling = ("sh", "-c", "echo $$; sleep 600 & wait")
spec = ProcessSpec(build=(compiling,), run=("true",))
target = TargetSpec(name="tiny", label="Tiny", language="Python", payload="tree", reload=None,
                    process=spec, folder=folder)
ProcessDriver(folder / "builds").prepare(target, lambda line: print(line, flush=True))
"""


@dataclass(frozen=True)
class OtherHarness:
    """A second harness, with a target running."""

    process: subprocess.Popen[str]
    pid: int
    group: Path

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def other_harness(
    target: TargetSpec, tmp_path: Path, run_id: str, driver: ProcessDriver
) -> Iterator[Callable[..., OtherHarness]]:
    started: list[subprocess.Popen[str]] = []

    def start(fault: str = "", memory_bytes: int = 0) -> OtherHarness:
        service = str(target.folder / "service.py")
        arguments = [str(tmp_path), run_id, service, fault, str(memory_bytes)]
        process = subprocess.Popen(
            [sys.executable, "-c", HARNESS, *arguments], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None
        pid, _, group = process.stdout.readline().strip().partition(" ")
        return OtherHarness(process, int(pid), Path(group))

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    driver.cleanup(run_id)


@pytest.mark.parametrize("fault", ["", "deaf", "runaway"])
def test_nothing_outlives_a_killed_harness(fault: str, other_harness: Any, eye: Any, run_id: str) -> None:
    harness = other_harness(fault)
    assert eye.runs(harness.pid)
    harness.kill()
    assert eye.eventually(lambda: not eye.runs(harness.pid))
    assert eye.eventually(lambda: eye.marked(run_id) == [])


def test_a_build_ends_with_a_killed_harness(tmp_path: Path, eye: Any) -> None:
    harness = subprocess.Popen(
        [sys.executable, "-c", BUILDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert harness.stdout is not None
    assert harness.stdout.readline().startswith("$ sh -c")
    compiler = int(harness.stdout.readline())
    assert os.getpgid(compiler) == compiler
    harness.kill()
    harness.communicate()
    assert eye.eventually(lambda: not eye.group_runs(compiler))


@pytest.mark.usefixtures("memory_groups_permitted")
def test_the_control_group_of_a_killed_harness_goes_too(other_harness: Any, eye: Any) -> None:
    harness = other_harness(memory_bytes=256 << 20)
    assert harness.group.is_dir()
    harness.kill()
    assert eye.eventually(lambda: not harness.group.exists())


def test_a_killed_watchdog_takes_the_target_with_it(other_harness: Any, eye: Any, run_id: str) -> None:
    harness = other_harness()
    os.kill(eye.watchdog(run_id), signal.SIGKILL)
    assert eye.eventually(lambda: not eye.runs(harness.pid))


def test_cleanup_ends_what_a_run_left_and_names_it(
    driver: ProcessDriver, other_harness: Any, eye: Any, run_id: str
) -> None:
    harness = other_harness()
    assert driver.cleanup("another-run") == []
    assert eye.runs(harness.pid)
    assert f"process {harness.pid} of run {run_id}" in driver.cleanup(run_id)
    assert eye.marked(run_id) == []


@pytest.mark.usefixtures("memory_groups_permitted")
def test_cleanup_without_a_run_spares_the_living_and_takes_the_orphaned(
    driver: ProcessDriver, other_harness: Any, eye: Any, run_id: str
) -> None:
    harness = other_harness(memory_bytes=256 << 20)
    driver.cleanup(None)
    assert eye.runs(harness.pid)
    watchdog = eye.watchdog(run_id)
    os.kill(watchdog, signal.SIGSTOP)  # stands for a watchdog that does not do its duty
    harness.kill()
    assert f"process {harness.pid} of run {run_id}" in driver.cleanup(None)
    assert eye.eventually(lambda: not eye.runs(harness.pid))  # the kernel may still be taking it apart
    driver.cleanup(None)
    assert not harness.group.exists()
    with suppress(ProcessLookupError):
        os.kill(watchdog, signal.SIGCONT)


def test_a_group_that_another_harness_removes_meanwhile_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is listed, and its files are gone by the time they are read."""
    (tmp_path / f"bench.gone.{Owner.current()}.0").mkdir()
    empty = tmp_path / f"bench.empty.{Owner.current()}.0"
    empty.mkdir()
    (empty / "cgroup.procs").write_text("")
    monkeypatch.setattr(cgroups, "_parents", lambda _: [cgroups.Parent(tmp_path, 2)])
    assert list(cgroups.leftover_groups()) == [(empty, "empty", Owner.current())]
