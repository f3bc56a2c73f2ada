"""The life of one started container: whether it has ended, and how to end it."""

from __future__ import annotations

import io
import os
import select
import tarfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from harness.drivers.base import StopResult
from harness.drivers.build import tail
from harness.drivers.docker_engine import Container, Engine
from harness.drivers.docker_terms import State
from harness.errors import InfrastructureError

INSPECT_EVERY_S = 0.05
KILL_DEADLINE_S = 10.0


class ContainerRun:
    """A started container. Ended ones keep their result and log; `close` frees what watches it."""

    def __init__(self, container: Container, log_path: Path) -> None:
        self._container = container
        self._log_path = log_path
        self._result: StopResult | None = None
        container.start()
        state = container.state()
        self.pid = state.pid if state.running and is_here(state.pid, container.id) else None
        self._pidfd: int | None = None
        if self.pid is not None:
            with suppress(OSError):  # it has ended meanwhile: found out by asking the engine
                self._pidfd = os.pidfd_open(self.pid)

    def close(self) -> None:
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None

    def ended(self, timeout_s: float) -> StopResult | None:
        """Waits so long for it to end by itself; None if it still runs."""
        if self._result is None and (state := self._wait(timeout_s)) is not None:
            self._finish(state, began=time.monotonic(), killed=False)
        return self._result

    def stop(self, grace_s: float) -> StopResult:
        """SIGTERM, SIGKILL after the grace, and the log saved. Again: the same result."""
        if (result := self.ended(0)) is not None:
            return result
        began = time.monotonic()
        self._container.signal("SIGTERM")
        state = self._wait(grace_s)
        killed = state is None
        if state is None:
            self._container.signal("SIGKILL")
            state = self._wait(KILL_DEADLINE_S)
        if state is None:
            raise InfrastructureError(f"container {self._container.id[:12]} survives even SIGKILL")
        return self._finish(state, began, killed)

    def log_tail(self, lines: int) -> str:
        """The last lines it wrote, from the engine while it has them and from the saved log later."""
        if self._result is not None:
            return tail(self._log_path, lines)
        return self._container.log(lines).decode(errors="replace").rstrip("\n")

    def _finish(self, state: State, began: float, killed: bool) -> StopResult:
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        self._log_path.write_bytes(self._container.log())
        self._result = StopResult(
            exit_code=state.exit_code,
            seconds=time.monotonic() - began,
            killed=killed,
            out_of_memory=state.out_of_memory,
        )
        return self._result

    def _wait(self, timeout_s: float) -> State | None:
        """Its state once it no longer runs; None if it still does after the time."""
        deadline = time.monotonic() + timeout_s
        if self._pidfd is not None:
            if not select.select([self._pidfd], [], [], timeout_s)[0]:
                return None
            deadline = time.monotonic() + KILL_DEADLINE_S  # it has ended; the engine is to notice
        while True:
            state = self._container.state()
            if not state.running:
                return state
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return None
            time.sleep(min(left_s, INSPECT_EVERY_S))


def is_here(pid: int, container_id: str) -> bool:
    """Whether the engine's process id counts here: that process is in the container's control group."""
    try:
        return container_id in Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return False


def tar_of(files: Mapping[str, Path]) -> bytes:
    """A tar archive of host files under the (absolute) names they get inside, readable to everyone."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for inside, path in files.items():
            data = path.read_bytes()
            entry = tarfile.TarInfo(inside.lstrip("/"))
            entry.size = len(data)
            entry.mode = 0o644
            entry.mtime = time.time()
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def remove_container(container_id: str, grace_s: float) -> None:
    """Ends and removes a container in order, if it is still there."""
    container = Engine().container(container_id)
    if container is None:
        return
    deadline = time.monotonic() + grace_s
    container.signal("SIGTERM")
    while container.state().running and time.monotonic() < deadline:
        time.sleep(INSPECT_EVERY_S)
    container.remove()
