"""Removes one container if the harness dies: a program of its own, asleep on a pipe while all is well.

`python -m harness.drivers.container_watchdog CONTAINER`: the line `done` on standard input ends it; an end of
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

GRACE_WITHOUT_HARNESS_S = 3.0
FAREWELL = "done\n"


class _Terminated(Exception):
    pass


@contextmanager
def watched(container_id: str, marks: Mapping[str, str]) -> Iterator[None]:
    """A watchdog for a container, as long as the context lasts."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, container_id],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **marks, ROLE_VARIABLE: WATCHDOG_ROLE},
        start_new_session=True,
        text=True,
    )
    try:
        yield
    finally:
        with suppress(BrokenPipeError):
            process.communicate(FAREWELL)


def main(container_id: str) -> int:
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _terminated)
    with suppress(_Terminated):
        if sys.stdin.readline() == FAREWELL:
            return 0
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # Not before: a watchdog that has nothing to do should not cost the memory of the SDK.
    from harness.drivers.container import remove_container

    remove_container(container_id, GRACE_WITHOUT_HARNESS_S)
    return 0


def _terminated(*_: object) -> None:
    raise _Terminated


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
