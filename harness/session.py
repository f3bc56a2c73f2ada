"""One `harness bench`: build, plan, run every trial in its order, keep each as it ends, say what came out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.bench_setup import BenchOptions, Tools
from harness.deadline import deadline
from harness.drivers.base import Artifact, Driver
from harness.errors import (
    BuildError,
    DeadlineError,
    ExitCode,
    HarnessError,
    LoadError,
    StoreError,
    ToolchainMissing,
    UsageError,
    worst,
)
from harness.kit.kit import Kit
from harness.load.supervise import LoadGenerator
from harness.model import JsonObject, PlannedTrial, TargetSpec
from harness.plan import Plan, make_plan, repeat, with_another_round
from harness.progress import Progress, TrialNow, duration_text
from harness.run_document import begin_document, order_of
from harness.sitting import Sitting, begin, go_on
from harness.store import RunFolder, new_run_id, save_trial
from harness.tight import Width, widest
from harness.trials.cold_start import measure_cold_start
from harness.trials.load import measure_load
from harness.trials.memory import measure_memory
from harness.trials.reload import measure_reload
from harness.trials.trial import Bench, Measure, Trial, run_trial
from harness.workspace import workspace

_BUILD_DEADLINE_S = 3_600.0
_TRIAL_SLACK_S = 600.0
_TRIAL_PATIENCE = 3.0

_MEASURES: Mapping[str, Measure] = {
    "load": measure_load,
    "cold-start": measure_cold_start,
    "memory": measure_memory,
    "reload": measure_reload,
}


@dataclass(frozen=True)
class Outcome:
    """What a session leaves: its run, the exit code, and the sentence that explains a code other than 0."""

    run: RunFolder | None
    code: ExitCode
    reasons: tuple[str, ...]


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


def run_bench(options: BenchOptions, tools: Tools, progress: Progress) -> Outcome:
    """Runs the whole session, or what is left of one. Raises HarnessError for what prevents all of it."""
    artifacts, skipped = prepare(_wanted(options), tools.driver, progress)
    if not artifacts:
        reasons = "\n".join(f"  {name}: {why}" for name, why in skipped.items())
        raise ToolchainMissing(f"no target can be built here:\n{reasons}\nSee `harness doctor`.")
    ready = [t for t in options.targets if t.id in artifacts]
    plan = make_plan(options.scenarios, ready, options.plan)
    again = options.resumption
    while (
        again and plan.rounds < again.run.read_run()["rounds"]
    ):  # rounds that were added, until it was cut off
        plan = _with_another_round(options, plan, artifacts)
    document = begin_document(options, tools, plan, artifacts, skipped)
    kit = (
        Kit.make()
    )  # before the run's folder, as it takes a moment: an interrupt from there on is noted in run.json
    run = again.run if again else RunFolder.create(options.results, new_run_id())
    with run.held():
        boot_id = tools.boot_id
        sitting = go_on(again, document, boot_id, progress) if again else begin(run, document, boot_id)
        progress.line(
            f"{len(plan.trials)} trials in {plan.rounds} round{'s' if plan.rounds > 1 else ''}, "
            f"about {duration_text(plan.estimated_s)}; results in {_shown(run.path)}"
        )
        interrupted = _measure_all(options, tools, plan, artifacts, kit, sitting, progress)
    return _outcome(options, run, plan, sitting.document["skipped"], interrupted=interrupted)


def _wanted(options: BenchOptions) -> Sequence[TargetSpec]:
    """The targets to build; of a run that is gone on with those that could be built when it was begun."""
    if options.resumption is None:
        return options.targets
    begun = options.resumption.run.read_run()["targets"]
    return [t for t in options.targets if t.id in begun]


def _measure_all(
    options: BenchOptions,
    tools: Tools,
    plan: Plan,
    artifacts: Mapping[str, Artifact],
    kit: Kit,
    sitting: Sitting,
    progress: Progress,
) -> bool:
    """Calibration and every trial that is due; whether the user interrupted it. Raises HarnessError."""
    run, document, journal = sitting.run, sitting.document, sitting.journal
    keeper = GeneratorKeeper(lambda: tools.generator(run.path / "load"))
    interrupted = False
    with workspace(options.workspace, "bench") as folder:
        bench = Bench(
            run_id=run.run_id,
            driver=tools.driver,
            artifacts=artifacts,
            kit=kit,
            placement=tools.placement,
            engine=tools.engine,
            workers=tools.workers,
            seed=options.plan.seed,
            workspace=folder,
            own_service=tools.own_service,
            locustfile=tools.locustfile,
            generator=keeper.get,
            capacities=sitting.capacities,
        )
        try:
            if tools.calibrate is not None and not sitting.is_calibrated:
                progress.live("calibrating the load generator")
                sitting.calibrated(_calibration(tools.calibrate, keeper, folder, options))
            _run_rounds(bench, plan, sitting, keeper, progress)
            while options.plan.until_tight and _another_round(options, plan, sitting):
                plan = _with_another_round(options, plan, artifacts)
                document |= order_of(plan)
                run.write_run(document)
                _run_rounds(bench, plan, sitting, keeper, progress, first=plan.rounds)
            document["status"] = "complete"
        except KeyboardInterrupt:
            interrupted = True
            document["status"] = "interrupted"
            progress.warn(
                "interrupted: ending what runs; the trials that are done are kept. "
                f"Go on with: harness bench --resume {_shown(run.path)}"
            )
        except HarnessError as error:
            document["status"] = "broken off"
            document["notes"].append(str(error))
            with suppress(
                StoreError
            ):  # it may be the disk that is full: the error is then the one to tell of
                run.write_run({**document, "ended_unix_ns": time.time_ns()})
                journal.note("broken off", reason=str(error))
            raise
        finally:
            keeper.discard()
    document["ended_unix_ns"] = time.time_ns()
    document["manifest_after"] = tools.manifest(artifacts)
    run.write_run(document)
    journal.note("interrupted" if interrupted else "complete")
    return interrupted


def _calibration(
    calibrate: Callable[[LoadGenerator, Path, bool], JsonObject],
    keeper: GeneratorKeeper,
    folder: Path,
    options: BenchOptions,
) -> JsonObject:
    """What the generator measures of a server that is known; a failure of it is no reason to measure nothing."""
    try:
        return calibrate(keeper.get(), folder / "calibration", options.plan.quick)
    except LoadError as error:
        keeper.discard()
        return {"schema": 1, "bouts": [], "missing_because": str(error)}


def prepare(
    targets: Sequence[TargetSpec], driver: Driver, progress: Progress
) -> tuple[dict[str, Artifact], dict[str, str]]:
    """Builds each target; one that cannot be built is skipped, with the reason in one line."""
    artifacts: dict[str, Artifact] = {}
    skipped: dict[str, str] = {}
    for number, target in enumerate(targets, start=1):
        progress.live(f"building {target.id} ({number} of {len(targets)})")

        def on_line(line: str, target: TargetSpec = target) -> None:
            progress.live(f"building {target.id}: {line.strip()[:80]}")

        try:
            with deadline(f"the build of {target.id}", _BUILD_DEADLINE_S):
                artifact = driver.prepare(target, on_line)
        except (ToolchainMissing, BuildError, UsageError, DeadlineError) as error:
            skipped[target.id] = str(error)
            progress.warn(f"{target.id} is skipped: {error}")
            continue
        artifacts[target.id] = artifact
        took = (
            f"built in {artifact.build_s:.0f} s" if artifact.build_s is not None else "unchanged, not rebuilt"
        )
        progress.line(f"{target.id}: {took}")
    return artifacts, skipped


def _with_another_round(options: BenchOptions, plan: Plan, artifacts: Mapping[str, Artifact]) -> Plan:
    ready = [t for t in options.targets if t.id in artifacts]
    return with_another_round(plan, options.scenarios, ready, options.plan)


def _another_round(options: BenchOptions, plan: Plan, sitting: Sitting) -> bool:
    """Whether intervals are still too wide and the budget allows for another round; notes what was found."""
    found = widest(sitting.run.trials())
    used_s = sitting.used_s
    is_affordable = used_s + used_s / plan.rounds <= options.plan.tight_budget_s
    sitting.document["tightness"] = _tightness(found, plan.rounds)
    if found is None or found.is_tight:
        return False
    if not is_affordable:
        sitting.document["notes"].append(
            f"the intervals are not as narrow as was asked for: {plan.rounds} rounds took "
            f"{duration_text(used_s)}, and another would not fit the budget; the widest is the {found.text}"
        )
    return is_affordable


def _tightness(found: Width | None, rounds: int) -> JsonObject:
    return {
        "rounds": rounds,
        "reached": found is not None and found.is_tight,
        "widest": None if found is None else asdict(found),
    }


def _run_rounds(
    bench: Bench,
    plan: Plan,
    sitting: Sitting,
    keeper: GeneratorKeeper,
    progress: Progress,
    first: int = 1,
) -> None:
    """Each round's trials in their order; one that is not valid once more at the end of its round."""
    began_s = time.monotonic()
    measured_s = done_s = 0.0
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
            done_s = time.monotonic() - began_s


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


