"""The load generator as the harness holds it: a master and its workers, started, told what to offer, stopped.

Nothing here imports Locust: it would patch this process.
"""

from __future__ import annotations

import contextlib
import json
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness.errors import LoadError
from harness.load.plan import LoadPlan
from harness.load.processes import Child, await_end, stop

GRACE_S = 3.0
START_DEADLINE_S = 30.0
PREPARE_DEADLINE_S = 60.0
MARGIN_S = 30.0
"""How much longer than the master's own deadlines we wait for it, before we take it for dead."""

_LOOK_ROUND_S = 0.2
_MASTER = (sys.executable, "-m", "harness.load.master")


@dataclass(frozen=True)
class Engine:
    """What the workers are: a command line with {host} and {port} of the master."""

    name: str
    command: tuple[str, ...]
    runs_locustfiles: bool = False

    def argv(self, host: str, port: int, locustfile: Path | None) -> list[str]:
        """Raises LoadError when these workers cannot run a Locust file."""
        argv = [part.format(host=host, port=port) for part in self.command]
        if locustfile is None:
            return argv
        if not self.runs_locustfiles:
            raise LoadError(f"the {self.name} engine cannot run a Locust file; use the locust engine")
        return [*argv, "--locustfile", str(locustfile)]


LOCUST = Engine(
    "locust",
    (
        *(sys.executable, "-m", "harness.load.locust_worker"),
        *("--master-host", "{host}", "--master-port", "{port}", "--die-with-stdin"),
    ),
    runs_locustfiles=True,
)


def native(binary: Path) -> Engine:
    """The native worker."""
    return Engine("native", (str(binary), "--master", "{host}:{port}", "--die-with-stdin"))


@dataclass(frozen=True)
class Progress:
    """How far a window is: its last second reported, and the sums so far."""

    second: int
    completed: int
    failed: int
    users: int


@dataclass(frozen=True)
class LoadResult:
    """What became of one window.

    `totals` is what each worker counted, by worker id; `workers` what each said when it was ready; `markers`
    count, first and last time of each marker value; `reports` the file of all reports. With any of `problems`
    the window is not valid. `locust_requests`: answers and failures by Locust's own count.
    """

    plan: LoadPlan
    start_unix_ns: int
    schedule_sha256: str | None
    workers: Mapping[str, Mapping[str, Any]]
    totals: Mapping[str, Mapping[str, Any]]
    markers: Mapping[str, Mapping[str, int]]
    problems: tuple[str, ...]
    reports: Path
    locust_requests: int | None = None

    def total(self, name: str) -> int:
        """A count summed over the workers that delivered their totals."""
        return sum(int(totals[name]) for totals in self.totals.values())


