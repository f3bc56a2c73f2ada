"""Where an engine is, by what it says of itself, and what a container is given accordingly."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.drivers.base import Artifact, LaunchSettings
from harness.drivers.docker_launch import plan_launch
from harness.drivers.docker_terms import Facts, facts_of
from harness.errors import StartError
from harness.model import DockerSpec, TargetSpec

LOCAL = {
    "ServerVersion": "28.2",
    "OperatingSystem": "Debian GNU/Linux 12",
    "Name": socket.gethostname(),
    "SecurityOptions": ["name=seccomp,profile=default"],
    "CPUSet": True,
    "MemoryLimit": True,
}


@pytest.mark.parametrize(
    ("address", "differs", "reach"),
    [
        ("unix:///var/run/docker.sock", {}, "host network"),
        ("tcp://10.0.0.5:2375", {}, "published port, as the engine is reached by tcp"),
        ("ssh://bench@host", {}, "published port, as the engine is reached by ssh"),
        (
            "unix:///home/me/.docker/desktop/docker.sock",
            {"OperatingSystem": "Docker Desktop"},
            "published port, as the engine runs in a machine of its own",
        ),
        ("unix:///x", {"Name": "colima"}, "published port, as the engine runs in a machine of its own"),
        (
            "unix:///run/user/1000/docker.sock",
            {"SecurityOptions": ["name=rootless"]},
            "published port, as the engine is rootless",
        ),
    ],
)
def test_how_an_engine_is_reached(address: str, differs: dict[str, Any], reach: str) -> None:
    facts = facts_of(address, LOCAL | differs, has_bridge=True)
    assert (facts.reach, facts.on_this_host) == (reach, reach == "host network")
    assert facts.network_mode == ("host" if facts.on_this_host else reach)


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("unix:///x", "127.0.0.1"),
        ("tcp://10.0.0.5:2375", "10.0.0.5"),
        ("ssh://me@far.example", "far.example"),
    ],
)
def test_where_published_ports_are(address: str, host: str) -> None:
    assert facts_of(address, LOCAL, has_bridge=True).host == host


@pytest.fixture
def routes(tmp_path: Path) -> Path:
    folder = tmp_path / "kit"
    folder.mkdir(mode=0o755)
    (folder / "routes.json").write_text("{}")
    return folder / "routes.json"


@pytest.fixture
def artifact(target: TargetSpec) -> Artifact:
    return Artifact(target=target, content_hash="0", image="bench-tiny:0", image_digest="sha256:0")


def facts(address: str) -> Facts:
    return facts_of(address, LOCAL, has_bridge=True)


def test_on_this_host_the_network_is_shared_and_folders_are_mounted(
    artifact: Artifact, make_settings: Callable[..., LaunchSettings], routes: Path
) -> None:
    launch = plan_launch(facts("unix:///x"), artifact, make_settings(files={"ROUTES_FILE": routes}))
    options = launch.options()
    assert options.published is None
    assert options.environment["BIND"] == "127.0.0.1"
    assert options.environment["PORT"] == str(launch.port)
    assert options.folders == {routes.parent: "/bench/files/0"}
    assert options.environment["ROUTES_FILE"] == "/bench/files/0/routes.json"
    assert launch.copies == {}


def test_elsewhere_a_port_is_published_and_files_are_copied(
    artifact: Artifact, make_settings: Callable[..., LaunchSettings], routes: Path
) -> None:
    launch = plan_launch(facts("ssh://me@far"), artifact, make_settings(files={"ROUTES_FILE": routes}))
    options = launch.options()
    assert options.published == ("0.0.0.0", 8080, None)
    assert (options.environment["BIND"], options.environment["PORT"]) == ("0.0.0.0", "8080")
    assert options.folders == {}
    assert launch.copies == {"/bench/files/0/routes.json": routes}


def test_a_command_line_is_told_where_to_listen_and_on_how_many_cores(
    artifact: Artifact, make_settings: Callable[..., LaunchSettings]
) -> None:
    docker = DockerSpec(image="other", run=("serve", "--port={port}", "--on", "{bind}", "--threads={cpus}"))
    told = replace(artifact, target=artifact.target.model_copy(update={"docker": docker}))
    launch = plan_launch(facts("ssh://me@far"), told, make_settings(environment={"CPUS": "4"}))
    assert launch.options().command == ("serve", "--port=8080", "--on", "0.0.0.0", "--threads=4")


def test_limits_an_engine_cannot_hold_are_said_so(
    artifact: Artifact, make_settings: Callable[..., LaunchSettings]
) -> None:
    settings = make_settings(cpus=(0,), memory_limit_bytes=1 << 30, nofile=99)
    weak = replace(facts("unix:///x"), limits_memory=False)
    limits = {limit.name: limit for limit in plan_launch(weak, artifact, settings).limits()}
    assert limits["cpus"].enforced
    assert not limits["memory_bytes"].enforced
    refused = plan_launch(weak, artifact, settings, nofile_refused="not permitted")
    assert refused.options().nofile is None
    assert [(x.enforced, x.how) for x in refused.limits() if x.name == "nofile"] == [(False, "not permitted")]


def test_a_missing_file_is_named(artifact: Artifact, make_settings: Callable[..., LaunchSettings]) -> None:
    with pytest.raises(StartError, match=r"tiny: /no/such/routes\.json does not exist"):
        plan_launch(
            facts("unix:///x"), artifact, make_settings(files={"ROUTES_FILE": Path("/no/such/routes.json")})
        )
