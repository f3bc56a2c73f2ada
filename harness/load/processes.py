"""The generator's processes: started on their cores, with their logs; stopped by id in any state."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

from harness.affinity import pinned
from harness.errors import LoadError
from harness.priority import set_nice

LOG_TAIL_LINES = 15


class Child:
    """A process in a session and group of its own, whose standard input is a pipe that we hold.

    It is told to end when that pipe closes, which happens however we end ourselves.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        log: Path,
        *,
        cpus: Sequence[int] | None = None,
        nice: int = 0,
        environment: Mapping[str, str] | None = None,
        talks: bool = False,
    ) -> None:
        """Raises LoadError when it cannot be started. `talks`: its standard output is read, not logged."""
        self.name = name
        self.log = log
        try:
            with log.open("ab") as sink, pinned(cpus):
                self._process = subprocess.Popen(
                    argv,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE if talks else sink,
                    stderr=sink,
                    env={**os.environ, **(environment or {})},
                    start_new_session=True,
                )
        except OSError as error:
            raise LoadError(f"cannot start the {name} ({argv[0]}): {error.strerror}") from error
        self.nice = set_nice(self._process.pid, nice)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def output(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def tell(self, line: str) -> None:
        """Writes a line to its standard input. Raises LoadError when it is gone."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise LoadError(self.obituary()) from error

    def obituary(self) -> str:
        """How it ended, with the end of its log."""
        code = self._process.poll()
        how = "runs" if code is None else f"ended by {_signal_name(-code)}" if code < 0 else f"ended ({code})"
        return f"the {self.name} (pid {self.pid}) {how}; {self._log_tail()}"

    def signal(self, number: signal.Signals) -> None:
        """To it and to whatever it started; nothing when it is gone."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def wait(self, timeout_s: float) -> bool:
        """Whether it has ended within that time."""
        try:
            self._process.wait(max(0.0, timeout_s))
        except subprocess.TimeoutExpired:
            return False
        return True

    def release(self) -> None:
        """Closes our end of its standard input; whoever reads its output closes that."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def _log_tail(self) -> str:
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL_LINES:]
        except OSError as error:
            return f"its log {self.log} cannot be read: {error.strerror}"
        return "the end of its log:\n  " + "\n  ".join(lines) if lines else f"its log {self.log} is empty"


def stop(children: Iterable[Child], grace_s: float) -> None:
    """SIGTERM to all that still run, so long a wait, then SIGKILL. Whatever interrupts it, none survives."""
    children = list(children)
    try:
        for child in children:
            child.signal(signal.SIGTERM)
        await_end(children, grace_s)
    finally:
        for child in children:
            child.signal(signal.SIGKILL)
        for child in children:
            child.wait(grace_s)
            child.release()


def await_end(children: Iterable[Child], timeout_s: float) -> None:
    """Waits until all have ended, at most so long."""
    deadline = time.monotonic() + timeout_s
    for child in children:
        child.wait(deadline - time.monotonic())


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
