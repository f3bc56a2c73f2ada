"""A process's share of its core, against all others and not only those of its own session."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def set_nice(pid: int, nice: int) -> int:
    """Gives a session's first process a nice value; returns the one it has, which a privilege may have denied.

    Where the kernel groups processes by session (sched_autogroup, the default of most distributions), a nice
    value counts only within the session: across sessions the group's own counts, so a better one is set there
    as well. A worse one is not: on a busy machine it would keep a process from ever starting up.
    """
    with contextlib.suppress(PermissionError, ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, pid, nice)
    try:
        reached = os.getpriority(os.PRIO_PROCESS, pid)
    except ProcessLookupError:
        return nice
    if reached < 0 and os.getsid(pid) == pid:
        with contextlib.suppress(OSError):  # no such groups here, or not allowed
            Path(f"/proc/{pid}/autogroup").write_text(str(reached), encoding="ascii")
    return reached
