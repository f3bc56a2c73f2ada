"""What every driver offers: build a target, start it under limits, stop it by its identity.

`prepare` turns a TargetSpec into an Artifact (cached by content), `start` turns an Artifact into a
RunningTarget for as long as its context lasts. Instants are unix nanoseconds of the harness's machine.
"""

from __future__ import annotations

import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from harness.model import TargetSpec

OnLine = Callable[[str], None]
"""Called with each line a build prints."""


@dataclass(frozen=True)
class Availability:
    """Whether a driver can work on this machine, and why not (or, if it can, with what); how services are reached.

    `engine`: the container engine with its version, where one takes part.
    """

    ok: bool
    reason: str
    network_mode: str = "host"
    engine: str | None = None


@dataclass(frozen=True)
class ToolchainUsed:
    """A command that took part in a build or a run."""

    command: str
    path: Path
    version: str


@dataclass(frozen=True)
class Artifact:
    """A built target, ready to start any number of times.

    The process driver fills `values` (what its command's placeholders stand for) and `exports`, the docker driver
    `image` and `image_digest`. `build_s` is None when an earlier build with the same content hash was taken, or when
    there was nothing to build (`is_ready_made`: a command, an image or a service that is there already).
    """

    target: TargetSpec
    content_hash: str
    values: Mapping[str, str] = field(default_factory=dict)
    exports: Mapping[str, str] = field(default_factory=dict)
    toolchains: tuple[ToolchainUsed, ...] = ()
    image: str | None = None
    image_digest: str | None = None
    build_s: float | None = None
    is_ready_made: bool = False
    build_log: Path | None = None


@dataclass(frozen=True)
class LaunchSettings:
    """How one start of a target is to be. None means: no such limit, or (port) any free one.

    `environment` holds the contract's variables without BIND and PORT; `files` the host paths of those that
    name a file (ROUTES_FILE, AUTH_KEYS_FILE). The docker driver mounts the folders these files are in. The
    runtime may write about its pauses to `pause_log`, in a folder that holds nothing else.
    """

    environment: Mapping[str, str]
    run_id: str
    case: str
    log_path: Path
    files: Mapping[str, Path] = field(default_factory=dict)
    pause_log: Path | None = None
    cpus: tuple[int, ...] | None = None
    memory_limit_bytes: int | None = None
    port: int | None = None
    ready_deadline_s: float = 60.0
    nofile: int | None = 65_536


def pause_environment(target: TargetSpec, log: str) -> dict[str, str]:
    """What makes the target's runtime write of its pauses to `log`, as it sees that path."""
    found = target.pauses.environment if target.pauses else {}
    return {name: value.replace("{file}", log) for name, value in found.items()}


@dataclass(frozen=True)
class Limit:
    """One limit that was asked for, and whether the system really holds the target to it."""

    name: str
    asked: str
    enforced: bool
    how: str


@dataclass(frozen=True)
class StopResult:
    """How a target ended. `exit_code` is negative for a signal, None when nobody could tell.

    `seconds` runs from the first request to stop until the last of its processes was gone.
    """

    exit_code: int | None
    seconds: float
    killed: bool
    out_of_memory: bool = False

    def __str__(self) -> str:
        if self.out_of_memory:
            return "was killed for exceeding its memory limit"
        if self.exit_code is None:
            return "ended with an unknown exit code"
        if self.exit_code < 0:
            return f"was ended by {signal.Signals(-self.exit_code).name}"
        return f"exited with code {self.exit_code}"


def base_url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


@dataclass(frozen=True, kw_only=True)
class RunningTarget(ABC):
    """A service that answered its health check. It ends with the context that started it.

    `pid` is its first process as this machine sees it, or None with `pid_missing_because`.
    """

    target: TargetSpec
    pid: int | None
    host: str
    port: int
    started_unix_ns: int
    ready_unix_ns: int
    limits: tuple[Limit, ...]
    log_path: Path
    network_mode: str
    pid_missing_because: str | None = None
    cgroups: tuple[Path, ...] = ()
    image_digest: str | None = None

    @property
    def url(self) -> str:
        return base_url(self.host, self.port)

    @property
    def ready_ns(self) -> int | None:
        """From just before the service's start to its first healthy answer; None when it ran before."""
        return self.ready_unix_ns - self.started_unix_ns

    @abstractmethod
    def is_alive(self) -> bool:
        """Whether its first process still runs. Raises InfrastructureError when that cannot be found out."""

    @abstractmethod
    def log_tail(self, lines: int = 20) -> str:
        """The last lines it wrote to standard output and error."""

    @abstractmethod
    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to its first process; nothing happens if that has ended."""

    @abstractmethod
    def stop(self, grace_s: float = 3.0) -> StopResult:
        """SIGTERM, then SIGKILL to all of it after `grace_s`. Calling it again gives the same result."""


class Driver(Protocol):
    """A way to run targets."""

    def available(self) -> Availability:
        """Whether it can work here and now; never raises."""
        ...

    def prepare(self, target: TargetSpec, on_line: OnLine) -> Artifact:
        """Builds the target, or takes the earlier build of the same content.

        Raises ToolchainMissing, BuildError, InfrastructureError, or UsageError if the target's manifest says
        nothing about this driver.
        """
        ...

    def start(self, artifact: Artifact, settings: LaunchSettings) -> AbstractContextManager[RunningTarget]:
        """Starts it and waits until `/healthz` answers; leaving the context stops it.

        Raises StartError (with the log's tail) or InfrastructureError on entering.
        """
        ...

    def cleanup(self, run_id: str | None) -> list[str]:
        """Removes what `run_id` left (None: all runs whose harness is gone) and says what that was."""
        ...
