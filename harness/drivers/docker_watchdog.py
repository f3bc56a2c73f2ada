"""Removes one container if the harness dies: a program of its own, asleep on a pipe while all is well.

`python -m harness.drivers.docker_watchdog CONTAINER`: the line `done` on standard input ends it; an end of
input without it, or SIGTERM, means that the harness is gone. The container then gets SIGTERM, three seconds,
and is removed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from harness.drivers.owner import ROLE_VARIABLE, WATCHDOG_ROLE
from harness.errors import InfrastructureError

GRACE_WITHOUT_HARNESS_S = 3.0
READY = "watching\n"
FAREWELL = "done\n"


class _Terminated(Exception):
    pass


@contextmanager
def watched(container_id: str, marks: Mapping[str, str]) -> Iterator[None]:
    """A watchdog for a container, as long as the context lasts; it sleeps before the container is started."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, container_id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **marks, ROLE_VARIABLE: WATCHDOG_ROLE},
        start_new_session=True,
        text=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        if process.stdout.readline() != READY:
            raise InfrastructureError(f"the watchdog of container {container_id[:12]} did not start")
        try:
            yield
        finally:
            with suppress(BrokenPipeError):
                process.stdin.write(FAREWELL)
                process.stdin.flush()


def main(container_id: str) -> int:
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _terminated)
    with suppress(_Terminated):
        sys.stdout.write(READY)
        sys.stdout.flush()
        if sys.stdin.readline() == FAREWELL:
            return 0
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # Not before: a watchdog that has nothing to do should not cost the memory of the SDK.
    from harness.drivers.docker_container import remove_container

    remove_container(container_id, GRACE_WITHOUT_HARNESS_S)
    return 0


def _terminated(*_: object) -> None:
    raise _Terminated


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
