"""The harness's side of the watchdog: a command that cannot outlive the harness."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from harness.drivers import watchdog
from harness.drivers.base import StopResult
from harness.drivers.cgroups import ControlGroup, oom_kills
from harness.drivers.owner import ROLE_VARIABLE, WATCHDOG_ROLE
from harness.errors import InfrastructureError, StartError

START_DEADLINE_S = 10.0
MARGIN_S = 5.0
"""How much longer than the grace the watchdog may take before it is taken for dead itself."""


@dataclass(frozen=True)
class Command:
    """What is to be started; `environment` is the whole of it, nothing is inherited."""

    argv: tuple[str, ...]
    cwd: Path
    environment: Mapping[str, str]
    log_path: Path
    cpus: tuple[int, ...] | None = None
    nofile: int | None = None
    control_group: ControlGroup | None = None

    def order(self) -> dict[str, Any]:
        group = self.control_group
        return {
            "argv": list(self.argv),
            "cwd": str(self.cwd),
            "environment": dict(self.environment),
            "log": str(self.log_path),
            "cpus": list(self.cpus) if self.cpus else None,
            "nofile": self.nofile,
            "cgroup": {"folder": str(group.folder), "events": str(group.events)} if group else None,
        }


class Supervised:
    """A running command under its watchdog; a context manager that leaves nothing behind.

    `pid` is the command's own process id (also its process group and session), never the watchdog's.
    Raises StartError from the constructor when the command cannot be executed; its control group is then gone too.
    """

    def __init__(self, command: Command, marks: Mapping[str, str]) -> None:
        self._command = command
        self._result: StopResult | None = None
        self._rest = b""
        with command.log_path.open("ab") as log:
            self._watchdog = subprocess.Popen(
                [sys.executable, "-I", "-S", watchdog.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**marks, ROLE_VARIABLE: WATCHDOG_ROLE},
                start_new_session=True,
            )
        try:
            self._tell(json.dumps(command.order()))
            started = self._next_report(START_DEADLINE_S)
            if started is None or started["event"] != "started":
                unreported = f"cannot start {command.argv[0]}: the watchdog did not report"
                raise StartError(started["error"] if started else unreported)
        except BaseException:
            self._close()
            if command.control_group is not None:
                with suppress(OSError):
                    command.control_group.folder.rmdir()
            raise
        self.pid: int = started["pid"]
        self.started_unix_ns: int = started["unix_ns"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait(self, timeout_s: float) -> StopResult | None:
        """Waits for the command to end by itself; None if it still runs after `timeout_s`."""
        began = time.monotonic()
        if self._is_let_go:
            return self._unheard_end(timeout_s)
        if self._result is None and (report := self._next_report(timeout_s)) is not None:
            self._result = StopResult(
                exit_code=report.get("code"),
                seconds=time.monotonic() - began,
                killed=report.get("killed", False),
                out_of_memory=oom_kills(report.get("cgroup_events")) > 0,
            )
            self._close()
        return self._result

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the command's process. The watchdog sends it, so it cannot reach another's."""
        if self._result is None:
            self._tell(f"signal {number.value}")

    def stop(self, grace_s: float = 3.0) -> StopResult:
        """SIGTERM, SIGKILL to all that is left after `grace_s`. Again: the same result.

        After a stop that was interrupted it waits for the end that the watchdog sees to; how it ended is then unknown.
        """
        if self._result is not None:
            return self._result
        try:
            self._tell(f"stop {grace_s}")
            result = self.wait(grace_s + MARGIN_S)
        except BaseException:  # such as Ctrl-C or a deadline: the watchdog finishes by itself
            self._close_pipes()
            raise
        if result is None:
            self._watchdog.kill()  # takes the command with it, see PR_SET_PDEATHSIG
            self._close()
            raise InfrastructureError(
                f"process {self.pid} ({self._command.argv[0]}) does not end, even by SIGKILL"
            )
        return result

    @property
    def _is_let_go(self) -> bool:
        """Whether a stop was interrupted: the watchdog is told nothing more, and is not heard."""
        assert self._watchdog.stdin is not None
        return self._result is None and self._watchdog.stdin.closed

    def _unheard_end(self, timeout_s: float) -> StopResult | None:
        """Waits for the watchdog, which ends when all of its command has; None if it is not done in time."""
        began = time.monotonic()
        try:
            self._watchdog.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        self._result = StopResult(exit_code=None, seconds=time.monotonic() - began, killed=False)
        return self._result

    def _tell(self, line: str) -> None:
        stdin = self._watchdog.stdin
        assert stdin is not None
        if self._is_let_go:
            return
        with suppress(BrokenPipeError):  # it has ended; what it reported is still to be read
            stdin.write(line.encode() + b"\n")
            stdin.flush()

    def _next_report(self, timeout_s: float) -> dict[str, Any] | None:
        """The next report, `{"event": "exited"}` if the watchdog died without one, None when time ran out."""
        stdout = self._watchdog.stdout
        assert stdout is not None
        deadline = time.monotonic() + timeout_s
        while b"\n" not in self._rest:
            readable, _, _ = select.select([stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not readable:
                return None
            chunk = os.read(stdout.fileno(), 65_536)
            if not chunk:
                return {"event": "exited", "error": "the watchdog ended"}
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        report: dict[str, Any] = json.loads(line)
        return report

    def _close(self) -> None:
        self._close_pipes()
        self._watchdog.wait(START_DEADLINE_S)

    def _close_pipes(self) -> None:
        for pipe in (self._watchdog.stdin, self._watchdog.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
