"""The master program: Locust's own master, told what to do by JSON lines on standard input.

It is a process of its own, because importing Locust patches the whole process. `docs/load-protocol.md` lists
its commands and the events it writes to standard output; its log goes to standard error. When standard input
is closed, whoever started it is gone: the load ends, the workers quit, and so does this program.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import locust
from gevent.fileobject import FileObjectPosix
from locust import task
from locust.runners import MasterRunner
from locust.stats import stats_history
from locust.user import User

from harness.errors import HarnessError, LoadError
from harness.load.locustfile import environment
from harness.load.offering import Offering
from harness.load.plan import LoadPlan

QUIT_DEADLINE_S = 2.0
_WEB_HOST = "127.0.0.1"

logger = logging.getLogger("harness.load.master")


class BenchUser(User):
    """Stands for a connection when users are dealt to workers; theirs is the class that does the work."""

    @task
    def serve(self) -> None:
        """Here only because Locust warns of users without tasks."""


class Commands:
    """Carries commands out, one at a time and beside the reading, so that flush and quit are always heard."""

    def __init__(self, offering: Offering, emit: Callable[..., None]) -> None:
        self._offering = offering
        self._emit = emit
        self._job: gevent.Greenlet | None = None
        self._resting: gevent.Greenlet | None = None

    def obey(self, lines: Iterator[bytes]) -> None:
        """Until there are no more, or one says quit."""
        for line in lines:
            try:
                command = json.loads(line)
                if command["cmd"] == "quit":
                    return
                self._carry_out(command)
            except (HarnessError, ValueError, KeyError, TypeError) as error:
                self._emit("error", reason=f"command {line.decode(errors='replace').strip()}: {error}")

    def quit(self) -> None:
        """Ends the load, then the workers."""
        self._offering.flush(deadline_s=QUIT_DEADLINE_S)
        if self._job is not None:
            self._job.kill(timeout=QUIT_DEADLINE_S)
        self._offering.quit()

    def _carry_out(self, command: dict[str, Any]) -> None:
        match command["cmd"]:
            case "flush":
                self._offering.flush()
            case "workers":
                self._begin(self._workers, int(command["count"]), float(command["deadline_s"]))
            case "load":
                plan = LoadPlan.from_fields(command["plan"])
                self._begin(self._load, plan, Path(command["output"]), int(command["workers"]))
            case unknown:
                raise LoadError(f"there is no command {unknown!r}")

    def _begin(self, work: Callable[..., None], *arguments: Any) -> None:
        if self._job is not None and not self._job.ready():
            raise LoadError("the command before it is not done")
        self._job = gevent.spawn(self._reported, work, *arguments)

    def _reported(self, work: Callable[..., None], *arguments: Any) -> None:
        try:
            work(*arguments)
        except (HarnessError, OSError) as error:
            self._emit("error", reason=str(error))
        except Exception as error:
            logger.exception("a command failed")
            self._emit("error", reason=f"the load master failed: {error!r}")

    def _workers(self, count: int, deadline_s: float) -> None:
        self._emit("workers", ids=self._offering.await_workers(count, deadline_s))

    def _load(self, plan: LoadPlan, output: Path, workers: int) -> None:
        if self._resting is not None:
            self._resting.join()
        window = self._offering.offer(plan, output, workers)
        self._emit(
            "done",
            totals=window.totals(),
            markers=window.markers(),
            problems=sorted(set(window.problems)),
            locust_requests=window.locust_requests,
        )
        self._resting = gevent.spawn(self._offering.rest)


def main() -> int:
    options = _arguments().parse_args()
    # Locust's web page reads the command line too, where ours means nothing to it.
    del sys.argv[1:]
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    emit = _event_writer()
    try:
        runner = _runner(options)
    except HarnessError as error:
        emit("error", reason=str(error))
        return 1
    except SystemExit:  # Locust's way to say so
        emit("error", reason=f"port {options.port} is in use")
        return 1
    try:
        web = _web_page(runner, options.web_port)
    except LoadError as error:
        emit("error", reason=str(error))
        return 1
    commands = Commands(Offering(runner, emit), emit)
    emit("listening", port=runner.server.port, web=web, locust=locust.__version__)
    obeying = gevent.spawn(commands.obey, FileObjectPosix(0, "rb"))
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, obeying.kill, block=False)
    obeying.join()
    commands.quit()
    return 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m harness.load.master", description=__doc__)
    parser.add_argument("--bind", default="127.0.0.1", help="address for workers; * for all")
    parser.add_argument("--port", type=int, default=0, help="port for workers; 0 takes a free one")
    parser.add_argument("--web-port", default="none", help="port of Locust's web page on loopback, or none")
    parser.add_argument("--locustfile", type=Path, help="a Locust file of your own; its workers need it too")
    return parser


def _event_writer() -> Callable[..., None]:
    """Events have standard output for themselves: what a Locust file prints goes to the log."""
    events = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)

    def emit(event: str, **fields: Any) -> None:
        events.write(json.dumps({"event": event, **fields}) + "\n")

    return emit


def _runner(options: argparse.Namespace) -> MasterRunner:
    return environment(options.locustfile, BenchUser).create_master_runner(options.bind, options.port)


def _web_page(runner: MasterRunner, web_port: str) -> str | None:
    """Its address. Raises LoadError when the port cannot be had, which Locust would only log, and later."""
    of = runner.environment
    if web_port != "none":
        try:
            socket.create_server((_WEB_HOST, int(web_port))).close()
        except OSError as error:
            raise LoadError(f"port {web_port} cannot be had for Locust's page: {error.strerror}") from error
        of.create_web_ui(_WEB_HOST, int(web_port))
        gevent.spawn(stats_history, runner)
    events: Any = of.events
    events.init.fire(environment=of, runner=runner, web_ui=of.web_ui)
    return None if web_port == "none" else f"http://{_WEB_HOST}:{web_port}/"


if __name__ == "__main__":
    sys.exit(main())
