"""One `harness bench`: build, plan, run every trial in its order, keep each as it ends, say what came out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.affinity import pinned
from harness.bench_setup import BenchOptions, Tools
from harness.building import of_the_skipped, prepare
from harness.drivers.base import Artifact
from harness.errors import (
    ExitCode,
    LoadError,
    StoreError,
    worst,
)
from harness.kit.kit import Kit
from harness.load.supervise import LoadGenerator
from harness.model import JsonObject, PlannedTrial, TargetSpec
from harness.plan import Plan, PlanOptions, budget_note, make_plan, search_note, with_another_round
from harness.progress import Progress
from harness.rounds import GeneratorKeeper, run_rounds
from harness.run_document import begin_document, order_of
from harness.sitting import Sitting, begin, go_on
from harness.store import RunFolder, new_run_id
from harness.tight import Width, widest
from harness.trials.trial import Bench
from harness.units import counted, duration_text
from harness.workspace import workspace


@dataclass(frozen=True)
class Outcome:
    """What a session leaves: its run, the exit code, and the sentence that explains a code other than 0."""

    run: RunFolder | None
    code: ExitCode
    reasons: tuple[str, ...]


def run_bench(options: BenchOptions, tools: Tools, progress: Progress) -> Outcome:
    """Runs the whole session, or what is left of one. Raises HarnessError for what prevents all of it."""
    built = prepare(_wanted(options), tools.driver, progress)
    artifacts = built.artifacts
    if not artifacts:
        raise built.nothing()
    ready = [t for t in options.targets if t.id in artifacts]
    plan = make_plan(options.scenarios, ready, options.plan)
    again = options.resumption
    while again and plan.rounds < again.run.read_run()["rounds"]:  # that were added, until it was cut off
        plan = _with_another_round(options, plan, artifacts)
    document = begin_document(options, tools, plan, artifacts, built.skipped)
    document["build_faults"] = {name: int(code) for name, code in built.faults.items()}
    for note in filter(None, (budget_note(plan, options.plan), search_note(options.scenarios, options.plan))):
        document["notes"].append(note)
        progress.warn(note)
    # The kit takes a moment, so it is made before the run's folder: from there on run.json notes an interrupt.
    kit = Kit.make()
    run = again.run if again else RunFolder.create(options.results, new_run_id())
    with run.held():
        boot_id = tools.boot_id
        sitting = go_on(again, document, boot_id, progress) if again else begin(run, document, boot_id)
        progress.line(
            f"{counted(len(plan.trials), 'trial')} in {counted(plan.rounds, 'round')}, "
            f"about {duration_text(plan.estimated_s)}; results in {_shown(run.path)}"
        )
        with (
            pinned(tools.placement.harness_cpus),
            tools.keep_awake(run.run_id, run.path / "load"),
        ):
            interrupted = _measure_all(options, tools, plan, artifacts, kit, sitting, progress)
    return _outcome(options, run, plan, sitting.document, interrupted=interrupted)


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
            left_out = run_rounds(bench, plan, sitting, keeper, progress, budget_s=options.repeats_budget_s)
            _note_left_out(document, left_out, options.plan)
            while options.plan.until_tight and _another_round(options, plan, sitting):
                plan = _with_another_round(options, plan, artifacts)
                document |= order_of(plan)
                run.write_run(document)
                run_rounds(bench, plan, sitting, keeper, progress, first=plan.rounds)
            document["status"] = "complete"
        except KeyboardInterrupt:
            interrupted = True
            document["status"] = "interrupted"
            progress.warn(
                "interrupted: ending what runs; the trials that are done are kept. "
                f"Go on with: harness bench --resume {_shown(run.path)}"
            )
        except Exception as error:
            document["status"] = "broken off"
            document["notes"].append(str(error) or type(error).__name__)
            with suppress(StoreError):  # the disk may be full: the error is then the one to tell of
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


def _note_left_out(document: JsonObject, left_out: Sequence[PlannedTrial], asked: PlanOptions) -> None:
    """In place of what an earlier sitting may have noted of the same: those trials may be valid by now."""
    earlier = document.pop("left_out", None)
    document["notes"] = [note for note in document["notes"] if note != earlier]
    if left_out and asked.budget_s is not None:
        which = ", ".join(f"{t.case.id} in round {t.round}" for t in left_out)
        document["left_out"] = (
            f"not valid, and not measured once more, as that would not have fitted the budget of "
            f"{duration_text(asked.budget_s)}: {which}"
        )
        document["notes"].append(document["left_out"])


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


def _outcome(
    options: BenchOptions, run: RunFolder, plan: Plan, document: JsonObject, *, interrupted: bool
) -> Outcome:
    code = ExitCode.INTERRUPTED if interrupted else ExitCode.DONE
    reasons = ["interrupted before all trials were done"] if interrupted else []
    if not interrupted:
        reasons += too_few_valid(run, plan)
        if reasons:
            code = ExitCode.TOO_FEW_TRIALS
        not_built, why = of_the_skipped(
            document["skipped"], document.get("build_faults", {}), named=options.targets_named
        )
        code, reasons = worst(code, not_built), reasons + why
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
