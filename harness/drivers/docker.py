"""The docker driver: a target as a container, limited by its cpuset and memory, known by its labels."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from harness.drivers.base import Artifact, Availability, LaunchSettings, OnLine, RunningTarget, StopResult
from harness.drivers.build import tail
from harness.drivers.cgroups import memory_groups_of
from harness.drivers.docker_container import INSPECT_EVERY_S, ContainerRun, tar_of
from harness.drivers.docker_engine import Container, Engine, EngineRefused
from harness.drivers.docker_image import prepare_image
from harness.drivers.docker_launch import (
    LOOPBACK,
    OWNER_LABEL,
    PORT_INSIDE,
    RUN_LABEL,
    Launch,
    plan_launch,
)
from harness.drivers.docker_watchdog import watched
from harness.drivers.owner import Owner, marks
from harness.drivers.readiness import LOG_LINES, failed_start, wait_until_ready
from harness.errors import HarnessError, StartError
from harness.model import TargetSpec

GRACE_S = 3.0
UNHEARD_DEADLINE_S = 2.0
"""How long an engine may take to make a container that it was asked for before we were interrupted."""


class NofileRefused(Exception):
    """The engine may not give a process as many open files as it was asked for."""


@dataclass(frozen=True)
class _Attached:
    """The container behind a running target."""

    container: Container
    run: ContainerRun
    launch: Launch


@dataclass(frozen=True, kw_only=True)
class RunningContainer(RunningTarget):
    """A target started by the docker driver."""

    attached: _Attached

    def is_alive(self) -> bool:
        return self.attached.run.ended(0) is None

    def log_tail(self, lines: int = 20) -> str:
        return self.attached.run.log_tail(lines)

    def signal(self, number: signal.Signals) -> None:
        """SIGHUP first brings copied files up to date: they are what the service is to read again."""
        if not self.is_alive():
            return
        if number == signal.SIGHUP and (copies := self.attached.launch.copies):
            self.attached.container.put(tar_of(copies))
        self.attached.container.signal(number.name)

    def stop(self, grace_s: float = GRACE_S) -> StopResult:
        return self.attached.run.stop(grace_s)


class DockerDriver:
    """Builds images and runs containers on the engine that DOCKER_HOST or the docker context names."""

    def __init__(self, logs_folder: Path) -> None:
        self._logs_folder = logs_folder.resolve()
        self._connection: Engine | None = None
        self._nofile_refused: str | None = None

    def available(self) -> Availability:
        try:
            facts = self._engine().facts
        except HarnessError as error:
            return Availability(False, str(error))
        return Availability(
            True,
            f"Docker {facts.version} at {facts.address}, {facts.reach}",
            facts.network_mode,
            engine=f"Docker {facts.version}",
        )

    def prepare(self, target: TargetSpec, on_line: OnLine) -> Artifact:
        return prepare_image(self._engine(), target, self._logs_folder, on_line)

    @contextmanager
    def start(self, artifact: Artifact, settings: LaunchSettings) -> Iterator[RunningContainer]:
        engine = self._engine()
        launch = plan_launch(engine.facts, artifact, settings, self._nofile_refused)
        with ExitStack() as stack:
            try:
                running = stack.enter_context(_running(engine, launch))
            except NofileRefused as refused:
                self._nofile_refused = str(refused)
                launch = plan_launch(engine.facts, artifact, settings, self._nofile_refused)
                running = stack.enter_context(_running(engine, launch))
            yield running

    def cleanup(self, run_id: str | None) -> list[str]:
        removed = []
        for container in self._engine().containers(RUN_LABEL if run_id is None else f"{RUN_LABEL}={run_id}"):
            if run_id is not None or _is_orphan(container):
                container.remove()
                removed.append(f"container {container.id[:12]} of run {container.labels[RUN_LABEL]}")
        return removed

    def _engine(self) -> Engine:
        if self._connection is None:
            self._connection = Engine()
        return self._connection


@contextmanager
def _running(engine: Engine, launch: Launch) -> Iterator[RunningContainer]:
    """Creates, watches, starts, waits; on leaving stops and removes."""
    marked = marks(launch.settings.run_id, Owner.current())
    with _created(engine, launch) as container, watched(container.id, marked):
        if launch.copies:
            container.put(tar_of(launch.copies))
        started_unix_ns = time.time_ns()
        with _started(container, launch) as run:
            yield _when_ready(_Attached(container, run, launch), started_unix_ns)


@contextmanager
def _created(engine: Engine, launch: Launch) -> Iterator[Container]:
    """The container, not started; removed in the end whatever happens."""
    options = launch.options()
    try:
        container = engine.create(options)
    except EngineRefused as error:
        raise StartError(f"{launch.target.id}: {error}") from None
    except BaseException:  # such as Ctrl-C when the engine has made it, and we have not heard of it yet
        _remove_unheard(engine, options.name)
        raise
    try:
        yield container
    finally:
        container.remove()


def _remove_unheard(engine: Engine, name: str) -> None:
    """Removes a container that the engine may have made, or is about to make; its name is no other's."""
    give_up = time.monotonic() + UNHEARD_DEADLINE_S
    with suppress(HarnessError):  # the engine may be gone: `harness clean` finds it by its labels
        while (made := engine.container(name)) is None and time.monotonic() < give_up:
            time.sleep(INSPECT_EVERY_S)
        if made is not None:
            made.remove()


@contextmanager
def _started(container: Container, launch: Launch) -> Iterator[ContainerRun]:
    try:
        run = ContainerRun(container, launch.settings.log_path)
    except EngineRefused as error:
        if "rlimit" in str(error) and not launch.nofile_refused:
            raise NofileRefused("the engine may not raise the number of open files") from None
        raise StartError(f"{launch.target.id}: {error}") from None
    try:
        yield run
    finally:
        try:
            run.stop(GRACE_S)
        finally:
            run.close()


def _when_ready(attached: _Attached, started_unix_ns: int) -> RunningContainer:
    launch, run = attached.launch, attached.run
    host, port = LOOPBACK, launch.port
    if not launch.facts.on_this_host:
        host, port = launch.facts.host, attached.container.published_port(PORT_INSIDE)

    def ended(timeout_s: float) -> str | None:
        result = run.ended(timeout_s)
        return None if result is None else str(result)

    try:
        if port is None:
            raise StartError(f"{ended(GRACE_S) or 'has no published port'} before it was ready")
        ready_unix_ns = wait_until_ready(host, port, launch.settings.ready_deadline_s, ended)
    except StartError as error:
        run.stop(GRACE_S)
        raise failed_start(launch.target, error, tail(launch.settings.log_path, LOG_LINES)) from None
    return RunningContainer(
        target=launch.target,
        pid=run.pid,
        pid_missing_because=None if run.pid else f"the engine at {launch.facts.address} runs elsewhere",
        host=host,
        port=port,
        started_unix_ns=started_unix_ns,
        ready_unix_ns=ready_unix_ns,
        limits=tuple(launch.limits()),
        log_path=launch.settings.log_path,
        network_mode=launch.facts.network_mode,
        cgroups=memory_groups_of(run.pid) if run.pid else (),
        image_digest=launch.artifact.image_digest,
        attached=attached,
    )


def _is_orphan(container: Container) -> bool:
    """Its harness is gone. One that cannot be looked up from here counts as gone once the container ended."""
    owner = Owner.parse(container.labels.get(OWNER_LABEL, ""))
    gone = owner.is_gone() if owner else None
    try:
        return gone if gone is not None else not container.state().running
    except EngineRefused:  # removed meanwhile
        return False
