"""The stock engine: a Locust worker in Python that serves the windows of our master, or runs a Locust file.

`docs/load-protocol.md` describes what it is told and what it answers.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
from gevent.fileobject import FileObjectPosix
from locust import FastHttpUser, task
from locust.env import Environment
from locust.rpc import Message
from locust.runners import WorkerRunner
from locust.stats import RequestStats

from harness.errors import HarnessError, LoadError
from harness.load.alarm import sharpen_timers
from harness.load.file_session import FileSession
from harness.load.locustfile import BENCH_USER, environment
from harness.load.plan import LoadPlan
from harness.load.pool_session import PoolSession
from harness.load.recorder import SCHEMA

MASTER_SILENT_S = 4.0
LOOK_ROUND_S = 0.5

logger = logging.getLogger("harness.load.locust_worker")


class _Runner(WorkerRunner):
    """Locust's own, which says that it is ready only after it has learnt our messages."""

    def __init__(
        self, of: Environment, host: str, port: int, before_joining: Callable[[WorkerRunner], None]
    ) -> None:
        self._before_joining: Callable[[WorkerRunner], None] | None = before_joining
        super().__init__(of, host, port)

    def connect_to_master(self) -> None:
        """Called by the base class, again and again until a master answers."""
        if self._before_joining is not None:
            self._before_joining(self)
            self._before_joining = None
        super().connect_to_master()  # type: ignore[no-untyped-call]


class Worker:
    """Joins a Locust worker to the windows it takes part in, one at a time."""

    def __init__(self, locustfile: Path | None) -> None:
        self._session: PoolSession | FileSession | None = None
        self._conducting: gevent.Greenlet | None = None
        self._has_file = locustfile is not None
        self._user_class = _bench_user_class(self)
        self._environment = environment(locustfile, self._user_class)
        self._runner: WorkerRunner

    def join(self, host: str, port: int) -> None:
        """Connects to the master and serves until it says quit. Raises LoadError when there is none."""
        of = self._environment
        events: Any = of.events
        events.report_to_master.add_listener(self._on_report)
        events.test_start.add_listener(self._on_start_of_users)
        events.test_stopping.add_listener(self._on_stopping)
        if self._has_file:
            events.request.add_listener(self._on_request)
        of.stats = RequestStats(use_response_times_cache=False)
        try:
            of.runner = _Runner(of, host, port, self._before_joining)
        except ConnectionError as error:
            raise LoadError(f"no Locust master answered at {host}:{port}") from error
        events.init.fire(environment=of, runner=of.runner, web_ui=None)
        gevent.spawn(self._watch_master)
        _measure_waiting(self)
        of.runner.greenlet.join()
        if self._conducting is not None:
            self._conducting.join(timeout=MASTER_SILENT_S)

    def _before_joining(self, runner: WorkerRunner) -> None:
        self._runner = runner
        runner.register_message("bench_load", self._on_load)
        runner.register_message("bench_start", self._on_start)
        runner.register_message("bench_flush", self._on_flush)

    @property
    def session(self) -> PoolSession | FileSession | None:
        return self._session

    # --- what the master says -----------------------------------------------------------------------------

    def _on_load(self, msg: Message, **_: Any) -> None:
        """Prepares beside the reading of messages, which must go on: heartbeats are among them."""
        gevent.spawn(self._prepare, msg)

    def _prepare(self, msg: Message) -> None:
        run = str(msg.data.get("run"))
        try:
            plan, share = LoadPlan.from_message(msg.data)
            if isinstance(self._session, PoolSession):  # prepared, but never begun
                self._session.connections.finish()
                self._session = None
            session = FileSession(plan, self._stop_users) if self._has_file else PoolSession(plan, share)
            if isinstance(session, PoolSession):
                self._user_class.client_pool = session.connections
            ready = session.ready()
        except HarnessError as error:
            self._send("bench_failed", run, reason=str(error))
            return
        self._session = session
        self._send("bench_ready", run, **ready)

    def _on_start(self, msg: Message, **_: Any) -> None:
        session = self._session
        if session is not None and session.plan.run == msg.data["run"]:
            session.begin(msg.data["start_unix_ns"])
            self._conducting = gevent.spawn(self._conduct, session)

    def _on_flush(self, msg: Message, **_: Any) -> None:
        if self._session is not None and self._session.plan.run == msg.data["run"]:
            self._session.flush()

    def _conduct(self, session: PoolSession | FileSession) -> None:
        outcome = session.conduct()
        self._report()
        self._send("bench_done", session.plan.run, schema=SCHEMA, reports=session.recorder.reports, **outcome)
        self._session = None

    # --- what Locust does ---------------------------------------------------------------------------------

    def _on_start_of_users(self, **_: Any) -> None:
        """A file's users must not begin before the window does; those of a pool wait by themselves."""
        if isinstance(self._session, FileSession):
            self._session.clock.wait_for_start()

    def _on_stopping(self, **_: Any) -> None:
        """Stop and quit end the window in order, unless it is the window's end that stops the users."""
        conducting = self._conducting
        if conducting is not None and conducting is not gevent.getcurrent() and self._session is not None:
            self._session.flush()
            conducting.join(timeout=self._session.plan.drain_ms / 1_000 + MASTER_SILENT_S)

    def _on_report(self, data: dict[str, Any], **_: Any) -> None:
        session = self._session
        if session is not None and session.clock.started.is_set():
            data["bench"] = session.recorder.take_report()

    def _on_request(
        self,
        name: str,
        response_time: float,
        response_length: int | None = None,
        exception: BaseException | None = None,
        **_: Any,
    ) -> None:
        if isinstance(self._session, FileSession):
            self._session.note(name, response_time, response_length, exception)

    def _stop_users(self, grace_s: float) -> None:
        of = self._environment
        before_s, of.stop_timeout = of.stop_timeout, grace_s
        self._runner.stop()
        of.stop_timeout = before_s

    def _watch_master(self) -> None:
        """Ends the load when the master is gone: it answers heartbeats, one a second."""
        while True:
            gevent.sleep(LOOK_ROUND_S)
            heard_s = self._runner.last_heartbeat_timestamp
            if self._session is not None and heard_s and time.time() - heard_s > MASTER_SILENT_S:
                logger.error("the master has been silent for %g s: the load ends", MASTER_SILENT_S)
                self._session.flush()
                self._runner.last_heartbeat_timestamp = time.time()
                self._stop_users(0)

    # --- to the master ------------------------------------------------------------------------------------

    def _send(self, kind: str, run: str, **fields: Any) -> None:
        self._runner.send_message(kind, {"run": run, "worker": self._runner.client_id, **fields})

    def _report(self) -> None:
        """Locust's regular report, out of turn: it is the last one."""
        data: dict[str, Any] = {}
        events: Any = self._environment.events
        events.report_to_master.fire(client_id=self._runner.client_id, data=data)
        self._runner.send_message("stats", data)


