"""Sleeping to a nanosecond's instant in a gevent program, on a Linux timer descriptor.

gevent's own sleep counts whole milliseconds (libev's epoll does) and is up to one late.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress

import gevent

from harness.units import NS_PER_S

_CLOCK_MONOTONIC = 1
_TFD_TIMER_ABSTIME = 1
_PR_SET_TIMERSLACK = 29
_READ = 1

_libc = ctypes.CDLL(None, use_errno=True)


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Timer(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class Alarm:
    """One greenlet's alarm clock, by `time.perf_counter_ns`. Raises OSError when the kernel gives none."""

    def __init__(self) -> None:
        self._fd: int = _libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create failed")

    def sleep_until(self, perf_ns: int) -> None:
        """Sleeps to this instant, or until someone calls `ring`. An instant gone by is no sleep."""
        self._set(max(perf_ns, 1))
        hub = gevent.get_hub()
        hub.wait(hub.loop.io(self._fd, _READ))
        with suppress(BlockingIOError):
            os.read(self._fd, 8)

    def ring(self) -> None:
        """Wakes the sleeper now."""
        self._set(1)

    def close(self) -> None:
        os.close(self._fd)

    def _set(self, perf_ns: int) -> None:
        timer = _Timer(value=_Timespec(*divmod(perf_ns, NS_PER_S)))
        if _libc.timerfd_settime(self._fd, _TFD_TIMER_ABSTIME, ctypes.byref(timer), None) != 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime failed")


def sharpen_timers() -> None:
    """Asks the kernel not to bundle this thread's timers with later ones, by default 50 µs apart."""
    _libc.prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
