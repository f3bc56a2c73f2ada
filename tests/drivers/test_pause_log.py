"""A runtime is told where to write of its pauses, in processes and in containers on this host."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from harness.drivers.base import Artifact, LaunchSettings
from harness.drivers.docker_launch import PAUSES_INSIDE, plan_launch
from harness.drivers.docker_terms import facts_of
from harness.model import PauseLog, TargetSpec

PAUSES = PauseLog(format="hotspot", environment={"JDK_JAVA_OPTIONS": '"-Xlog:gc:file={file}:timemillis"'})
INFO = {"ServerVersion": "28", "OperatingSystem": "Debian", "Name": socket.gethostname()}


@pytest.fixture
def logging_target(target: TargetSpec) -> TargetSpec:
    return target.model_copy(update={"pauses": PAUSES})


def test_a_process_is_told_the_file(
    launch: Any, eye: Any, logging_target: TargetSpec, tmp_path: Path
) -> None:
    log = tmp_path / "a folder" / "gc.log"
    with launch(logging_target, pause_log=log) as running:
        told = eye.info(running)["environment"]["JDK_JAVA_OPTIONS"]
    assert told == f'"-Xlog:gc:file={log}:timemillis"'
    with launch(logging_target) as running:
        assert "JDK_JAVA_OPTIONS" not in eye.info(running)["environment"]


@pytest.mark.parametrize(("address", "mounted"), [("unix:///x", True), ("tcp://10.0.0.5:2375", False)])
def test_a_container_gets_the_folder_where_it_can_be_mounted(
    logging_target: TargetSpec, make_settings: Any, tmp_path: Path, address: str, mounted: bool
) -> None:
    artifact = Artifact(target=logging_target, content_hash="0", image="tiny:0", image_digest="sha256:0")
    settings: LaunchSettings = make_settings(pause_log=tmp_path / "pauses" / "gc.log")
    options = plan_launch(facts_of(address, INFO, has_bridge=True), artifact, settings).options()
    assert options.written == ({tmp_path / "pauses": PAUSES_INSIDE} if mounted else {})
    told = options.environment.get("JDK_JAVA_OPTIONS")
    assert told == (f'"-Xlog:gc:file={PAUSES_INSIDE}/gc.log:timemillis"' if mounted else None)