def _bench_user_class(worker: Worker) -> type[FastHttpUser]:
    class BenchUser(FastHttpUser):
        def on_start(self) -> None:
            """A redirection is an answer like any other: it is not followed."""
            agent: Any = self.client.client
            agent.redirect_response_codes = frozenset()

        @task
        def serve(self) -> None:
            if isinstance(worker.session, PoolSession):
                worker.session.serve(self.client)
            else:  # started by hand from the web page: there is nothing to offer
                gevent.sleep(LOOK_ROUND_S)

    assert BenchUser.__name__ == BENCH_USER
    return BenchUser


def _measure_waiting(worker: Worker) -> None:
    """Tells the recorder when the event loop waited; all other time is work, or waiting for a core.

    libev runs prepare watchers of lowest priority last before a wait, check watchers of highest first after.
    """
    loop = gevent.get_hub().loop
    marks = {"since": time.perf_counter_ns(), "waiting": 0}

    def before() -> None:
        marks["waiting"] = time.perf_counter_ns()

    def after() -> None:
        now = time.perf_counter_ns()
        session = worker.session
        if session is not None and session.clock.started.is_set():
            clock = session.clock
            session.recorder.busy(clock.from_perf_ns(marks["since"]), clock.from_perf_ns(marks["waiting"]))
            session.recorder.waited(clock.from_perf_ns(marks["waiting"]), clock.from_perf_ns(now))
        marks["since"] = now

    loop.prepare(ref=False, priority=loop.MINPRI).start(before)
    loop.check(ref=False, priority=loop.MAXPRI).start(after)


def _die_with_stdin() -> None:
    """Ends the process at once when whoever started it is gone: nobody is left to report to."""

    def watch() -> None:
        while FileObjectPosix(0, "rb").read(4096):
            pass
        os._exit(1)

    gevent.spawn(watch)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m harness.load.locust_worker", description=__doc__)
    parser.add_argument("--master-host", default="127.0.0.1")
    parser.add_argument("--master-port", type=int, default=5557)
    parser.add_argument("--locustfile", type=Path, help="run this file's users instead of a request pool")
    parser.add_argument("--die-with-stdin", action="store_true", help="end when standard input is closed")
    options = parser.parse_args()
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    if options.die_with_stdin:
        _die_with_stdin()
    sharpen_timers()
    gevent.signal_handler(signal.SIGTERM, sys.exit, 0)
    try:
        Worker(options.locustfile).join(options.master_host, options.master_port)
    except HarnessError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