def _outcome(
    options: BenchOptions, run: RunFolder, plan: Plan, skipped: Mapping[str, str], *, interrupted: bool
) -> Outcome:
    code = ExitCode.INTERRUPTED if interrupted else ExitCode.DONE
    reasons = ["interrupted before all trials were done"] if interrupted else []
    if not interrupted:
        short = too_few_valid(run, plan)
        reasons += short
        if options.targets_named:
            reasons += [f"{name} was asked for but could not be built" for name in skipped]
        if reasons:
            code = worst(code, ExitCode.TOO_FEW_TRIALS)
    return Outcome(run, code, tuple(reasons))


def valid_needed(rounds: int) -> int:
    """A row needs 2 of 3 valid trials, 3 of 5; of one or two rounds, all but none may miss."""
    return rounds // 2 + 1


def too_few_valid(run: RunFolder, plan: Plan) -> list[str]:
    """A sentence for each case that has too few valid trials to be shown as a result."""
    valid: dict[str, int] = {c.id: 0 for c in plan.cases}
    for trial in run.trials():
        if trial["status"] == "valid":
            valid[trial["case"]["id"]] += 1
    needed = valid_needed(plan.rounds)
    return [
        f"{case}: {n} of {plan.rounds} trials valid, {needed} needed"
        for case, n in valid.items()
        if n < needed
    ]


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
