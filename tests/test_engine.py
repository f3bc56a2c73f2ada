"""Which workers offer the load when cargo, or an engine to build the worker's image, is not there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from harness.drivers.docker import DockerDriver
from harness.engine import choose_engine
from harness.errors import InfrastructureError, UsageError
from harness.progress import Progress

PROGRESS = Progress(Console(stderr=True), quiet=True)
NO_ENGINE = "unix:///nowhere/docker.sock"


@pytest.fixture
def without_cargo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither on the search path nor in the home folder."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.mark.usefixtures("without_cargo")
def test_without_cargo_and_engine_stock_workers_are_taken_with_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", NO_ENGINE)
    choice = choose_engine("auto", tmp_path, None, PROGRESS)
    assert choice.name == "locust"
    assert choice.note is not None
    for part in (
        "stock Locust workers",
        "no cargo",
        f"no Docker engine answers at {NO_ENGINE}",
        "not ranked",
    ):
        assert part in choice.note


@pytest.mark.usefixtures("without_cargo")
def test_a_native_worker_that_was_asked_for_and_cannot_be_had_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", NO_ENGINE)
    with pytest.raises(InfrastructureError, match="the native worker cannot be used: no cargo"):
        choose_engine("native", tmp_path, None, PROGRESS)


def test_a_locust_file_is_for_stock_workers(tmp_path: Path) -> None:
    file = tmp_path / "locustfile.py"
    with pytest.raises(UsageError, match="no such file"):
        choose_engine("auto", tmp_path, file, PROGRESS)
    file.touch()
    with pytest.raises(UsageError, match="a Locust file is Python"):
        choose_engine("native", tmp_path, file, PROGRESS)
    choice = choose_engine("auto", tmp_path, file, PROGRESS)
    assert (choice.name, choice.note, choice.locustfile) == ("locust", None, file)


@pytest.mark.docker
@pytest.mark.usefixtures("without_cargo")
@pytest.mark.timeout(1_200)
def test_without_cargo_the_native_worker_comes_out_of_its_image(tmp_path: Path) -> None:
    if not (availability := DockerDriver(tmp_path / "images").available()).ok:
        pytest.skip(availability.reason)
    choice = choose_engine("auto", tmp_path, None, PROGRESS)
    assert (choice.name, choice.note) == ("native", None)
    worker = Path(choice.engine.command[0])
    assert worker.is_relative_to(tmp_path)
    for program in (worker, choice.null_server):
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
        assert said.stdout.startswith("bench-worker ")
