"""A window on a Python worker: its share of a request pool, offered by Locust users and written down."""

from __future__ import annotations

import re
from bisect import bisect_right
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple, cast

import gevent
from gevent.event import Event
from locust.contrib.fasthttp import FastHttpSession

from harness.errors import LoadError
from harness.load.alarm import Alarm
from harness.load.locust_client import Connections, Prepared, failure, prepare
from harness.load.plan import LoadPlan, Share
from harness.load.pool import RequestPool
from harness.load.recorder import Reason, Recorder
from harness.load.schedule import arrivals_ns, fingerprint
from harness.load.worker_clock import Clock
from harness.units import NS_PER_MS, NS_PER_S


class _End(NamedTuple):
    """How a request ended: the kind it counts as, why it failed (None: it did not), and when."""

    kind: str
    reason: Reason | None
    at_ns: int


class PoolSession:
    """Offers a request pool. Every user is a caller, all share the connections."""

    def __init__(self, plan: LoadPlan, share: Share) -> None:
        """Reads the pool, draws the schedule, opens the connections. Raises LoadError."""
        if plan.requests is None:
            raise LoadError("the plan names no request pool, and this worker has no Locust file")
        self.plan = plan
        self.recorder = Recorder(
            plan.run, open_load=plan.mode == "open", duration_ns=round(plan.duration_s * NS_PER_S)
        )
        self.clock = Clock(plan)
        pool = RequestPool.read(Path(plan.requests))
        self._requests, self._order = prepare(pool), pool.order
        self._share = share
        self._number = share.index
        self._arrivals: list[int] | None = None
        self._schedule_sha256: str | None = None
        if plan.mode == "open":
            schedule = arrivals_ns(plan.arrivals, plan.seed, plan.steps)
            self._arrivals = schedule[share.index :: share.count]
            self._schedule_sha256 = fingerprint(schedule)
        self._next = 0
        self._timeout_ns = plan.timeout_ms * NS_PER_MS
        size = len(range(share.index, plan.connections, share.count))
        self.connections = Connections(plan.host, plan.port, max(1, size), plan.timeout_ms / 1_000)
        self._inflight: dict[object, tuple[str, int]] = {}
        self._holding = 0
        self._alarms: list[Alarm] = []
        self._idle = Event()
        self._over = False
        self._marker = plan.marker.encode() if plan.marker else None
        self._markers: dict[str, dict[str, int]] = {}
        self._checked = self._bytes_sent = self._bytes_received = 0

    def ready(self) -> dict[str, Any]:
        """Opens the connections. Raises LoadError when the service does not take them."""
        try:
            opened = self.connections.open()
        except OSError as error:
            raise LoadError(f"{self.plan.host}:{self.plan.port} cannot be reached: {error}") from error
        return {"connections": opened, "schedule_sha256": self._schedule_sha256}

    def begin(self, start_unix_ns: int) -> None:
        self.clock.start(start_unix_ns)

    def flush(self) -> None:
        self.clock.end()
        for alarm in self._alarms:
            alarm.ring()

    # --- what users do ------------------------------------------------------------------------------------

    def serve(self, client: FastHttpSession) -> None:
        """One user's whole life: offers until the window is over, then waits to be stopped."""
        self.clock.wait_for_start()
        if self._arrivals is None:
            while self._offer_next(client):
                pass
        else:
            alarm = Alarm()
            self._alarms.append(alarm)
            while self._offer_due(client, alarm):
                pass
        Event().wait()

    def _offer_next(self, client: FastHttpSession) -> bool:
        """Closed load: at once, or after the time to think."""
        now_ns = self.clock.now_ns()
        if now_ns >= self.clock.end_ns or self.clock.ended.is_set():
            return False
        self.recorder.intended(now_ns)
        self._send(client, now_ns, now_ns, backlog=0)
        if self.plan.think_time_us:
            gevent.sleep(self.plan.think_time_us / 1_000_000)
        return True

    def _offer_due(self, client: FastHttpSession, alarm: Alarm) -> bool:
        """Open load: the next arrival that no other user has, at its instant or as soon as one is free."""
        assert self._arrivals is not None
        free_ns = self.clock.now_ns()
        if self._next >= len(self._arrivals) or self._arrivals[self._next] > self.clock.end_ns:
            return False
        intended_ns = self._arrivals[self._next]
        self._next += 1
        self._holding += 1
        try:
            while (now_ns := self.clock.now_ns()) < intended_ns <= self.clock.end_ns:
                alarm.sleep_until(self.clock.to_perf_ns(intended_ns))
            if intended_ns > self.clock.end_ns:
                return False
            self.recorder.intended(intended_ns)
            if now_ns - intended_ns > self._timeout_ns:
                self.recorder.dropped(now_ns)
            else:
                self._send(client, intended_ns, free_ns, backlog=self._due(now_ns))
        finally:
            self._holding -= 1
            self._look_idle()
        return True

    def _due(self, now_ns: int) -> int:
        """Arrivals that are due and that nobody has taken."""
        assert self._arrivals is not None
        return max(0, bisect_right(self._arrivals, min(now_ns, self.clock.end_ns)) - self._next)

    def _send(self, client: FastHttpSession, intended_ns: int, free_ns: int, backlog: int) -> None:
        request = self._requests[self._order[self._number % len(self._order)]]
        self._number += self._share.count
        key = object()
        self._inflight[key] = request.kind, intended_ns
        sent_ns = self.clock.now_ns() if self._arrivals is not None else intended_ns
        self.recorder.sent(request.kind, intended_ns, sent_ns, backlog=backlog, inflight=len(self._inflight))
        self._bytes_sent += request.wire_bytes
        end = self._exchange(client, request, intended_ns)
        if self._inflight.pop(key, None) is not None:
            if end.reason is None:
                self.recorder.completed(end.kind, intended_ns, free_ns, sent_ns, end.at_ns)
            else:
                self.recorder.failed(end.kind, end.reason, intended_ns, end.at_ns)
        self._look_idle()

    def _exchange(self, client: FastHttpSession, request: Prepared, intended_ns: int) -> _End:
        """Sends and reads the answer."""
        try:
            with client.request(
                request.method,
                request.target,
                name=request.kind,
                data=cast("str", request.body),  # bytes are sent as they are
                headers=request.headers,
                catch_response=True,
            ) as response:
                completed_ns = self.clock.now_ns()
                reason = self._judge(request, response)
                if reason is None and completed_ns - intended_ns > self._timeout_ns:
                    reason = "timeout"
                if reason is None:
                    response.success()
                else:
                    response.failure(reason)
        except HTTPException as error:  # what is no HTTP answer goes through Locust 2.43
            return _End(request.kind, failure(error), self.clock.now_ns())
        kind = request.kind if reason else request.also.get(response.status_code, request.kind)
        return _End(kind, reason, completed_ns)

    def _judge(self, request: Prepared, response: Any) -> Reason | None:
        reason = failure(response.request_meta["exception"])
        if reason is not None:
            return reason
        body = response.content or b""
        self._bytes_received += len(body)
        if self._marker is not None:
            self._note_marker(body)
        if response.status_code in request.also:
            return None
        if response.status_code != request.expect:
            return "status"
        if request.expected_body is not None:
            if len(body) != len(request.expected_body):
                return "body"
            if self.plan.check_every and self.recorder.totals.sent % self.plan.check_every == 0:
                self._checked += 1
                return None if body == request.expected_body else "body"
        return None

    def _note_marker(self, body: bytes) -> None:
        assert self._marker is not None
        at = body.find(self._marker)
        found = re.match(rb"\s*(\d+)", body[at + len(self._marker) :]) if at >= 0 else None
        if found is None:
            return
        now_unix_ns = self.clock.start_unix_ns + self.clock.now_ns()
        seen = self._markers.setdefault(
            found[1].decode(), {"count": 0, "first_unix_ns": now_unix_ns, "last_unix_ns": now_unix_ns}
        )
        seen["count"] += 1
        seen["last_unix_ns"] = now_unix_ns

    # --- the end ------------------------------------------------------------------------------------------

    def conduct(self) -> dict[str, Any]:
        """Sees the window through to its end and returns what `bench_done` says of it."""
        self.clock.wait_for_start()
        self.clock.wait_for_end()
        self._look_idle()
        if not self._idle.wait(timeout=self.clock.drain_left_s):
            self._write_off()
        usage = self.clock.usage()
        retransmits = self.connections.finish()
        for alarm in self._alarms:
            alarm.close()
        return {
            "totals": self.recorder.totals.as_fields()
            | usage
            | {
                "checked_bodies": self._checked,
                "connections_opened": self.connections.opened,
                "connections_lost": self.connections.lost,
                "bytes_sent": self._bytes_sent,
                "bytes_received": self._bytes_received,
            },
            "markers": self._markers,
            "tcp": {"retransmits": retransmits},
        }

    def _look_idle(self) -> None:
        if not self.clock.ended.is_set() or self._inflight or self._idle.is_set():
            return
        if self._arrivals is None or (self._holding == 0 and self._due(self.clock.end_ns) == 0):
            self._idle.set()

    def _write_off(self) -> None:
        """What was not answered in the time to drain has failed; what was not even sent is dropped."""
        now_ns = self.clock.now_ns()
        for kind, intended_ns in self._inflight.values():
            self.recorder.failed(kind, "timeout", intended_ns, now_ns)
        self._inflight.clear()
        if self._arrivals is not None:
            until = bisect_right(self._arrivals, self.clock.end_ns)
            for intended_ns in self._arrivals[self._next : until]:
                self.recorder.intended(intended_ns)
                self.recorder.dropped(now_ns)
            self._next = len(self._arrivals)
