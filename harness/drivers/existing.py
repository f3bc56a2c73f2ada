"""A service that runs already, named by its address: nothing is built, started or stopped."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from harness.drivers.base import (
    Artifact,
    Availability,
    LaunchSettings,
    OnLine,
    RunningTarget,
    StopResult,
    base_url,
)
from harness.errors import StartError, UsageError
from harness.model import TargetSpec

_CONNECT_DEADLINE_S = 5.0
_NOT_OURS = "it was running already, so its process is not known"


@dataclass(frozen=True)
class ExistingService(RunningTarget):
    """Reached by its address alone."""

    @property
    def ready_ns(self) -> None:
        """Nobody saw it start."""

    def is_alive(self) -> bool:
        return _answers(self.host, self.port)

    def log_tail(self, lines: int = 20) -> str:
        return ""

    def signal(self, number: signal.Signals) -> None:
        """It is not ours to signal."""

    def stop(self, grace_s: float = 3.0) -> StopResult:
        return StopResult(exit_code=None, seconds=0.0, killed=False)


class ExistingDriver:
    """Takes an address for a target."""

    def __init__(self, url: str) -> None:
        """Raises UsageError as `address_of` does."""
        self._host, self._port = address_of(url)

    def target(self) -> TargetSpec:
        """The address as a target, for plans and reports."""
        return TargetSpec(
            name="service",
            label=f"{self._host}:{self._port}",
            language="unknown",
            payload=None,
            reload=None,
            folder=Path(),
        )

    def available(self) -> Availability:
        return Availability(True, f"the service at {self._host}:{self._port}")

    def prepare(self, target: TargetSpec, on_line: OnLine) -> Artifact:
        """Raises StartError, before anything is measured, when nothing is there."""
        self._reach()
        return Artifact(target=target, content_hash="unknown", is_ready_made=True)

    @contextmanager
    def start(self, artifact: Artifact, settings: LaunchSettings) -> Iterator[ExistingService]:
        host = self._reach()
        now_ns = time.time_ns()
        yield ExistingService(
            target=artifact.target,
            pid=None,
            host=host,
            port=self._port,
            started_unix_ns=now_ns,
            ready_unix_ns=now_ns,
            limits=(),
            log_path=settings.log_path,
            network_mode="host",
            pid_missing_because=_NOT_OURS,
        )

    def _reach(self) -> str:
        if not _answers(self._host, self._port):
            raise StartError(
                f"nothing takes connections at {self._host}:{self._port}; start the service first"
            )
        return self._host

    def cleanup(self, run_id: str | None) -> list[str]:
        return []


def address_of(url: str) -> tuple[str, int]:
    """The host and port of `--url`; `http://` may be left out. Raises UsageError for what is more or less."""
    parts = urlsplit(url if "//" in url else f"//{url}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"--url {url}: {error}") from error
    if parts.scheme not in ("", "http") or not host or port == 0:
        raise UsageError(f"--url {url}: an address such as http://127.0.0.1:8080 is needed (plain http)")
    if parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise UsageError(
            f"--url {url}: only host and port can be given, such as {base_url(host, port or 80)}; "
            "paths are those of the requests"
        )
    return host, port or 80


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), _CONNECT_DEADLINE_S).close()
    except OSError:
        return False
    return True
