"""One `harness bench`: build, plan, run every trial in its order, keep each as it ends, say what came out."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

from harness.drivers.base import Artifact, Driver
from harness.errors import BuildError, ExitCode, HarnessError, LoadError, ToolchainMissing, UsageError, worst
from harness.kit.kit import Kit
from harness.load.supervise import LoadGenerator
from harness.model import JsonObject, PlannedTrial, Scenario, TargetSpec
from harness.plan import Plan, PlanOptions, make_plan, repeat, with_another_round
from harness.probes.placement import Placement
from harness.progress import Progress, TrialNow, duration_text
from harness.store import RunFolder, new_run_id, write_json
from harness.tight import Width, widest
from harness.trials.cold_start import measure_cold_start
from harness.trials.load import measure_load
from harness.trials.memory import measure_memory
from harness.trials.reload import measure_reload
from harness.trials.trial import Bench, Measure, Trial, run_trial

_MEASURES: Mapping[str, Measure] = {
    "load": measure_load,
    "cold-start": measure_cold_start,
    "memory": measure_memory,
    "reload": measure_reload,
}


@dataclass(frozen=True)
class BenchOptions:
    """What `harness bench` was asked for, names already looked up."""

    scenarios: Sequence[Scenario]
    targets: Sequence[TargetSpec]
    targets_named: bool
    plan: PlanOptions
    results: Path
    workspace: Path
    argv: Sequence[str] = field(default_factory=tuple)


@dataclass(frozen=True)
class Tools:
    """The parts that a session works with; `cli` chooses them."""

    driver: Driver
    driver_name: str
    driver_note: str | None
    placement: Placement
    engine: str
    engine_note: str | None
    workers: int
    own_service: bool
    locustfile: bool
    generator: Callable[[Path], AbstractContextManager[LoadGenerator]]
    calibrate: Callable[[LoadGenerator, Path, bool], JsonObject] | None
    manifest: Callable[[Mapping[str, Artifact]], JsonObject]


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
    """Runs the whole session. Raises HarnessError for what prevents all of it."""
    artifacts, skipped = prepare(options.targets, tools.driver, progress)
    if not artifacts:
        reasons = "\n".join(f"  {name}: {why}" for name, why in skipped.items())
        raise ToolchainMissing(f"no target can be built here:\n{reasons}\nSee `harness doctor`.")
    ready = [t for t in options.targets if t.id in artifacts]
    plan = make_plan(options.scenarios, ready, options.plan)
    run = RunFolder.create(options.results, new_run_id())
    progress.line(
        f"{len(plan.trials)} trials in {plan.rounds} round{'s' if plan.rounds > 1 else ''}, "
        f"about {duration_text(plan.estimated_s)}; results in {_shown(run.path)}"
    )
    document = _run_document(options, tools, plan, artifacts, skipped)
    run.write_run(document)
    keeper = GeneratorKeeper(lambda: tools.generator(run.path / "load"))
    interrupted = False
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.workspace) as workspace:
        bench = Bench(
            run_id=run.run_id,
            driver=tools.driver,
            artifacts=artifacts,
            kit=Kit.make(),
            placement=tools.placement,
            engine=tools.engine,
            workers=tools.workers,
            seed=options.plan.seed,
            workspace=Path(workspace),
            own_service=tools.own_service,
            locustfile=tools.locustfile,
            generator=keeper.get,
        )
        try:
            if tools.calibrate is not None:
                progress.live("calibrating the load generator")
                document["calibration"] = _calibration(tools.calibrate, keeper, Path(workspace), options)
                document["notes"] += document["calibration"].get("notes", [])
                run.write_run(document)
            began_s = time.monotonic()
            _run_rounds(bench, plan, run, keeper, progress)
            while options.plan.until_tight and _another_round(options, plan, run, began_s, document):
                plan = with_another_round(plan, options.scenarios, ready, options.plan)
                document |= _order(plan)
                run.write_run(document)
                _run_rounds(bench, plan, run, keeper, progress, first=plan.rounds)
            document["status"] = "complete"
        except KeyboardInterrupt:
            interrupted = True
            document["status"] = "interrupted"
            progress.warn("interrupted: ending what runs; the trials that are done are kept")
        except HarnessError as error:
            document["status"] = "broken off"
            document["notes"].append(str(error))
            run.write_run({**document, "ended_unix_ns": time.time_ns()})
            raise
        finally:
            keeper.discard()
    document["ended_unix_ns"] = time.time_ns()
    document["manifest_after"] = tools.manifest(artifacts)
    run.write_run(document)
    return _outcome(options, run, plan, skipped, interrupted=interrupted)


def _calibration(
    calibrate: Callable[[LoadGenerator, Path, bool], JsonObject],
    keeper: GeneratorKeeper,
    workspace: Path,
    options: BenchOptions,
) -> JsonObject:
    """What the generator measures of a server that is known; a failure of it is no reason to measure nothing."""
    try:
        return calibrate(keeper.get(), workspace / "calibration", options.plan.quick)
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
            artifact = driver.prepare(target, on_line)
        except (ToolchainMissing, BuildError, UsageError) as error:
            skipped[target.id] = str(error)
            progress.warn(f"{target.id} is skipped: {error}")
            continue
        artifacts[target.id] = artifact
        took = (
            f"built in {artifact.build_s:.0f} s" if artifact.build_s is not None else "unchanged, not rebuilt"
        )
        progress.line(f"{target.id}: {took}")
    return artifacts, skipped


def _another_round(
    options: BenchOptions, plan: Plan, run: RunFolder, began_s: float, document: JsonObject
) -> bool:
    """Whether intervals are still too wide and the budget allows for another round; notes what was found."""
    found = widest(run.trials())
    used_s = time.monotonic() - began_s
    is_affordable = used_s + used_s / plan.rounds <= options.plan.tight_budget_s
    document["tightness"] = _tightness(found, plan.rounds)
    if found is None or found.is_tight:
        return False
    if not is_affordable:
        document["notes"].append(
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
    bench: Bench, plan: Plan, run: RunFolder, keeper: GeneratorKeeper, progress: Progress, first: int = 1
) -> None:
    """Each round's trials in their order; one that is not valid once more at the end of its round."""
    began_s = time.monotonic()
    planned_s = done_s = earlier_s = sum(t.estimated_s for t in plan.trials if t.round < first)
    done = sum(t.round < first for t in plan.trials)
    for number in range(first, plan.rounds + 1):
        queue = [(t, 1) for t in plan.trials if t.round == number]
        for trial, attempt in queue:  # grows while we go through it
            done += attempt == 1
            pace = done_s / planned_s if planned_s else 1.0
            left_s = max(0.0, plan.estimated_s - planned_s) * pace
            which = f"trial {done} of {len(plan.trials)}" if attempt == 1 else "once more"
            head = f"round {number} of {plan.rounds}, {which}, about {duration_text(left_s)} left: {trial.case.id}"
            progress.trial(
                TrialNow(
                    case=trial.case.id,
                    round=f"round {number} of {plan.rounds}, {which}",
                    done_ratio=planned_s / plan.estimated_s if plan.estimated_s else 0.0,
                    left_s=left_s,
                )
            )
            record = one_trial(bench, trial, attempt, run, head, progress)
            progress.trial(None)
            if record["status"] != "valid":
                keeper.discard()
                if attempt == 1:
                    queue.append((repeat(trial, len(queue)), 2))
            planned_s += trial.estimated_s if attempt == 1 else 0.0
            done_s = earlier_s + time.monotonic() - began_s


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
        record = run_trial(trial, _MEASURES[case.scenario.kind])
        record["attempt"] = attempt
        write_json(folder / "trial.json", record)
    progress.line(f"{head}: {_one_line(record)}")
    return record


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


