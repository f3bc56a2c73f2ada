"""One night: the machine is looked at, both sides are built, pairs are measured, looked at, and confirmed."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.affinity import pinned
from harness.asked import NightAsked
from harness.bench_setup import Tools
from harness.building import prepare
from harness.drivers.base import Artifact
from harness.errors import StoreError, TooNoisy
from harness.gate.document import Built, night_document, run_document
from harness.gate.figures import gated_metrics
from harness.gate.judge import night_word, not_compared, verdicts
from harness.gate.measuring import Measuring, measure_rounds
from harness.gate.model import Night, TargetNight
from harness.gate.quiet import why_too_noisy
from harness.gate.resume import Earlier, take_up
from harness.gate.sources import Source
from harness.gate_file import GateFile
from harness.journal import Journal
from harness.kit.kit import Kit
from harness.model import Case, JsonObject, Scenario, TargetSpec
from harness.plan import estimate_s
from harness.probes.noise import Noise, measure_noise, noise_text, to_json
from harness.progress import Progress
from harness.rounds import GeneratorKeeper
from harness.stats.gate import GateRules
from harness.store import RunFolder, new_run_id, write_json
from harness.trials.trial import Bench
from harness.units import duration_text, span_text
from harness.workspace import workspace


@dataclass(frozen=True)
class GateOptions:
    """What `harness gate` was asked for, names already looked up: both sides of each target, in the same order.

    `asked`: the same as typed, for a night that can be gone on with. `resume`: the night that is gone on with.
    """

    file: GateFile
    scenario: Scenario
    base: Source
    head: Source
    base_targets: Sequence[TargetSpec]
    head_targets: Sequence[TargetSpec]
    budget_s: float
    seed: int
    probe_s: float
    results: Path
    workspace: Path
    argv: Sequence[str] = field(default_factory=tuple)
    asked: NightAsked | None = None
    resume: RunFolder | None = None

    @property
    def rules(self) -> GateRules:
        return rules_of(self.file)


def rules_of(file: GateFile) -> GateRules:
    """The statistical part of gate.yaml."""
    return GateRules(
        looks=file.looks,
        level=file.false_discovery_ratio,
        confirming=file.confirmation.pairs,
        agreeing=file.confirmation.agreeing,
    )


def run_gate(options: GateOptions, tools: Tools, progress: Progress) -> tuple[RunFolder, JsonObject]:
    """Measures a night, or what is left of one, and saves it as `gate.json`.

    Raises HarnessError for what prevents all of it, TooNoisy where a night is not gone on with for now.
    """
    run = options.resume or RunFolder.create(options.results, new_run_id())
    with run.held():
        then = run.read_run() if options.resume else None
        return run, _sitting(options, tools, progress, run, then)


def _sitting(
    options: GateOptions, tools: Tools, progress: Progress, run: RunFolder, then: JsonObject | None
) -> JsonObject:
    """From the noise probe to gate.json, which is the result. `then`: run.json of the night that is gone on with."""
    began_s, unix_ns = time.monotonic(), time.time_ns()
    metrics = gated_metrics(options.file, options.scenario)
    noise = _probe(options, tools, run, progress)
    night = Night(options.base, options.head, options.seed, options.rules, metrics, noise)
    built = Built(
        created_unix_ns=then["created_unix_ns"] if then else unix_ns,
        asked=options.asked,
        command=then["command"] if then else options.argv,
        tools=tools,
        manifest=tools.manifest({}),
        scenario=options.scenario,
        bases={},
        heads={},
    )
    if reasons := why_too_noisy(noise, options.file.noise):
        if then:
            raise TooNoisy(f"{run.run_id} is not gone on with now, and can be later: {'; '.join(reasons)}")
        return _save(run, replace(night, too_noisy=tuple(reasons)), built, "complete")
    night, built = _build(options, night, built, progress)
    earlier = Earlier()
    if then:
        earlier = take_up(run, then, run_document(night, built, "running"), unix_ns, progress)
        built = replace(built, resumed=earlier.sittings)
        run.make_latest()
    _save(run, night, built, "running")
    Journal.of(run).note(
        "resumed" if then else "begun", pid=os.getpid(), boot_id=tools.boot_id, noise=to_json(noise)
    )
    return _measure(options, run, night, built, earlier, progress, began_s)


def _build(options: GateOptions, night: Night, built: Built, progress: Progress) -> tuple[Night, Built]:
    """Both sides of every target; one that cannot be built is skipped."""
    tools = built.tools
    named = bool(options.file.targets or (options.asked and options.asked.targets))
    head = prepare(options.head_targets, tools.driver, progress)
    base = prepare(options.base_targets, tools.driver, progress)
    heads, bases = head.artifacts, base.artifacts
    night = replace(
        night,
        skipped={**{t: f"base: {why}" for t, why in base.skipped.items()}, **head.skipped},
        not_compared=not_compared(head.skipped, base.skipped, named=named),
        targets=tuple(TargetNight(t.id) for t in options.head_targets if t.id in heads and t.id in bases),
        same_artifact=frozenset(t for t in heads if t in bases and _same(heads[t], bases[t])),
    )
    return night, replace(built, manifest=tools.manifest(heads), bases=bases, heads=heads)


def _measure(
    options: GateOptions,
    run: RunFolder,
    night: Night,
    built: Built,
    earlier: Earlier,
    progress: Progress,
    began_s: float,
) -> JsonObject:
    """All rounds that are still to be measured, to their end or an interrupt. Raises HarnessError."""
    tools, journal = built.tools, Journal.of(run)
    keeper = GeneratorKeeper(lambda: tools.generator(run.path / "load"))
    with (
        pinned(tools.placement.harness_cpus),
        tools.keep_awake(run.run_id, run.path / "load"),
        workspace(options.workspace, "gate") as folder,
    ):
        bench = Bench(
            run_id=run.run_id,
            driver=tools.driver,
            artifacts=built.heads,
            kit=Kit.make(),
            placement=tools.placement,
            engine=tools.engine,
            workers=tools.workers,
            seed=night.seed,
            workspace=folder,
            own_service=False,
            locustfile=False,
            generator=keeper.get,
        )
        measuring = Measuring(
            scenario=options.scenario,
            budget_s=options.budget_s,
            metrics=night.metrics,
            run=run,
            keeper=keeper,
            progress=progress,
            head=bench,
            base=replace(bench, artifacts=built.bases),
            began_s=began_s - earlier.used_s,
            journal=journal,
            earlier=earlier,
        )
        try:
            night = measure_rounds(measuring, night)
            status = "complete"
        except KeyboardInterrupt:
            status = "interrupted"
            progress.warn(
                "interrupted: ending what runs; the trials that are done are kept. "
                f"Go on with: harness gate --resume {run.path}"
            )
        except Exception as error:
            with suppress(StoreError):  # the disk may be full: the error is then the one to tell of
                _save(run, night, built, "broken off")
                journal.note("broken off", reason=str(error))
            raise
        finally:
            keeper.discard()
    document = _save(run, night, built, status)
    journal.note("complete" if status == "complete" else "interrupted")
    return document


def _probe(options: GateOptions, tools: Tools, run: RunFolder, progress: Progress) -> Noise:
    placement = tools.placement
    progress.live("listening to how noisy the machine is")
    cpus = sorted({*placement.target_cpus, *placement.generator_cpus})
    with (
        pinned(placement.harness_cpus),
        tools.keep_awake(run.run_id, run.path / "load") as wakers,
    ):
        noise = measure_noise(cpus, placement.target_cpus[0], options.probe_s, wakers.cpu_ns)
    progress.line(f"noise: {noise_text(to_json(noise))}")
    return noise


def _same(one: Artifact, other: Artifact) -> bool:
    """Whether both sides would run the very same thing in the same way."""
    return (
        one.content_hash == other.content_hash
        and one.image_digest == other.image_digest
        and one.target.environment == other.target.environment
        and (one.target.process and one.target.process.run)
        == (other.target.process and other.target.process.run)
    )


def _save(run: RunFolder, night: Night, built: Built, status: str) -> JsonObject:
    """Writes gate.json once there is something to say, and then run.json: a night that is complete has both."""
    level = night.looks[-1][1] if night.looks else night.rules.levels[-1]
    judged = verdicts(night.targets, night.metrics, night.rules, level)
    word = "cannot tell" if night.too_noisy else night_word(judged, night.not_compared)
    document = night_document(run.run_id, night, judged, word, status, built.notes)
    if status != "running":
        write_json(run.path / "gate.json", document)
    run.write_run(run_document(night, built, status))
    return document


@dataclass(frozen=True)
class NightEstimate:
    """About how long a night takes, builds apart. least_s: every target is told at the first look; most_s: all rounds;
    confirming_s: what all targets would add to that."""

    least_s: float
    most_s: float
    confirming_s: float


def estimate(options: GateOptions) -> NightEstimate:
    """From the lengths of windows and warm-ups; repeated trials come on top. The budget ends a night in any case."""
    round_s = sum(2 * estimate_s(Case(t, options.scenario)) for t in options.head_targets)
    rules = options.rules
    return NightEstimate(
        options.probe_s + rules.looks[0] * round_s,
        options.probe_s + rules.looks[-1] * round_s,
        rules.confirming * round_s,
    )


def estimate_text(options: GateOptions) -> str:
    """`about 21 min to 42 min, what confirms 14 min more at most; over after 85 min in any case`."""
    found = estimate(options)
    confirming, budget = duration_text(found.confirming_s), duration_text(options.budget_s)
    return (
        f"about {span_text(found.least_s, found.most_s)}, what confirms {confirming} more at most; "
        f"over after {budget} in any case"
    )
