"""One night: the machine is looked at, both sides are built, pairs are measured, looked at, and confirmed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.bench_setup import Tools
from harness.building import prepare
from harness.drivers.base import Artifact
from harness.errors import HarnessError
from harness.gate.document import Built, night_document, run_document
from harness.gate.figures import figures_of, gated_metrics
from harness.gate.judge import look, needs_confirming, night_word, verdicts
from harness.gate.model import Gated, Night, PairFigures, TargetNight
from harness.gate.pairs import PlannedPair, Side, plan_rounds
from harness.gate.quiet import why_too_noisy
from harness.gate.sources import Source
from harness.gate_file import GateFile
from harness.kit.kit import Kit
from harness.model import Case, JsonObject, PlannedTrial, Scenario, TargetSpec
from harness.plan import estimate_s
from harness.probes.noise import Noise, measure_noise
from harness.progress import Progress
from harness.rounds import GeneratorKeeper, one_trial
from harness.stats.gate import GateRules
from harness.store import RunFolder, new_run_id, write_json
from harness.trials.trial import Bench
from harness.units import duration_text
from harness.workspace import workspace

SPARE_RATIO = 1.15
"""What is left of the budget has to hold so much more than the next round and the confirmation are expected to take."""


@dataclass(frozen=True)
class GateOptions:
    """What `harness gate` was asked for, names already looked up: both sides of each target, in the same order."""

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
    """Measures a night and saves it as `gate.json`. Raises HarnessError for what prevents all of it."""
    began_s = time.monotonic()
    created_unix_ns = time.time_ns()
    metrics = gated_metrics(options.file, options.scenario)
    run = RunFolder.create(options.results, new_run_id())
    noise = _probe(options, tools, progress)
    night = Night(options.base, options.head, options.seed, options.rules, metrics, noise)
    if reasons := why_too_noisy(noise, options.file.noise):
        night = replace(night, too_noisy=tuple(reasons))
        nothing = Built(created_unix_ns, tools, tools.manifest({}), options.scenario, {}, {})
        return run, _save(run, night, nothing, options.argv, "complete")
    heads, head_skipped = prepare(options.head_targets, tools.driver, progress)
    bases, base_skipped = prepare(options.base_targets, tools.driver, progress)
    night = replace(
        night,
        skipped={**{t: f"base: {why}" for t, why in base_skipped.items()}, **head_skipped},
        targets=tuple(TargetNight(t.id) for t in options.head_targets if t.id in heads and t.id in bases),
        same_artifact=frozenset(t for t in heads if t in bases and _same(heads[t], bases[t])),
    )
    built = Built(created_unix_ns, tools, tools.manifest(heads), options.scenario, bases, heads)
    _save(run, night, built, options.argv, "running")
    keeper = GeneratorKeeper(lambda: tools.generator(run.path / "load"))
    with workspace(options.workspace, "gate") as folder:
        bench = Bench(
            run_id=run.run_id,
            driver=tools.driver,
            artifacts=heads,
            kit=Kit.make(),
            placement=tools.placement,
            engine=tools.engine,
            workers=tools.workers,
            seed=options.seed,
            workspace=folder,
            own_service=False,
            locustfile=False,
            generator=keeper.get,
        )
        measuring = Measuring(
            options, metrics, run, keeper, progress, bench, replace(bench, artifacts=bases), began_s
        )
        try:
            night = measure_rounds(measuring, night)
            status = "complete"
        except KeyboardInterrupt:
            status = "interrupted"
            progress.warn("interrupted: ending what runs; the trials that are done are kept")
        except HarnessError:
            _save(run, night, built, options.argv, "broken off")
            raise
        finally:
            keeper.discard()
    return run, _save(run, night, built, options.argv, status)


def _probe(options: GateOptions, tools: Tools, progress: Progress) -> Noise:
    placement = tools.placement
    progress.live("listening to how noisy the machine is")
    cpus = sorted({*placement.target_cpus, *placement.generator_cpus})
    noise = measure_noise(cpus, placement.target_cpus[0], options.probe_s)
    progress.line(
        f"noise: steal {noise.worst('steal_ratio'):.1%}, other load {noise.worst('other_load_ratio'):.1%}, "
        f"timers {noise.worst('late_p99_ns') / 1e6:.2f} ms late at P99, memory "
        + (
            f"{noise.bandwidth_bytes_per_s / 1e9:.1f} GB/s ± {noise.bandwidth_spread_ratio:.0%}"
            if noise.bandwidth_bytes_per_s and noise.bandwidth_spread_ratio is not None
            else "not measured"
        )
    )
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


@dataclass
class Measuring:
    """A night under way: what its pairs share, and how long they take."""

    options: GateOptions
    metrics: Sequence[Gated]
    run: RunFolder
    keeper: GeneratorKeeper
    progress: Progress
    head: Bench
    base: Bench
    began_s: float
    took_s: dict[str, float] = field(default_factory=dict)

    def expected_s(self, target: str) -> float:
        """How long a pair of this target takes: as the last one did, before that as planned."""
        spec = self.head.artifacts[target].target
        return self.took_s.get(target, 2 * estimate_s(Case(spec, self.options.scenario)))

    def fits(self, rounds: Mapping[str, int]) -> bool:
        """Whether so many further pairs of each target fit into the budget."""
        left_s = self.options.budget_s - (time.monotonic() - self.began_s)
        return SPARE_RATIO * sum(n * self.expected_s(t) for t, n in rounds.items()) <= left_s

    def pair(self, planned: PlannedPair, head_text: str) -> PairFigures | None:
        """Measures a pair; None when one side has no figure that may be believed."""
        began_s = time.monotonic()
        figures = {side: self._side(planned, side, head_text) for side in planned.sides}
        self.took_s[planned.target] = time.monotonic() - began_s
        if not all(figures.values()):
            return None
        return PairFigures(planned.round, planned.first, figures["base"], figures["head"])

    def _side(self, planned: PlannedPair, side: Side, head_text: str) -> dict[str, float]:
        """One trial; one that is not valid is repeated once, for the figures that the first could not give."""
        bench = self.base if side == "base" else self.head
        case = Case(bench.artifacts[planned.target].target, self.options.scenario, side=side)
        trial = PlannedTrial(case, planned.round, planned.sides.index(side), estimate_s(case))
        found: dict[str, float] = {}
        for attempt in (1, 2):
            text = f"{head_text}: {case.id}{', once more' if attempt > 1 else ''}"
            record = one_trial(bench, trial, attempt, self.run, text, self.progress)
            found = figures_of(record, self.metrics) | found
            if record["status"] == "valid":
                break
            self.keeper.discard()
        return found


def measure_rounds(measuring: Measuring, night: Night) -> Night:
    """All rounds with their looks, then the confirmation of what alerted."""
    rules, metrics = night.rules, night.metrics
    planned = plan_rounds([t.target for t in night.targets], rules.looks[-1], night.seed)
    for number, pairs in enumerate(planned, start=1):
        active = {t.target for t in night.targets if t.stopped_by is None}
        if not active:
            break
        ahead = 1 + (rules.confirming if number > rules.looks[0] else 0)
        if number > 1 and not measuring.fits(dict.fromkeys(active, ahead)):
            measuring.progress.line("the budget has no room for another round")
            night = replace(night, cut_short=True)
            break
        night = _round(measuring, night, [p for p in pairs if p.target in active], f"round {number}")
        if number in rules.looks:
            night = _look(measuring, night, number, metrics)
    if night.cut_short and night.rounds > max((n for n, _ in night.looks), default=0):
        night = _look(measuring, night, night.rounds, metrics)
    return _confirm(measuring, night)


def _round(
    measuring: Measuring, night: Night, pairs: Sequence[PlannedPair], text: str, *, further: bool = False
) -> Night:
    found = {p.target: measuring.pair(p, text) for p in pairs}
    targets = tuple(
        _with_pair(t, found[t.target], further=further) if t.target in found else t for t in night.targets
    )
    return replace(night, targets=targets, rounds=night.rounds + (not further))


def _with_pair(target: TargetNight, pair: PairFigures | None, *, further: bool) -> TargetNight:
    if pair is None:
        return replace(target, lost=target.lost + 1)
    if further:
        return replace(target, further=(*target.further, pair))
    return replace(target, pairs=(*target.pairs, pair))


def _look(measuring: Measuring, night: Night, number: int, metrics: Sequence[Gated]) -> Night:
    """`number` rounds are over; a look that comes early spends no more than the one it stands for."""
    rules = night.rules
    level = next(lv for n, lv in zip(rules.looks, rules.levels, strict=True) if number <= n)
    looked = look(night.targets, metrics, level)
    for before, now in zip(night.targets, looked, strict=True):
        if now.stopped_by and not before.stopped_by:
            names = ", ".join(now.alerts or {})
            measuring.progress.line(
                f"{now.target} after {len(now.pairs)} pairs: {now.stopped_by}"
                + (f" ({names})" if names else "")
            )
    return replace(night, targets=looked, looks=(*night.looks, (number, level)))


def _confirm(measuring: Measuring, night: Night) -> Night:
    rules = night.rules
    alerting = [t.target for t in night.targets if needs_confirming(t, night.metrics)]
    if not alerting:
        return night
    measuring.progress.line(f"confirming {', '.join(alerting)} by {rules.confirming} further pairs")
    for pairs in plan_rounds(alerting, rules.confirming, night.seed, begin=night.rounds + 1):
        night = _round(measuring, night, pairs, "confirmation", further=True)
    return night


def _save(run: RunFolder, night: Night, built: Built, argv: Sequence[str], status: str) -> JsonObject:
    """Writes run.json, and gate.json once there is something to say."""
    run.write_run(run_document(night, built, argv, status))
    level = night.looks[-1][1] if night.looks else night.rules.levels[-1]
    judged = verdicts(night.targets, night.metrics, night.rules, level)
    word = "cannot tell" if night.too_noisy else night_word(judged)
    document = night_document(run.run_id, night, judged, word, status)
    if status != "running":
        write_json(run.path / "gate.json", document)
    return document


def estimate_text(options: GateOptions) -> str:
    """About how long the rounds take at most."""
    pair_s = sum(2 * estimate_s(Case(t, options.scenario)) for t in options.head_targets)
    return duration_text(min(options.budget_s, pair_s * options.rules.looks[-1]))
