"""The trial of a `reload` scenario: the routing table is changed again and again under an open load."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness import figures
from harness.drivers.base import RunningTarget
from harness.errors import LoadError
from harness.load.result import Recording, logged
from harness.load.supervise import Progress
from harness.model import JsonObject, Reload, Window
from harness.service import info
from harness.traffic import ACCEPTED
from harness.trials.load import end_load, evaluate
from harness.trials.stages import checked_service
from harness.trials.trial import Trial
from harness.trials.under_load import Offered, under_load
from harness.trials.warmup import warm_up
from harness.units import NS_PER_S

_MARKER = '"table_version":'
_RESTORE_DEADLINE_S = 10.0
_LOOK_ROUND_S = 0.05

Told = Literal["signal", "file"]


@dataclass(frozen=True, slots=True)
class Change:
    """One new table, and whether the service was told of it or had to notice.

    It came into its place after `written_unix_ns`, within `writing_ns`: these are the harness's own delays.
    """

    version: int
    told: Told
    written_unix_ns: int
    writing_ns: int


def measure_reload(trial: Trial) -> None:
    """Fills the trial's record; `reload` is its own part. Raises the errors that make the trial a failed one."""
    spec = trial.planned.case.scenario.reload
    with checked_service(trial) as running:
        load = under_load(trial, running, marker=_MARKER)
        warm_up(load)
        table = RoutingTable(trial.files / "routes.json", running)
        with Changer(table, spec) as changer:
            offered = load.offer(_window(spec), spec.connections, "reload", changer.on_progress)
        table.restore()
        end_load(trial, running)
    trial.tell("reading the records")
    evaluate(trial, [offered])
    trial.record["reload"] = reload_figures(offered, changer.changes, spec)
    if len(changer.changes) < spec.changes:
        made = f"only {len(changer.changes)} of {spec.changes} changes were made while the load lasted"
        trial.record["invalid_because"] = [made]


def _window(spec: Reload) -> Window:
    return Window(
        name="reload",
        mode="open",
        rate_rps=spec.rate_rps,
        duration=spec.length_s,
        connections=(spec.connections,),
    )


class RoutingTable:
    """The table's file as the running service reads it; every version differs from the others in its number."""

    def __init__(self, path: Path, running: RunningTarget) -> None:
        self._path = path
        self._running = running
        self._document = json.loads(path.read_text(encoding="utf-8"))
        self.first_version = int(self._document["version"])

    def change(self, version: int, told: Told) -> Change:
        """Puts a whole new file in the place of the old one, and tells the service unless it is to notice."""
        new = self._path.with_name(self._path.name + ".new")
        new.write_text(json.dumps({**self._document, "version": version}), encoding="utf-8")
        written_unix_ns = time.time_ns()
        new.replace(self._path)
        if told == "signal":
            self._running.signal(signal.SIGHUP)
        return Change(version, told, written_unix_ns, time.time_ns() - written_unix_ns)

    def restore(self) -> None:
        """The first table again, which the cases expect. Raises LoadError when it is not taken up."""
        self.change(self.first_version, "signal")
        deadline_s = time.monotonic() + _RESTORE_DEADLINE_S
        while (info(self._running.url) or {}).get("table_version") != self.first_version:
            if time.monotonic() > deadline_s:
                raise LoadError(
                    f"the service did not take up its first routing table again within {_RESTORE_DEADLINE_S:g} s"
                )
            time.sleep(_LOOK_ROUND_S)


class Changer:
    """Changes the table at its own pace while the main thread follows the load."""

    def __init__(self, table: RoutingTable, spec: Reload) -> None:
        self.changes: list[Change] = []
        self._table = table
        self._spec = spec
        self._begun = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="table changes")

    def __enter__(self) -> Changer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._begun.set()
        self._thread.join()

    def on_progress(self, _: Progress) -> None:
        """The load has begun: so do the changes."""
        self._begun.set()

    def _run(self) -> None:
        self._begun.wait()
        begun_s = time.monotonic()
        for number in range(1, self._spec.changes + 1):
            due_s = begun_s + (number - 1) * self._spec.every
            if self._over.wait(max(0.0, due_s - time.monotonic())):
                return
            told: Told = "signal" if number % 2 else "file"
            self.changes.append(self._table.change(self._table.first_version + number, told))


# --- when the service is gone --------------------------------------------------------------------------------


def reload_figures(offered: Offered, changes: Sequence[Change], spec: Reload) -> JsonObject:
    """What the changes cost: failed requests, how long each took, P99 while they went on and otherwise.

    `first_new_ns` and `last_old_ns` run from just before the new file is in place until the generator has the
    first answer by the new table, and the last by the one before. None: there was no such answer.
    """
    result = offered.result
    marks = {int(version): seen for version, seen in result.markers.items()}
    figured = [_figures(change, marks) for change in changes]
    around = {
        s
        for change, figure in zip(changes, figured, strict=True)
        for s in _seconds(change, figure, result.start_unix_ns)
    }
    counts = figures.counts(list(result.totals.values()))
    records = logged(offered.folder / "latency.hlog")
    every = {key.second for key in records.histograms}
    return {
        "rate_rps": spec.rate_rps,
        "changes_intended": spec.changes,
        "taken_up": sum(f["first_new_ns"] is not None for f in figured),
        "failures": counts.failures,
        "completed": counts.completed,
        "changes": figured,
        "seconds_around": sorted(around & every),
        "p99_around_ns": _p99_ns(records, around & every),
        "p99_rest_ns": _p99_ns(records, every - around),
    }


def _figures(change: Change, marks: Mapping[int, Mapping[str, int]]) -> JsonObject:
    new, old = marks.get(change.version), marks.get(change.version - 1)
    return {
        "version": change.version,
        "told": change.told,
        "written_unix_ns": change.written_unix_ns,
        "writing_ns": change.writing_ns,
        "first_new_ns": None if new is None else new["first_unix_ns"] - change.written_unix_ns,
        "last_old_ns": None if old is None else old["last_unix_ns"] - change.written_unix_ns,
    }


def _seconds(change: Change, figure: JsonObject, start_unix_ns: int) -> range:
    """Seconds of the window, from the change until every answer is by the new table."""
    ends_ns = [0, *(figure[name] for name in ("first_new_ns", "last_old_ns") if figure[name] is not None)]
    first_ns = change.written_unix_ns - start_unix_ns
    return range(first_ns // NS_PER_S, (first_ns + max(ends_ns)) // NS_PER_S + 1)


def _p99_ns(records: Recording, seconds: set[int]) -> int | None:
    if not seconds:
        return None
    keys = {key: texts for key, texts in records.histograms.items() if key.second in seconds}
    chosen = Recording(keys, (), {}, {})
    return chosen.histogram("response", kinds=[ACCEPTED]).percentile(99)
