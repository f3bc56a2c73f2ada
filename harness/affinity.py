"""Which cores this process, and what it starts, may run on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence


@contextlib.contextmanager
def pinned(cpus: Sequence[int] | None) -> Iterator[None]:
    """This thread keeps to these cores meanwhile, and what it starts from its first instruction on. None: to no others.

    Afterwards it may run where it might before: a session divides the cores that it finds allowed, and the next one
    of this process is to find them all.
    """
    if not cpus:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
