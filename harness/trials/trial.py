"""One trial: a fresh process is checked, warmed up, loaded, checked again and stopped; its record is the result.

What goes wrong within a trial is its result ("failed", with the reason); only the loss of the Docker engine,
a full disk or the user's interrupt end more than the trial.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from harness.conformance import Due
from harness.deadline import deadline
from harness.drivers.base import Artifact, Driver, LaunchSettings
from harness.errors import (
    BuildError,
    ConformanceError,
    DeadlineError,
    HarnessError,
    LoadError,
    ProbeError,
    StartError,
)
from harness.kit.kit import Kit
from harness.load.supervise import LoadGenerator
from harness.model import JsonObject, PlannedTrial
from harness.probes.placement import Placement
from harness.probes.samples import Row
from harness.progress import WindowNow
from harness.service import Placing, launch_settings, setting_of
from harness.trials.sampling import Sampler

_ROWS_DEADLINE_S = 1.5
_LOOK_ROUND_S = 0.05

PAUSE_LOG = Path("pauses", "gc.log")
"""In a trial's folder: what its runtime wrote of its pauses."""

Told = Callable[[str], None]
"""Called with what the trial does just now."""

Watch = Callable[[Callable[[], WindowNow] | None], None]
"""Given what a running window shows, whenever it is asked; None when it is over."""


@dataclass(frozen=True)
class Bench:
    """What stays the same for all trials of a run.

    `capacities` is what the run has learnt: (scenario, target, window) → the capacity that its last search
    found, in requests a second, so that the next one searches around it.
    """

    run_id: str
    driver: Driver
    artifacts: Mapping[str, Artifact]
    kit: Kit
    placement: Placement
    engine: str
    workers: int
    seed: int
    workspace: Path
    own_service: bool
    locustfile: bool
    generator: Callable[[], LoadGenerator]
    capacities: dict[tuple[str, str, str], float] = field(default_factory=dict)


@dataclass
class Trial:
    """A trial under way: what its parts share. `record` becomes trial.json."""

    bench: Bench
    planned: PlannedTrial
    folder: Path
    files: Path
    tell: Told
    watch: Watch = lambda _: None
    record: JsonObject = field(default_factory=dict)
    sampler: Sampler | None = None
    due: tuple[Due, ...] = ()

    @property
    def scenario_service(self) -> Mapping[str, str]:
        return self.planned.case.scenario.service

    @property
    def budget_cores(self) -> int:
        return len(self.bench.placement.target_cpus)

    def launch(self, log_name: str = "target.log", *, pauses: bool = True) -> LaunchSettings:
        """Settings for a fresh start of this trial's service; `pauses`: its runtime is to log them, if it can."""
        case = self.planned.case
        limit = case.scenario.memory_limit or self.bench.placement.memory_limit_bytes
        return launch_settings(
            setting_of(case.scenario.service),
            case.scenario.service,
            self.files,
            Placing(self.bench.placement.target_cpus, limit),
            run_id=self.bench.run_id,
            case=case.id,
            log_path=self.folder / log_name,
            pause_log=self._pause_log() if pauses else None,
        )

    def _pause_log(self) -> Path | None:
        """Absolute, as a service runs in a folder of its own, and in a folder that a container's user may write to.

        None for a runtime that writes no such file.
        """
        spec = self.planned.case.target.pauses
        if spec is None or not any("{file}" in value for value in spec.environment.values()):
            return None
        path = (self.folder / PAUSE_LOG).absolute()
        path.parent.mkdir(exist_ok=True)
        path.parent.chmod(0o777)
        return path

    @property
    def keeps_contract(self) -> bool:
        """Whether this is a service of ours that the cases can be put to; a user's own service is not."""
        return self.planned.case.scenario.request is None and not self.bench.own_service

    def note(self, text: str) -> None:
        """Something that a reader of the figures has to know, though it does not spoil them."""
        self.record.setdefault("notes", []).append(text)

    def mark(self, name: str) -> None:
        """The sampler takes a whole row now, with that name: counters are known up to here."""
        if self.sampler is not None:
            self.sampler.mark(name)

    def rows(self, until_unix_ns: int = 0) -> Sequence[Row]:
        """What was sampled, up to a whole row at or after that instant, unless the sampler lags far behind.

        Nothing where the target's processes cannot be seen.
        """
        if self.sampler is None:
            return ()
        deadline_s = time.monotonic() + _ROWS_DEADLINE_S
        while not _reaches(rows := self.sampler.rows(), until_unix_ns):
            if time.monotonic() > deadline_s:
                break
            time.sleep(_LOOK_ROUND_S)
        return rows

    @property
    def artifact(self) -> Artifact:
        return self.bench.artifacts[self.planned.case.target.id]


def _reaches(rows: Sequence[Row], until_unix_ns: int) -> bool:
    """Whether a row at or after the instant has all figures: others come ten times a second, these at marks."""
    later = takewhile(lambda r: r.unix_ns >= until_unix_ns, reversed(rows))
    return any(r.is_whole for r in later)


Measure = Callable[[Trial], None]
"""One kind of scenario: starts the service as often as it needs, and fills the trial's record."""


def run_trial(trial: Trial, measure: Measure, deadline_s: float) -> JsonObject:
    """Runs one trial and gives its record; `status` is valid, invalid or failed, `reasons` say why.

    One that takes longer than `deadline_s` has failed, whatever it was doing.

    Raises InfrastructureError, StoreError and KeyboardInterrupt; every other trouble is the trial's result.
    """
    case = trial.planned.case
    trial.record.update(
        {
            "schema": 1,
            "run": trial.bench.run_id,
            "case": {
                "id": case.id,
                "scenario": case.scenario.name,
                "target": case.target.id,
                "label": case.target.label,
                "twin": case.twin,
            },
            "round": trial.planned.round,
            "position": trial.planned.position,
            "started_unix_ns": time.time_ns(),
            "status": "valid",
            "reasons": [],
            "engine": trial.bench.engine,
            "sharing": trial.bench.placement.sharing,
        }
    )
    trial.files.mkdir(parents=True, exist_ok=True)
    trial.bench.kit.write_service_files(trial.files)
    try:
        with deadline("the trial", deadline_s):
            measure(trial)
    except (StartError, LoadError, ConformanceError, ProbeError, BuildError, DeadlineError) as error:
        _fail(trial, error)
    finally:
        shutil.rmtree(trial.files, ignore_errors=True)
        trial.record["ended_unix_ns"] = time.time_ns()
    _judge(trial.record)
    return trial.record


def _fail(trial: Trial, error: HarnessError) -> None:
    trial.record["status"] = "failed"
    trial.record["reasons"] = [str(error)]
    log = trial.folder / "target.log"
    if log.is_file():
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        trial.record["log_tail"] = lines[-20:]


def _judge(record: JsonObject) -> None:
    """A trial is invalid when a window or a check says so."""
    if record["status"] == "failed":
        return
    reasons = [
        f"{window['name']}: {finding['text']}"
        for window in record.get("windows", [])
        for finding in window.get("findings", [])
        if finding["ok"] is False
    ]
    reasons += record.pop("invalid_because", [])
    if reasons:
        record["status"] = "invalid"
        record["reasons"] = reasons
