"""Offers windows of load through a Locust master and its workers, one at a time; collects their reports."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import gevent
from gevent.event import Event
from locust.rpc import Message
from locust.runners import STATE_MISSING, MasterRunner

from harness.errors import LoadError
from harness.load.plan import LoadPlan
from harness.load.window import Window
from harness.units import NS_PER_S

READY_DEADLINE_S = 30.0
REJOIN_DEADLINE_S = 10.0
"""A worker that is not ready for the next window may be about to announce itself: it does so every 5 s or sooner."""

STOP_GRACE_S = 2.0
START_AHEAD_S = 0.5
START_AHEAD_S_PER_CONNECTION = 0.000_1
LOOK_ROUND_S = 0.25
"""How often losses are looked for while no message comes."""

logger = logging.getLogger(__name__)


class Offering:
    """Writes progress with `emit`; tells the outcome by what `offer` returns."""

    def __init__(self, runner: MasterRunner, emit: Callable[..., None]) -> None:
        self._runner = runner
        self._emit = emit
        self._window: Window | None = None
        self._reports: TextIO | None = None
        self._changed = Event()
        for name, take in (
            ("bench_ready", Window.on_ready),
            ("bench_failed", Window.on_failed),
            ("bench_done", Window.on_done),
        ):
            runner.register_message(name, self._handing_to(take))
        events: Any = runner.environment.events
        events.worker_report.add_listener(self._on_report)
        events.worker_connect.add_listener(lambda **_: self._changed.set())
        events.test_stopping.add_listener(self._on_stopping)

    def await_workers(self, count: int, deadline_s: float) -> list[str]:
        """The ids of the workers that are ready. Raises LoadError when there are not `count` in time."""
        if not self._until(lambda: len(self._ready_workers()) >= count, deadline_s):
            ready = len(self._ready_workers())
            raise LoadError(f"{ready} of {count} workers were ready within {deadline_s:g} s")
        return self._ready_workers()

    def offer(self, plan: LoadPlan, output: Path, count: int) -> Window:
        """Offers one window with `count` workers; writes their reports to `output`/reports.jsonl as they come.

        What goes wrong once the load has started is a problem of the window returned. Raises LoadError when
        it cannot start, as with fewer workers, who would make another load.
        """
        workers = self.await_workers(count, REJOIN_DEADLINE_S)
        output.mkdir(parents=True, exist_ok=True)
        window = Window(plan, workers)
        with (output / "reports.jsonl").open("w", buffering=1, encoding="utf-8") as reports:
            self._window, self._reports = window, reports
            try:
                self._prepare(window)
                self._run(window)
            finally:
                self._window = self._reports = None
        return window

    def rest(self) -> None:
        """Locust's own stop, after which its workers can be given the next window."""
        self._runner.stop()
        present = [client.id for client in self._runner.clients.all if client.state != STATE_MISSING]
        if not self._until(lambda: set(present) <= set(self._ready_workers()), READY_DEADLINE_S):
            logger.warning("not every worker was ready again within %g s", READY_DEADLINE_S)

    def flush(self, deadline_s: float = 0.0) -> None:
        """Ends the window early, if there is one, and waits so long for its totals."""
        if (window := self._window) is not None:
            for worker in window.awaited:
                self._runner.send_message("bench_flush", {"run": window.plan.run}, worker)
            self._until(lambda: not window.awaited, deadline_s)

    def quit(self) -> None:
        """Sends the workers home."""
        self._runner.quit()

    # --- a window -----------------------------------------------------------------------------------------

    def _prepare(self, window: Window) -> None:
        for worker in window.workers:
            self._runner.send_message("bench_load", window.plan.to_message(window.share(worker)), worker)
        settled = self._until(
            lambda: window.all_ready or window.refusal is not None or window.anyone_lost, READY_DEADLINE_S
        )
        if window.refusal is not None:
            raise LoadError(window.refusal)
        if not settled:
            raise LoadError(f"the workers were not ready for the load within {READY_DEADLINE_S:g} s")
        if window.anyone_lost:
            raise LoadError("; ".join(window.problems))

    def _run(self, window: Window) -> None:
        plan = window.plan
        schedule_sha256 = window.schedule_sha256()
        ahead_s = START_AHEAD_S + plan.connections * START_AHEAD_S_PER_CONNECTION
        start_unix_ns = time.time_ns() + int(ahead_s * NS_PER_S)
        for worker in window.workers:
            start = {"run": plan.run, "start_unix_ns": start_unix_ns}
            self._runner.send_message("bench_start", start, worker)
        self._emit(
            "started",
            start_unix_ns=start_unix_ns,
            workers=window.preparations(),
            schedule_sha256=schedule_sha256,
        )
        users = gevent.spawn(self._start_users, plan)
        if not self._until(lambda: not window.awaited, ahead_s + plan.deadline_s):
            window.give_up("did not deliver its totals in time")
        # It adds a report up before we are told of it, so by now it has them all.
        window.locust_requests = self._runner.stats.total.num_requests
        users.kill()

    def _start_users(self, plan: LoadPlan) -> None:
        host = f"[{plan.host}]" if ":" in plan.host else plan.host
        self._runner.environment.host = f"http://{host}:{plan.port}"
        if self._runner.environment.shape_class is not None:
            self._runner.start_shape()
        else:
            self._runner.start(plan.connections, spawn_rate=plan.connections)

    # --- what happens -------------------------------------------------------------------------------------

    def _ready_workers(self) -> list[str]:
        ready = [client.id for client in self._runner.clients.ready]
        return sorted(ready, key=self._runner.get_worker_index)

    def _until(self, condition: Callable[[], bool], deadline_s: float) -> bool:
        """Waits until the condition holds; False when it does not within the deadline."""
        deadline = time.monotonic() + deadline_s
        while not condition():
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            self._changed.clear()
            self._changed.wait(min(left_s, LOOK_ROUND_S))
            self._notice_losses()
        return True

    def _notice_losses(self) -> None:
        if (window := self._window) is None:
            return
        for worker in window.awaited:
            client = self._runner.clients.get(worker)
            if client is None:
                window.on_lost(worker, "quit")
            elif client.state == STATE_MISSING:
                window.on_lost(worker, "fell silent")

    def _handing_to(self, take: Callable[[Window, str, dict[str, Any]], None]) -> Callable[..., None]:
        def listener(msg: Message, **_: Any) -> None:
            if self._window is not None:
                take(self._window, msg.node_id, msg.data)
            self._changed.set()

        return listener

    def _on_report(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        report = data.get("bench")
        if report is None or self._window is None or self._reports is None:
            return
        if self._window.on_report(client_id, report):
            self._reports.write(json.dumps({"worker": client_id, **report}) + "\n")
            progress = self._window.progress
            self._emit(
                "progress",
                second=progress.second,
                completed=progress.completed,
                failed=progress.failed,
                users=self._runner.user_count,
            )

    def _on_stopping(self, **_: Any) -> None:
        """Someone else stops the users (the web page, a shape at its end): not before all is delivered."""
        if self._window is not None:
            self.flush(deadline_s=self._window.plan.drain_ms / 1_000 + STOP_GRACE_S)
