"""The trial of a `cold-start` scenario: fresh starts, each timed to its first answers."""

from __future__ import annotations

import http.client
import time

from harness.drivers.base import RunningTarget
from harness.errors import StartError
from harness.kit.cases import CaseRequest
from harness.model import JsonObject
from harness.service import setting_of
from harness.trials.stages import conformance_before, describe_start
from harness.trials.trial import Trial

_ANSWER_TIMEOUT_S = 30.0


def measure_cold_start(trial: Trial) -> None:
    """Starts the service as often as the scenario says. The first start is kept, though the files are cold then.

    A further start, which is not timed, shows whether it keeps the contract: it comes last, so that no time depends on
    it. Raises StartError, ConformanceError.
    """
    starts: list[JsonObject] = []
    for number in range(1, trial.planned.case.scenario.cold_start.starts + 1):
        trial.tell(f"start {number} of {trial.planned.case.scenario.cold_start.starts}")
        with trial.bench.driver.start(
            trial.artifact, trial.launch(f"target-{number:02d}.log", pauses=False)
        ) as running:
            authorised_unix_ns = first_authorised(trial, running)
            if number == 1:
                describe_start(trial, running)
            stopped = running.stop()
        starts.append(
            {
                "ready_ns": running.ready_ns,
                "authorised_ns": authorised_unix_ns - running.started_unix_ns,
                "stop_s": stopped.seconds,
            }
        )
    trial.record["cold_starts"] = starts
    _conformance(trial)


def _conformance(trial: Trial) -> None:
    if not trial.keeps_contract:
        return
    with trial.bench.driver.start(trial.artifact, trial.launch(pauses=False)) as running:
        conformance_before(trial, running, is_loaded=False)


def first_authorised(trial: Trial, running: RunningTarget) -> int:
    """Unix ns of the first right answer to an authorised request. Raises StartError when it is a wrong one."""
    setting = setting_of(trial.scenario_service)
    request = trial.bench.kit.maker.request(CaseRequest(), setting)
    connection = http.client.HTTPConnection(running.host, running.port, timeout=_ANSWER_TIMEOUT_S)
    try:
        connection.request(request.method, request.target, request.body, dict(request.headers))
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise StartError(
            f"the first authorised request got no answer: {error}\n{running.log_tail()}"
        ) from error
    finally:
        connection.close()
    if status != 200:
        raise StartError(f"the first authorised request got status {status}, not 200")
    return time.time_ns()
