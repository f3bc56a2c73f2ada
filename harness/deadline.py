"""A deadline for a step, whatever it is doing when its time is up: nothing of a session can hang for ever."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from harness.errors import DeadlineError

_AT_ONCE_S = 1e-6


@contextmanager
def deadline(step: str, seconds: float) -> Iterator[None]:
    """Ends the block when it takes longer, by raising DeadlineError where it is. For the main thread only.

    Deadlines may be nested; the earlier one is kept, whichever that is.
    """
    began_s = time.monotonic()
    outer = signal.getsignal(signal.SIGALRM)

    def ring(number: int, frame: FrameType | None) -> None:
        left_s = began_s + seconds - time.monotonic()
        if left_s <= 0:
            raise DeadlineError(f"{step} did not end within {seconds:,.0f} s")
        signal.setitimer(signal.ITIMER_REAL, left_s)  # it was the outer one's time
        if callable(outer):
            outer(number, frame)

    signal.signal(signal.SIGALRM, ring)
    outer_left_s, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    if 0 < outer_left_s < seconds:
        signal.setitimer(signal.ITIMER_REAL, outer_left_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        _give_back(outer, outer_left_s and outer_left_s - (time.monotonic() - began_s))


def _give_back(handler: Any, left_s: float) -> None:
    """The outer deadline as it would be without ours; one that has passed meanwhile rings at once."""
    signal.signal(signal.SIGALRM, handler)
    if left_s:
        signal.setitimer(signal.ITIMER_REAL, max(left_s, _AT_ONCE_S))
