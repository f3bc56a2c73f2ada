"""Round after round of trials, each run in its place, told of as it goes, and kept as it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack

from harness.load.supervise import LoadGenerator
from harness.model import JsonObject, PlannedTrial
from harness.plan import Plan, repeat
from harness.progress import Progress, TrialNow
from harness.sitting import Sitting
from harness.store import RunFolder, save_trial
from harness.trials.cold_start import measure_cold_start
from harness.trials.load import measure_load
from harness.trials.memory import measure_memory
from harness.trials.reload import measure_reload
from harness.trials.trial import Bench, Measure, Trial, run_trial
from harness.units import duration_text

_TRIAL_SLACK_S = 600.0
_TRIAL_PATIENCE = 3.0

_MEASURES: Mapping[str, Measure] = {
    "load": measure_load,
    "cold-start": measure_cold_start,
    "memory": measure_memory,
    "reload": measure_reload,
}


class GeneratorKeeper:
    """One load generator for the whole run, started at its first use and again after it failed."""

    def __init__(self, make: Callable[[], AbstractContextManager[LoadGenerator]]) -> None:
        self._make = make
        self._stack = ExitStack()
        self._generator: LoadGenerator | None = None

    def get(self) -> LoadGenerator:
        if self._generator is None:
            self._generator = self._stack.enter_context(self._make())
        return self._generator

    def discard(self) -> None:
        """Ends it; the next `get` starts a new one."""
        self._generator = None
        self._stack.close()


def run_rounds(
    bench: Bench,
    plan: Plan,
    sitting: Sitting,
    keeper: GeneratorKeeper,
    progress: Progress,
    first: int = 1,
    budget_s: float | None = None,
) -> list[PlannedTrial]:
    """Each round's trials in their order; one that is not valid once more at the end of its round.

    budget_s: for the whole run; a repeat for which what is still planned leaves no room is left out, and returned.
    """
    began_s = time.monotonic()
    measured_s = tried_s = done_s = 0.0
    left_out: list[PlannedTrial] = []
    passed_s = sum(t.estimated_s for t in plan.trials if t.round < first)
    done = sum(t.round < first for t in plan.trials)
    for number in range(first, plan.rounds + 1):
        queue = [t for t in plan.trials if t.round == number]
        count = len(queue)
        for place, trial in enumerate(queue):  # grows while we go through it
            is_first = place < count
            done += is_first
            passed_s += trial.estimated_s if is_first else 0.0
            attempt = sitting.attempts.due(trial)
            if attempt is None:
                continue
            if is_first and attempt > 1:  # measured before the run was cut off, and not valid
                queue.append(repeat(trial, len(queue)))
                continue
            ahead_s = max(0.0, plan.estimated_s - passed_s + trial.estimated_s)
            pace = done_s / tried_s if tried_s else 1.0
            if not is_first and budget_s is not None and sitting.used_s + ahead_s * pace > budget_s:
                left_out.append(trial)
                continue
            left_s = ahead_s * (done_s / measured_s if measured_s else 1.0)
            which = f"trial {done} of {len(plan.trials)}" if attempt == 1 else "once more"
            head = f"round {number} of {plan.rounds}, {which}, about {duration_text(left_s)} left: {trial.case.id}"
            progress.trial(
                TrialNow(
                    case=trial.case.id,
                    round=f"round {number} of {plan.rounds}, {which}",
                    done_ratio=max(0.0, 1 - ahead_s / plan.estimated_s) if plan.estimated_s else 0.0,
                    left_s=left_s,
                )
            )
            status = _noted_trial(bench, trial, attempt, sitting, head, progress)
            progress.trial(None)
            if status != "valid":
                keeper.discard()
                if sitting.attempts.due(trial):
                    queue.append(repeat(trial, len(queue)))
            measured_s += trial.estimated_s if attempt == 1 else 0.0
            tried_s += trial.estimated_s
            done_s = time.monotonic() - began_s
    return left_out


def _noted_trial(
    bench: Bench, planned: PlannedTrial, attempt: int, sitting: Sitting, head: str, progress: Progress
) -> str:
    """Runs a trial, its begin and end written down in the journal; its status, once it is saved."""
    which = {"case": planned.case.id, "round": planned.round, "attempt": attempt}
    sitting.journal.note("trial begun", **which)
    record = one_trial(bench, planned, attempt, sitting.run, head, progress)
    folder = sitting.run.trial_folder(planned.case.id, planned.round, attempt).relative_to(sitting.run.path)
    sitting.journal.note("trial ended", **which, status=record["status"], folder=str(folder))
    sitting.attempts.note(planned, attempt, record["status"])
    return str(record["status"])


def one_trial(
    bench: Bench, planned: PlannedTrial, attempt: int, run: RunFolder, head: str, progress: Progress
) -> JsonObject:
    """Runs a trial in its folder and gives its record; `head` says which it is wherever progress is shown."""
    case = planned.case
    progress.live("starting", head)
    with run.new_trial(case.id, planned.round, attempt) as folder:
        trial = Trial(
            bench=bench,
            planned=planned,
            folder=folder,
            files=bench.workspace / "files",
            tell=lambda text: progress.live(text, head),
            watch=progress.watch,
        )
        record = run_trial(trial, _MEASURES[case.scenario.kind], trial_deadline_s(planned))
        record["attempt"] = attempt
        save_trial(folder, record)
    progress.line(f"{head}: {_one_line(record)}")
    return record


def trial_deadline_s(planned: PlannedTrial) -> float:
    """When a trial is given up, whatever it is doing; each of its steps has a nearer deadline of its own."""
    return _TRIAL_SLACK_S + _TRIAL_PATIENCE * planned.estimated_s


def _one_line(record: JsonObject) -> str:
    """The gist of a trial for the log of a session."""
    if record["status"] != "valid":
        return f"{record['status']}: {record['reasons'][0] if record['reasons'] else 'no reason given'}"
    parts = []
    for window in record.get("windows", []):
        throughput = window.get("capacity_rps", window["throughput_rps"])
        if throughput is None:
            parts.append(f"{window['name']} not found")
            continue
        headline = (window["latency"].get(window["headline"]["kind"]) or {}).get(
            window["headline"]["measure"]
        )
        p99_ns = headline and headline["p99_ns"]
        p99 = f", P99 {p99_ns / 1e6:.1f} ms" if p99_ns else ""
        parts.append(f"{window['name']} {throughput:,.0f}/s{p99}")
    return "; ".join(parts) or "done"
