"""The process driver: a target as a process of this machine, with its own session, CPUs and memory limit."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from harness.drivers.base import (
    Artifact,
    Availability,
    LaunchSettings,
    Limit,
    OnLine,
    RunningTarget,
    StopResult,
    pause_environment,
)
from harness.drivers.build import build, tail
from harness.drivers.cgroups import ControlGroup, Refusal, leftover_groups, make_memory_group
from harness.drivers.owner import MarkedProcess, Owner, marked_processes, marks
from harness.drivers.placeholders import fill_at_start
from harness.drivers.readiness import LOG_LINES, failed_start, free_port, port_in_use, wait_until_ready
from harness.drivers.supervised import Command, Supervised
from harness.errors import StartError
from harness.model import TargetSpec

HOST = "127.0.0.1"
INHERITED = ("PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR")
"""All that a service gets of the caller's environment: the rest must not change what is measured."""
CLEANUP_DEADLINE_S = 6.0


@dataclass(frozen=True, kw_only=True)
class RunningProcess(RunningTarget):
    """A target started by the process driver."""

    process: Supervised

    def is_alive(self) -> bool:
        return self.process.wait(0) is None

    def log_tail(self, lines: int = 20) -> str:
        return tail(self.log_path, lines)

    def signal(self, number: signal.Signals) -> None:
        self.process.signal(number)

    def stop(self, grace_s: float = 3.0) -> StopResult:
        return self.process.stop(grace_s)


class ProcessDriver:
    """Builds with the machine's own toolchains into `builds_folder` and runs what was built."""

    def __init__(self, builds_folder: Path) -> None:
        self._builds_folder = builds_folder.resolve()

    def available(self) -> Availability:
        if sys.platform != "linux":
            return Availability(False, f"the process driver needs Linux, and this is {sys.platform}")
        return Availability(True, "processes of this machine")

    def prepare(self, target: TargetSpec, on_line: OnLine) -> Artifact:
        return build(target, self._builds_folder, on_line)

    @contextmanager
    def start(self, artifact: Artifact, settings: LaunchSettings) -> Iterator[RunningProcess]:
        port = free_port(HOST) if settings.port is None else settings.port
        if port_in_use(HOST, port):
            raise StartError(f"{artifact.target.id}: port {port} is in use; stop what listens there")
        group = self._memory_group(settings)
        environment = self._environment(artifact, settings, port)
        assert artifact.target.process is not None
        where = f"target {artifact.target.id}, process.run"
        command = Command(
            argv=fill_at_start(artifact.target.process.run, artifact.values, environment, where),
            cwd=artifact.target.folder,
            environment=environment,
            log_path=settings.log_path,
            cpus=settings.cpus,
            nofile=settings.nofile,
            control_group=group if isinstance(group, ControlGroup) else None,
        )
        with _start(command, settings.run_id, artifact) as process:
            try:
                ready_unix_ns = wait_until_ready(
                    HOST, port, settings.ready_deadline_s, lambda s: _ended(process, s)
                )
            except StartError as error:
                raise failed_start(artifact.target, error, tail(settings.log_path, LOG_LINES)) from None
            yield RunningProcess(
                target=artifact.target,
                pid=process.pid,
                host=HOST,
                port=port,
                started_unix_ns=process.started_unix_ns,
                ready_unix_ns=ready_unix_ns,
                limits=tuple(_limits(process.pid, settings, group)),
                log_path=settings.log_path,
                network_mode="host",
                cgroups=(group.folder,) if isinstance(group, ControlGroup) else (),
                process=process,
            )

    def cleanup(self, run_id: str | None) -> list[str]:
        removed = [f"process {m.pid} of run {m.run_id}" for m in _end_leftovers(run_id)]
        for folder, group_run, owner in leftover_groups():
            if _is_leftover(run_id, group_run, owner):
                with suppress(OSError):  # its own watchdog may be quicker
                    folder.rmdir()
                    removed.append(f"control group {folder}")
        return removed

    def _environment(self, artifact: Artifact, settings: LaunchSettings, port: int) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in INHERITED if name in os.environ},
            **artifact.exports,
            **artifact.target.environment,
            **(pause_environment(artifact.target, str(settings.pause_log)) if settings.pause_log else {}),
            **settings.environment,
            **{name: str(path.absolute()) for name, path in settings.files.items()},
            **marks(settings.run_id, Owner.current()),
            "BIND": HOST,
            "PORT": str(port),
        }

    def _memory_group(self, settings: LaunchSettings) -> ControlGroup | Refusal | None:
        if settings.memory_limit_bytes is None:
            return None
        return make_memory_group(settings.memory_limit_bytes, settings.run_id, Owner.current())


@contextmanager
def _start(command: Command, run_id: str, artifact: Artifact) -> Iterator[Supervised]:
    """The supervised process; what it says when it cannot start names the target."""
    command.log_path.parent.mkdir(parents=True, exist_ok=True)
    try:
        process = Supervised(command, marks(run_id, Owner.current()))
    except StartError as error:
        raise StartError(f"{artifact.target.id}: {error}") from None
    with process:
        yield process


def _ended(process: Supervised, timeout_s: float) -> str | None:
    result = process.wait(timeout_s)
    return None if result is None else str(result)


def _limits(pid: int, settings: LaunchSettings, group: ControlGroup | Refusal | None) -> Iterator[Limit]:
    """What was asked for, read back from the kernel."""
    if settings.cpus is not None:
        held = os.sched_getaffinity(pid) == set(settings.cpus)
        yield Limit("cpus", ",".join(map(str, settings.cpus)), held, "CPU affinity")
    if settings.memory_limit_bytes is not None:
        asked = str(settings.memory_limit_bytes)
        if isinstance(group, ControlGroup):
            yield Limit("memory_bytes", asked, True, f"cgroup v{group.version}")
        else:
            yield Limit("memory_bytes", asked, False, group.reason if group else "")
    if settings.nofile is not None:
        soft, _ = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        yield Limit("nofile", str(settings.nofile), soft >= settings.nofile, f"RLIMIT_NOFILE is {soft}")
    if (nice := os.getpriority(os.PRIO_PROCESS, pid)) != 0:
        yield Limit(
            "nice", "0", False, f"the harness was started with nice {nice}, which this user may not lower"
        )


def _is_leftover(wanted_run: str | None, run_id: str, owner: Owner | None) -> bool:
    if wanted_run is not None:
        return run_id == wanted_run
    return owner is not None and owner.is_gone() is True


def _end_leftovers(run_id: str | None) -> list[MarkedProcess]:
    """Watchdogs are asked first, as they end theirs in order; what is then left is killed."""
    leftovers = [m for m in marked_processes() if _is_leftover(run_id, m.run_id, m.owner)]
    for marked in leftovers:
        if marked.is_watchdog:
            _send(marked.pid, signal.SIGTERM)
    if any(m.is_watchdog for m in leftovers):
        _wait_until_gone(leftovers)
    for marked in _still_there(leftovers):
        _send(marked.pid, signal.SIGKILL)
    _wait_until_gone(leftovers)
    return [m for m in leftovers if not m.is_watchdog]


def _wait_until_gone(processes: list[MarkedProcess]) -> None:
    deadline = time.monotonic() + CLEANUP_DEADLINE_S
    while _still_there(processes) and time.monotonic() < deadline:
        time.sleep(0.02)


def _still_there(processes: list[MarkedProcess]) -> list[MarkedProcess]:
    """Those that still run and still carry the mark: the id may have been given to another."""
    return [m for m in marked_processes() if m in processes]


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