class LoadGenerator:
    """A master with its workers, for any number of windows; a context manager that leaves nothing running.

    `worker_cpus` are the cores of each worker in turn; `environment` is added to that of all processes.
    Logs go to `log_folder`. `web_url` is Locust's own page when `web_port` is given.
    """

    def __init__(
        self,
        engine: Engine,
        log_folder: Path,
        *,
        workers: int = 1,
        worker_cpus: Sequence[Sequence[int]] = (),
        worker_nice: int = 0,
        master_cpus: Sequence[int] | None = None,
        master_nice: int = 19,
        locustfile: Path | None = None,
        web_port: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._engine = engine
        self._log_folder = log_folder
        self._workers_wanted = workers
        self._worker_cpus = worker_cpus
        self._worker_nice = worker_nice
        self._master_cpus = master_cpus
        self._master_nice = master_nice
        self._locustfile = locustfile
        self._web_port = web_port
        self._environment = environment
        self._master: Child | None = None
        self._workers: list[Child] = []
        self._events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.web_url: str | None = None

    def __enter__(self) -> Self:
        """Starts everything. Raises LoadError, leaving nothing running, when that fails."""
        try:
            self._log_folder.mkdir(parents=True, exist_ok=True)
            port = self._start_master()
            for index in range(self._workers_wanted):
                self._workers.append(self._start_worker(index, port))
            self._tell(cmd="workers", count=self._workers_wanted, deadline_s=START_DEADLINE_S)
            self._next("workers", START_DEADLINE_S + MARGIN_S)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def engine(self) -> Engine:
        """What the workers are."""
        return self._engine

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by name: `load master`, `load worker 0` …"""
        children = [*([self._master] if self._master else []), *self._workers]
        return {child.name: child.pid for child in children}

    @property
    def worker_nice(self) -> tuple[int, ...]:
        """The nice value that each worker really has."""
        return tuple(worker.nice for worker in self._workers)

    def offer(
        self, plan: LoadPlan, output: Path, on_progress: Callable[[Progress], None] | None = None
    ) -> LoadResult:
        """Offers one window and returns when it is over, or sooner after `flush` or a worker's death.

        Reports go to `output`/reports.jsonl. Raises LoadError when the window cannot start or the master
        fails; what goes wrong later with a worker is a problem of the result.
        """
        self._require_workers()
        self._tell(
            cmd="load", plan=plan.to_fields(), output=str(output.absolute()), workers=self._workers_wanted
        )
        started = self._next("started", PREPARE_DEADLINE_S + MARGIN_S)
        done, deaths = self._follow(plan, on_progress)
        return LoadResult(
            plan=plan,
            start_unix_ns=started["start_unix_ns"],
            schedule_sha256=started["schedule_sha256"],
            workers=started["workers"],
            totals=done["totals"],
            markers=done["markers"],
            problems=(*deaths, *done["problems"]),
            reports=output / "reports.jsonl",
            locust_requests=done["locust_requests"],
        )

    def flush(self) -> None:
        """Ends the window early and in order; `offer` returns. May be called from any thread."""
        self._tell(cmd="flush")

    def close(self) -> None:
        """Ends the load, then the workers, then the master, by force if it must. May be called twice."""
        master, self._master = self._master, None
        workers, self._workers = self._workers, []
        everyone = [*workers, *([master] if master else [])]
        try:
            if master is not None and master.alive:
                with contextlib.suppress(LoadError):  # it may end this very moment
                    master.tell(json.dumps({"cmd": "quit"}))
                await_end(everyone, GRACE_S)
            stop(workers, GRACE_S)
        finally:
            stop(everyone, GRACE_S)

    # --- the processes ------------------------------------------------------------------------------------

    def _start_master(self) -> int:
        web = [] if self._web_port is None else ["--web-port", str(self._web_port)]
        file = [] if self._locustfile is None else ["--locustfile", str(self._locustfile)]
        self._master = Child(
            "load master",
            [*_MASTER, "--port", "0", *web, *file],
            self._log_folder / "master.log",
            cpus=self._master_cpus,
            nice=self._master_nice,
            environment=self._environment,
            talks=True,
        )
        threading.Thread(target=self._read, args=(self._master,), daemon=True).start()
        listening = self._next("listening", START_DEADLINE_S)
        self.web_url = listening["web"]
        return int(listening["port"])

    def _start_worker(self, index: int, port: int) -> Child:
        cpus = self._worker_cpus[index % len(self._worker_cpus)] if self._worker_cpus else None
        return Child(
            f"load worker {index}",
            self._engine.argv("127.0.0.1", port, self._locustfile),
            self._log_folder / f"worker-{index}.log",
            cpus=cpus,
            nice=self._worker_nice,
            environment=self._environment,
        )

    def _read(self, master: Child) -> None:
        """Takes in the master's events, in a thread of its own, so that it never has to wait for us."""
        with master.output as lines:
            for line in lines:
                with contextlib.suppress(ValueError):  # the last line of one that was killed is cut off
                    self._events.put(json.loads(line))

    def _tell(self, **command: Any) -> None:
        if self._master is None:
            raise LoadError("the load generator is not running")
        self._master.tell(json.dumps(command))

    # --- the conversation ---------------------------------------------------------------------------------

    def _next(self, wanted: str, deadline_s: float) -> dict[str, Any]:
        """The next event, which must be the one wanted. A worker's death meanwhile is a LoadError."""
        deadline = time.monotonic() + deadline_s
        # A quick worker's first report may overtake the master's word that the window has started.
        while (event := self._event()) is None or event["event"] == "progress" != wanted:
            self._require_workers()
            if time.monotonic() > deadline:
                raise LoadError(f"the load master did not say {wanted!r} within {deadline_s:g} s")
        if event["event"] != wanted:
            raise LoadError(event.get("reason") or f"the load master said {event}, not {wanted!r}")
        return event

    def _require_workers(self) -> None:
        """All of them: with fewer the load would be another one. Raises LoadError."""
        if dead := [worker for worker in self._workers if not worker.alive]:
            raise LoadError(dead[0].obituary())

    def _follow(
        self, plan: LoadPlan, on_progress: Callable[[Progress], None] | None
    ) -> tuple[dict[str, Any], list[str]]:
        """Waits for the window's end; the `done` event, and what is to be said of workers that died."""
        deadline = time.monotonic() + plan.deadline_s + MARGIN_S
        deaths: dict[int, str] = {}
        while True:
            event = self._event()
            if event is None:
                died = [w for w in self._workers if not w.alive and w.pid not in deaths]
                deaths |= {worker.pid: worker.obituary() for worker in died}
                if died:
                    self.flush()  # the window is spoilt: no use in going on with the others
                if time.monotonic() > deadline:
                    raise LoadError(f"the load master did not end window {plan.run} in time")
            elif event["event"] == "done":
                return event, list(deaths.values())
            elif event["event"] == "progress":
                if on_progress is not None:
                    numbers = {name: event[name] for name in Progress.__dataclass_fields__}
                    on_progress(Progress(**numbers))
            else:
                raise LoadError(event.get("reason") or f"the load master said {event} during a window")

    def _event(self) -> dict[str, Any] | None:
        """The next event; None when none comes for a moment. Raises LoadError when the master is gone."""
        try:
            return self._events.get(timeout=_LOOK_ROUND_S)
        except queue.Empty:
            if self._master is None or not self._master.alive:
                raise LoadError(
                    self._master.obituary() if self._master else "the load master is gone"
                ) from None
            return None
