"""Time as a Python worker's window sees it: ns since its start, and whether its end has come."""

from __future__ import annotations

import resource
import time

import gevent
from gevent.event import Event

from harness.load.plan import LoadPlan
from harness.units import NS_PER_MS, NS_PER_S


class Clock:
    """Starts when told, ends by itself; `started` and `ended` can be waited for."""

    def __init__(self, plan: LoadPlan) -> None:
        self._start_ns = 0
        self.end_ns = round(plan.duration_s * NS_PER_S)
        self.drain_ns = plan.drain_ms * NS_PER_MS
        self.start_unix_ns = 0
        self.started = Event()
        self.ended = Event()
        self.wall_ns = 0
        self._cpu = resource.getrusage(resource.RUSAGE_SELF)

    def start(self, start_unix_ns: int) -> None:
        """The wall clock is read once; from then on only the monotonic one counts."""
        self.start_unix_ns = start_unix_ns
        self._start_ns = time.perf_counter_ns() + start_unix_ns - time.time_ns()
        self._cpu = resource.getrusage(resource.RUSAGE_SELF)
        self.started.set()

    def now_ns(self) -> int:
        return time.perf_counter_ns() - self._start_ns

    def to_perf_ns(self, at_ns: int) -> int:
        return at_ns + self._start_ns

    def from_perf_ns(self, perf_ns: int) -> int:
        return perf_ns - self._start_ns

    def wait_for_start(self) -> None:
        self.started.wait()
        gevent.sleep(max(0, -self.now_ns()) / NS_PER_S)

    def end(self) -> None:
        """Now, or when it should have been."""
        self.end_ns = min(self.end_ns, self.now_ns())
        self.ended.set()

    def wait_for_end(self) -> None:
        """Until the window's end, or until someone ends it early."""
        self.ended.wait(timeout=max(0, self.end_ns - self.now_ns()) / NS_PER_S)
        self.end()

    @property
    def drain_left_s(self) -> float:
        return max(0, self.end_ns + self.drain_ns - self.now_ns()) / NS_PER_S

    def usage(self) -> dict[str, int]:
        """Wall and CPU time since the start."""
        now = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "wall_ns": self.now_ns(),
            "cpu_user_ns": round((now.ru_utime - self._cpu.ru_utime) * NS_PER_S),
            "cpu_system_ns": round((now.ru_stime - self._cpu.ru_stime) * NS_PER_S),
        }
