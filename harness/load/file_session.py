"""A window on a Python worker that runs a user's own Locust file: told by events, not by a request pool."""

from __future__ import annotations

import re
from collections.abc import Callable
from http.client import HTTPException
from typing import Any

import requests
from gevent import Timeout

from harness.load.locust_client import failure
from harness.load.plan import LoadPlan
from harness.load.recorder import Reason, Recorder
from harness.load.worker_clock import Clock
from harness.units import NS_PER_MS, NS_PER_S

_NOT_IN_A_KIND = re.compile(r"[^A-Za-z0-9._/-]+")


class FileSession:
    """Its users do as they like; Locust's `request` event tells what came of it."""

    def __init__(self, plan: LoadPlan, stop_users: Callable[[float], None]) -> None:
        """`stop_users` lets users finish what they are at, for so many seconds."""
        self.plan = plan
        self.recorder = Recorder(plan.run, open_load=False, duration_ns=round(plan.duration_s * NS_PER_S))
        self.clock = Clock(plan)
        self._stop_users = stop_users
        self._bytes_received = 0

    def ready(self) -> dict[str, Any]:
        return {"connections": 0, "schedule_sha256": None}

    def begin(self, start_unix_ns: int) -> None:
        self.clock.start(start_unix_ns)

    def flush(self) -> None:
        self.clock.end()

    def note(
        self, name: str, response_time: float, response_length: int | None, exception: BaseException | None
    ) -> None:
        """A request that Locust was told of: its duration is in ms, as a float."""
        completed_ns = self.clock.now_ns()
        sent_ns = max(0, completed_ns - round((response_time or 0) * NS_PER_MS))
        kind = _NOT_IN_A_KIND.sub("_", name) or "request"
        self.recorder.intended(sent_ns)
        self.recorder.sent(kind, sent_ns, sent_ns, backlog=0, inflight=0)
        self._bytes_received += response_length or 0
        if exception is None:
            self.recorder.completed(kind, sent_ns, sent_ns, sent_ns, completed_ns)
        else:
            self.recorder.failed(kind, _reason(exception), sent_ns, completed_ns)

    def conduct(self) -> dict[str, Any]:
        """Sees the window through to its end and returns what `bench_done` says of it."""
        self.clock.wait_for_start()
        self.clock.wait_for_end()
        self._stop_users(self.clock.drain_left_s)
        unknown = {"checked_bodies": 0, "connections_opened": 0, "connections_lost": 0, "bytes_sent": 0}
        return {
            "totals": self.recorder.totals.as_fields()
            | self.clock.usage()
            | unknown
            | {"bytes_received": self._bytes_received},
            "markers": {},
            "tcp": {"retransmits": 0},
        }


def _reason(error: BaseException) -> Reason:
    """Users of a file have clients of their own: FastHttpUser's, the requests library's, or any other.

    An answer that came but that the client or the file itself calls a failure counts as one of status.
    """
    match getattr(error, "original", None) or error:
        case requests.HTTPError():
            return "status"
        case requests.Timeout():
            return "timeout"
        case requests.ConnectionError():
            return "connect"
        case OSError() | HTTPException() | Timeout():
            return failure(error) or "status"
        case _:
            return "status"
