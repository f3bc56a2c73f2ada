"""One start of a container: the options it is made with, how it is reached, the files it reads."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.drivers.base import Artifact, LaunchSettings, Limit, pause_environment
from harness.drivers.docker_terms import ContainerOptions, Facts
from harness.drivers.owner import Owner
from harness.drivers.placeholders import fill_at_start
from harness.drivers.readiness import free_port, port_in_use
from harness.errors import StartError
from harness.model import TargetSpec

RUN_LABEL = "bench.run"
OWNER_LABEL = "bench.owner"
LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"
PORT_INSIDE = 8080
FILES_INSIDE = "/bench/files"
PAUSES_INSIDE = "/bench/pauses"


@dataclass(frozen=True)
class Launch:
    """What is known before the container exists. `port` is the one outside; None: the engine chooses it."""

    artifact: Artifact
    settings: LaunchSettings
    facts: Facts
    port: int | None
    files: Mapping[str, tuple[Path, str]]
    """variable → (path here, path inside)"""
    nofile_refused: str | None

    @property
    def target(self) -> TargetSpec:
        return self.artifact.target

    @property
    def copies(self) -> Mapping[str, Path]:
        """path inside → file here, where the engine cannot mount our folders."""
        return {} if self.facts.on_this_host else {inside: path for path, inside in self.files.values()}

    @property
    def pause_log(self) -> Path | None:
        """None where there is to be none, or the engine cannot mount its folder."""
        return self.settings.pause_log if self.facts.on_this_host else None

    def options(self) -> ContainerOptions:
        assert self.artifact.image is not None
        bind, port, published = LOOPBACK, self.port, None
        if not self.facts.on_this_host:
            outside = LOOPBACK if self.facts.address.startswith("unix:") else EVERYWHERE
            bind, port, published = EVERYWHERE, PORT_INSIDE, (outside, PORT_INSIDE, self.port)
        log = self.pause_log
        environment = {
            **self.target.environment,
            **(pause_environment(self.target, f"{PAUSES_INSIDE}/{log.name}") if log else {}),
            **self.settings.environment,
            **{variable: inside for variable, (_, inside) in self.files.items()},
            "BIND": bind,
            "PORT": str(port),
        }
        mounted = self.files.values() if self.facts.on_this_host else ()
        return ContainerOptions(
            image=self.artifact.image,
            name=f"bench-{self.target.id.replace('+', '-')}-{uuid.uuid4().hex[:8]}",
            command=fill_at_start(
                self.target.docker.run if self.target.docker else (),
                {},
                environment,
                f"target {self.target.id}, docker.run",
            ),
            environment=environment,
            labels={
                RUN_LABEL: self.settings.run_id,
                OWNER_LABEL: str(Owner.current()),
                "bench.target": self.target.id,
                "bench.case": self.settings.case,
            },
            folders={path.parent: inside.rpartition("/")[0] for path, inside in mounted},
            written={log.parent: PAUSES_INSIDE} if log else {},
            cpus=self.settings.cpus,
            memory_limit_bytes=self.settings.memory_limit_bytes,
            nofile=None if self.nofile_refused else self.settings.nofile,
            published=published,
        )

    def limits(self) -> Iterator[Limit]:
        """What the engine was asked for; it says in advance which controllers its kernel lacks."""
        settings, lacking = self.settings, "the engine's kernel has no such controller"
        if settings.cpus is not None:
            held = self.facts.limits_cpus
            yield Limit("cpus", ",".join(map(str, settings.cpus)), held, "cpuset" if held else lacking)
        if settings.memory_limit_bytes is not None:
            held = self.facts.limits_memory
            how = "cgroup memory limit, no swap" if held else lacking
            yield Limit("memory_bytes", str(settings.memory_limit_bytes), held, how)
        if settings.nofile is not None:
            refused = self.nofile_refused
            yield Limit("nofile", str(settings.nofile), refused is None, refused or "ulimit")


def plan_launch(
    facts: Facts, artifact: Artifact, settings: LaunchSettings, nofile_refused: str | None = None
) -> Launch:
    """`nofile_refused` says why this engine is not asked for more open files, if it has been in vain.

    Raises StartError when the port is taken, or a file cannot be read by the container's user."""
    port = settings.port
    if facts.on_this_host:
        port = free_port(LOOPBACK) if port is None else port
        if port_in_use(LOOPBACK, port):
            raise StartError(f"{artifact.target.id}: port {port} is in use; stop what listens there")
    paths = {variable: path.absolute() for variable, path in settings.files.items()}
    folders = list(dict.fromkeys(path.parent for path in paths.values()))
    files = {
        variable: (path, f"{FILES_INSIDE}/{folders.index(path.parent)}/{path.name}")
        for variable, path in paths.items()
    }
    for path in paths.values():
        _check_readable(path, artifact.target)
    return Launch(artifact, settings, facts, port, files, nofile_refused)


def _check_readable(path: Path, target: TargetSpec) -> None:
    """The container's user is not the caller: the file and its folder must be open to others."""
    for place, needed in ((path.parent, 0o005), (path, 0o004)):
        if not path.exists():
            raise StartError(f"{target.id}: {path} does not exist")
        if place.stat().st_mode & needed != needed:
            raise StartError(f"{target.id}: {place} must be readable by others: the container's user is one")