def _run_document(
    options: BenchOptions,
    tools: Tools,
    plan: Plan,
    artifacts: Mapping[str, Artifact],
    skipped: Mapping[str, str],
) -> JsonObject:
    notes = [n for n in (tools.driver_note, tools.engine_note, *tools.placement.notes) if n]
    return {
        "created_unix_ns": time.time_ns(),
        "status": "running",
        "command": list(options.argv),
        "quick": options.plan.quick,
        "full": options.plan.full,
        "driver": tools.driver_name,
        "engine": tools.engine,
        "workers": tools.workers,
        "notes": notes,
        "seed": plan.seed,
        "window_scale": plan.scale,
        **_order(plan),
        "placement": asdict(tools.placement),
        "cases": [
            {"id": c.id, "scenario": c.scenario.name, "target": c.target.id, "twin": c.twin}
            for c in plan.cases
        ],
        "scenarios": {c.scenario.name: _dump(c.scenario) for c in plan.cases},
        "targets": {
            t.id: {
                **_dump(t),
                "content_hash": artifacts[t.id].content_hash,
                "toolchains": [
                    {"command": u.command, "version": u.version} for u in artifacts[t.id].toolchains
                ],
                "image_digest": artifacts[t.id].image_digest,
                "build_s": artifacts[t.id].build_s,
            }
            for t in options.targets
            if t.id in artifacts
        },
        "skipped": dict(skipped),
        "manifest": tools.manifest(artifacts),
    }


def _order(plan: Plan) -> JsonObject:
    """What of the document changes when a round is added."""
    return {
        "rounds": plan.rounds,
        "estimated_s": plan.estimated_s,
        "order": [[t.case.id, t.round] for t in plan.trials],
    }


def _dump(model: Scenario | TargetSpec) -> JsonObject:
    dumped = model.model_dump(
        mode="json", by_alias=True, exclude={"folder", "toolchain", "test", "process", "docker"}
    )
    return dict(dumped)


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
