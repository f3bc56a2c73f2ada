"""One trial: a fresh process is checked, warmed up, loaded, checked again and stopped; its record is the result.

What goes wrong within a trial is its result ("failed", with the reason); only the loss of the Docker engine,
a full disk or the user's interrupt end more than the trial.
"""

from __future__ import annotations

import json
import shutil
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.conformance import Due, Verdict, check, check_due
from harness.drivers.base import Artifact, Driver, LaunchSettings, RunningTarget
from harness.errors import BuildError, ConformanceError, HarnessError, LoadError, ProbeError, StartError
from harness.kit.kit import Kit
from harness.load.supervise import LoadGenerator
from harness.model import JsonObject, PlannedTrial
from harness.probes.placement import Placement
from harness.probes.samples import Row
from harness.sampling import Sampler, sampling
from harness.service import Placing, launch_settings, setting_of
from harness.verify import cases_for

_INFO_TIMEOUT_S = 10.0
_IDLE_S = 1.5
_ROWS_DEADLINE_S = 1.5
_LOOK_ROUND_S = 0.05
_SHOWN_DIFFERENCES = 5

Told = Callable[[str], None]
"""Called with what the trial does just now."""


@dataclass(frozen=True)
class Bench:
    """What stays the same for all trials of a run.

    `capacities` is what the run has learnt: (scenario, target, window) → the capacity that its first search
    found, in requests a second, so that later rounds search around it.
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
    record: JsonObject = field(default_factory=dict)
    sampler: Sampler | None = None
    due: tuple[Due, ...] = ()

    @property
    def scenario_service(self) -> Mapping[str, str]:
        return self.planned.case.scenario.service

    @property
    def budget_cores(self) -> int:
        return len(self.bench.placement.target_cpus)

    def launch(self, log_name: str = "target.log") -> LaunchSettings:
        """Settings for a fresh start of this trial's service."""
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
        )

    @property
    def keeps_contract(self) -> bool:
        """Whether this is a service of ours that the cases can be put to; a user's own service is not."""
        return self.planned.case.scenario.request is None and not self.bench.own_service

    def note(self, text: str) -> None:
        """Something that a reader of the figures has to know, though it does not spoil them."""
        self.record.setdefault("notes", []).append(text)

    def rows(self, until_unix_ns: int = 0) -> Sequence[Row]:
        """What was sampled, up to that instant at least, unless the sampler lags far behind.

        Nothing where the target's processes cannot be seen.
        """
        if self.sampler is None:
            return ()
        deadline_s = time.monotonic() + _ROWS_DEADLINE_S
        while not (rows := self.sampler.rows()) or rows[-1].unix_ns < until_unix_ns:
            if time.monotonic() > deadline_s:
                break
            time.sleep(_LOOK_ROUND_S)
        return rows

    @property
    def artifact(self) -> Artifact:
        return self.bench.artifacts[self.planned.case.target.id]


Measure = Callable[[Trial], None]
"""One kind of scenario: starts the service as often as it needs, and fills the trial's record."""


def run_trial(trial: Trial, measure: Measure) -> JsonObject:
    """Runs one trial and gives its record; `status` is valid, invalid or failed, `reasons` say why.

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
        measure(trial)
    except (StartError, LoadError, ConformanceError, ProbeError, BuildError) as error:
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


# --- what the kinds of scenario have in common -------------------------------------------------------------


def describe_start(trial: Trial, running: RunningTarget) -> None:
    """Notes how the service was started, and what it says of itself."""
    trial.record["start"] = {
        "ready_ns": running.ready_ns,
        "limits": [
            {"name": limit.name, "asked": limit.asked, "enforced": limit.enforced, "how": limit.how}
            for limit in running.limits
        ],
        "network_mode": running.network_mode,
        "image_digest": running.image_digest,
        "pid_missing_because": running.pid_missing_because,
        "content_hash": trial.artifact.content_hash,
    }
    trial.record["info"] = info(running.url)


def info(url: str) -> JsonObject | None:
    """The service's own account of itself; None when it gives none (only the contract's services do)."""
    try:
        with urllib.request.urlopen(f"{url}/info", timeout=_INFO_TIMEOUT_S) as answer:
            value: Any = json.load(answer)
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def conformance_before(trial: Trial, running: RunningTarget) -> None:
    """The whole pack of cases; a difference ends the trial. Raises ConformanceError."""
    if not trial.keeps_contract:
        trial.record["conformance"] = None
        return
    trial.tell("conformance before the load")
    trial.record["conformance"] = {"before": None, "after": None}
    verdict = _pack(trial, running)
    trial.due = verdict.due
    _note_conformance(trial, "before", verdict)


def conformance_after(trial: Trial, running: RunningTarget) -> None:
    """The pack again on the same process, and the second looks that are due by now."""
    if not trial.keeps_contract:
        return
    trial.tell("conformance after the load")
    second_looks = check_due(running.host, running.port, trial.due)
    verdict = _pack(trial, running)
    differences = verdict.differences + second_looks.differences
    _note_conformance(trial, "after", Verdict(verdict.checked + second_looks.checked, differences))


def _pack(trial: Trial, running: RunningTarget) -> Verdict:
    setting = setting_of(trial.scenario_service)
    return check(running.host, running.port, cases_for(trial.bench.kit, setting, {}))


def _note_conformance(trial: Trial, when: str, verdict: Verdict) -> None:
    trial.record["conformance"][when] = {
        "checked": verdict.checked,
        "differences": [str(d) for d in verdict.differences],
    }
    if not verdict.ok:
        shown = "\n  ".join(str(d) for d in verdict.differences[:_SHOWN_DIFFERENCES])
        more = len(verdict.differences) - _SHOWN_DIFFERENCES
        tail = f"\n  and {more} more" if more > 0 else ""
        raise ConformanceError(f"does not keep the contract {when} the load:\n  {shown}{tail}")


def idle_memory(trial: Trial, running: RunningTarget) -> None:
    """Lets the fresh service rest and marks the span; its memory is read from the samples later."""
    if trial.sampler is None:
        return
    trial.tell("memory when idle")
    trial.sampler.pss(True)
    trial.sampler.mark("idle begins")
    rest(running, _IDLE_S)
    trial.sampler.mark("idle ends")
    trial.sampler.pss(False)


def rest(running: RunningTarget, seconds: float) -> None:
    """A span that is measured as such. Raises StartError when the service ends in it."""
    end_s = time.monotonic() + seconds
    while (left_s := end_s - time.monotonic()) > 0:
        time.sleep(min(0.1, left_s))
        if not running.is_alive():
            raise StartError(f"the service ended by itself:\n{running.log_tail()}")


def sampled(trial: Trial, running: RunningTarget) -> Any:
    """The sampler's context manager for this trial."""
    placement = trial.bench.placement
    return sampling(
        running,
        trial.folder / "samples.csv",
        watched=(*placement.target_cpus, *placement.generator_cpus),
        cpus=placement.harness_cpus,
        nice=placement.harness_nice or 0,
    )
