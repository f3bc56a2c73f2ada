"""What the kinds of trial have in common: a service started and described, left idle, checked, and stopped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from harness.conformance import Verdict, check, check_due
from harness.drivers.base import RunningTarget
from harness.errors import ConformanceError, StartError
from harness.figures import Rest, rest_marks
from harness.service import info, setting_of
from harness.trials.sampling import sampling
from harness.trials.trial import Trial
from harness.verify import cases_for

_IDLE_S = 1.5
_SHOWN_DIFFERENCES = 5


@contextmanager
def checked_service(trial: Trial) -> Iterator[RunningTarget]:
    """The trial's service: started, sampled from the start, at rest for a moment, found to keep the contract.

    The sampler is the trial's until the block ends. Raises StartError and ConformanceError.
    """
    placement = trial.bench.placement
    with (
        trial.bench.driver.start(trial.artifact, trial.launch()) as running,
        sampling(
            running,
            trial.folder / "samples.csv",
            watched=(*placement.target_cpus, *placement.generator_cpus),
            cpus=placement.harness_cpus,
            nice=placement.harness_nice or 0,
        ) as sampler,
    ):
        trial.sampler = sampler
        describe_start(trial, running)
        memory_at_rest(trial, running, "idle", _IDLE_S)
        conformance_before(trial, running)
        yield running


def describe_start(trial: Trial, running: RunningTarget) -> None:
    """Notes how the service was started, and what it says of itself."""
    trial.record["start"] = {
        "started_unix_ns": running.started_unix_ns,
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


def conformance_before(trial: Trial, running: RunningTarget, *, is_loaded: bool = True) -> None:
    """The whole pack of cases; a difference ends the trial. Raises ConformanceError.

    `is_loaded`: a load follows.
    """
    if not trial.keeps_contract:
        trial.record["conformance"] = None
        return
    trial.tell("conformance before the load" if is_loaded else "conformance")
    trial.record["conformance"] = {"before": None, "after": None}
    verdict = _pack(trial, running)
    trial.due = verdict.due
    _note_conformance(trial, "before", verdict, " before the load" if is_loaded else "")


def conformance_after(trial: Trial, running: RunningTarget) -> None:
    """The pack again on the same process, and the second looks that are due by now."""
    if not trial.keeps_contract:
        return
    trial.tell("conformance after the load")
    second_looks = check_due(running.host, running.port, trial.due)
    verdict = _pack(trial, running)
    differences = verdict.differences + second_looks.differences
    both = Verdict(verdict.checked + second_looks.checked, differences)
    _note_conformance(trial, "after", both, " after the load")


def _pack(trial: Trial, running: RunningTarget) -> Verdict:
    setting = setting_of(trial.scenario_service)
    return check(running.host, running.port, cases_for(trial.bench.kit, setting, {}))


def _note_conformance(trial: Trial, when: Literal["before", "after"], verdict: Verdict, told: str) -> None:
    """Raises ConformanceError where the service differs; `told` says there when it did."""
    trial.record["conformance"][when] = {
        "checked": verdict.checked,
        "differences": [str(d) for d in verdict.differences],
    }
    if not verdict.ok:
        shown = "\n  ".join(str(d) for d in verdict.differences[:_SHOWN_DIFFERENCES])
        more = len(verdict.differences) - _SHOWN_DIFFERENCES
        tail = f"\n  and {more} more" if more > 0 else ""
        raise ConformanceError(f"does not keep the contract{told}:\n  {shown}{tail}")


def memory_at_rest(trial: Trial, running: RunningTarget, which: Rest, seconds: float) -> None:
    """Lets the service rest and marks the span; its memory is read from the samples later."""
    if trial.sampler is None:
        return
    begins, ends = rest_marks(which)
    trial.tell("memory when idle" if which == "idle" else "memory after the load")
    trial.sampler.pss(True)
    trial.sampler.mark(begins)
    rest(running, seconds)
    trial.sampler.mark(ends)
    trial.sampler.pss(False)


def rest(running: RunningTarget, seconds: float) -> None:
    """A span that is measured as such. Raises StartError when the service ends in it."""
    end_s = time.monotonic() + seconds
    while (left_s := end_s - time.monotonic()) > 0:
        time.sleep(min(0.1, left_s))
        if not running.is_alive():
            raise StartError(f"the service ended by itself:\n{running.log_tail()}")


def stop(trial: Trial, running: RunningTarget) -> None:
    """Ends the service as the contract says, and notes how it went."""
    trial.tell("stopping")
    stopped = running.stop()
    trial.record["stop"] = {
        "exit_code": stopped.exit_code,
        "seconds": stopped.seconds,
        "killed": stopped.killed,
    }
    if stopped.killed or stopped.exit_code not in (0, None):
        trial.note(f"the service {stopped} on SIGTERM; the contract asks for 0")
