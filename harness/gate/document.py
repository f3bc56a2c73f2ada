"""A night as JSON: `gate.json`, which says what came out and why, and `run.json`, which any run has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness import MEASUREMENT, __version__
from harness.asked import NightAsked
from harness.bench_setup import Tools
from harness.drivers.base import Artifact
from harness.errors import ExitCode
from harness.gate.model import MetricVerdict, Night, NightWord, PairFigures, TargetNight, TargetVerdict
from harness.gate.sources import Source
from harness.model import JsonObject, Scenario
from harness.probes import noise

SCHEMA = 1
EXIT_CODES: Mapping[NightWord, ExitCode] = {
    "regression": ExitCode.BROKEN_PROMISE,
    "improvement": ExitCode.DONE,
    "no change": ExitCode.DONE,
    "cannot tell": ExitCode.TOO_FEW_TRIALS,
}


def night_document(
    run_id: str,
    night: Night,
    judged: Sequence[TargetVerdict],
    word: NightWord,
    status: str,
    notes: Sequence[str] = (),
) -> JsonObject:
    """The night's result; docs/file-formats.md tells every member. `notes`: of what it was measured with."""
    code = EXIT_CODES[word] if status == "complete" else ExitCode.INTERRUPTED
    return {
        "schema": SCHEMA,
        "run": run_id,
        "status": status,
        "verdict": word,
        "exit_code": int(code),
        "reasons": list(_reasons(night, judged, word)),
        "base": source_json(night.base),
        "head": source_json(night.head),
        "seed": night.seed,
        "rules": asdict(night.rules),
        "rounds": night.rounds,
        "cut_short": night.cut_short,
        "looks": [{"rounds": rounds, "level": level} for rounds, level in night.looks],
        "noise": noise.to_json(night.noise),
        "notes": list(notes),
        "skipped": dict(night.skipped),
        "targets": [
            _target(night, target, verdict) for target, verdict in zip(night.targets, judged, strict=True)
        ],
    }


def source_json(source: Source) -> JsonObject:
    return {
        "kind": source.kind,
        "name": source.name,
        "revision": source.revision,
        "clean": source.clean,
        "text": source.text,
    }


def _reasons(night: Night, judged: Sequence[TargetVerdict], word: NightWord) -> Iterator[str]:
    """One sentence for each thing that made the verdict."""
    yield from night.too_noisy
    yield from night.not_compared
    for target in judged:
        if not target.enough:
            lost = f", {target.lost} were lost to invalid trials" if target.lost else ""
            yield f"{target.target}: {target.pairs} valid pairs are too few ({night.rules.looks[0]} needed){lost}"
        for verdict in target.metrics:
            told = verdict.word == ("slower" if word == "regression" else "faster")
            untold = verdict.word == "cannot tell" and (verdict.metric.must_tell or verdict.alert)
            if target.enough and (told or (untold and word != "regression")):
                yield f"{target.target}: {metric_text(verdict)}: {verdict.text}"
    if not judged and not night.too_noisy:
        yield "no target was measured"


def metric_text(verdict: MetricVerdict) -> str:
    """`CPU/req. (rate-1000)`."""
    window = verdict.metric.window
    return f"{verdict.metric.title} ({window})" if window else verdict.metric.title


def _target(night: Night, target: TargetNight, verdict: TargetVerdict) -> JsonObject:
    return {
        "target": target.target,
        "same_artifact": target.target in night.same_artifact,
        "pairs": verdict.pairs,
        "lost": verdict.lost,
        "enough": verdict.enough,
        "stopped_by": verdict.stopped_by,
        "metrics": [_metric(target, m) for m in verdict.metrics],
    }


def _metric(target: TargetNight, verdict: MetricVerdict) -> JsonObject:
    metric = verdict.metric
    document: dict[str, Any] = asdict(verdict)
    del document["metric"], document["pairs"], document["further"]
    return {
        "metric": metric.name,
        "title": metric.title,
        "window": metric.window,
        "unit": metric.unit,
        "display": metric.display,
        "better": "lower" if metric.worse > 0 else "higher",
        "relevant_ratio": metric.relevant_ratio,
        "must_tell": metric.must_tell,
        **document,
        "pairs": [
            _pair(p, metric.name) for p in target.pairs if metric.name in p.base.keys() & p.head.keys()
        ],
        "further": [
            _pair(p, metric.name) for p in target.further if metric.name in p.base.keys() & p.head.keys()
        ],
    }


def _pair(pair: PairFigures, name: str) -> JsonObject:
    return {"round": pair.round, "first": pair.first, "base": pair.base[name], "head": pair.head[name]}


# --- run.json ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Built:
    """What a night was measured with, and both sides of each target."""

    created_unix_ns: int
    asked: NightAsked | None
    command: Sequence[str]
    tools: Tools
    manifest: JsonObject
    scenario: Scenario
    bases: Mapping[str, Artifact]
    heads: Mapping[str, Artifact]
    resumed: Sequence[JsonObject] = ()

    @property
    def notes(self) -> list[str]:
        return self.tools.notes

    def sides(self) -> Iterator[tuple[str, str, Artifact]]:
        """(target, row name, artifact), base before head."""
        for target in self.heads.keys() & self.bases.keys():
            yield target, f"{target}~base", self.bases[target]
            yield target, f"{target}~head", self.heads[target]


def run_document(night: Night, built: Built, status: str) -> JsonObject:
    """Like that of a bench whose targets are the sides, so that `harness report` shows the trials."""
    tools = built.tools
    sides = sorted(built.sides(), key=lambda side: side[1])
    return {
        "kind": "gate",
        "created_unix_ns": built.created_unix_ns,
        "status": status,
        "command": list(built.command),
        **({"asked": built.asked.model_dump(mode="json")} if built.asked else {}),
        "harness": {
            "version": __version__,
            "measurement": MEASUREMENT,
            "content_hash": tools.harness_hash,
        },
        "quick": built.asked is not None and built.asked.quick,
        "full": False,
        "driver": tools.driver_name,
        "engine": tools.engine,
        "workers": tools.workers,
        "notes": built.notes,
        "rounds": night.rounds + max((len(t.further) for t in night.targets), default=0),
        "seed": night.seed,
        "window_scale": 1.0,
        "placement": asdict(tools.placement),
        "base": source_json(night.base),
        "head": source_json(night.head),
        "rules": asdict(night.rules),
        "gated": [asdict(metric) for metric in night.metrics],
        **({"resumed": list(built.resumed)} if built.resumed else {}),
        "cases": [
            {
                "id": f"{built.scenario.name}/{row}",
                "scenario": built.scenario.name,
                "target": row,
                "twin": False,
            }
            for _, row, _ in sides
        ],
        "scenarios": {
            built.scenario.name: built.scenario.model_dump(mode="json", by_alias=True, exclude={"folder"})
        },
        "targets": {row: _artifact(artifact) for _, row, artifact in sides},
        "skipped": dict(night.skipped),
        "manifest": built.manifest,
        "manifest_after": None if status == "running" else tools.manifest(built.heads),
        "calibration": None,
    }


def _artifact(artifact: Artifact) -> JsonObject:
    dumped = artifact.target.model_dump(
        mode="json", by_alias=True, exclude={"folder", "toolchain", "test", "process", "docker"}
    )
    return {
        **dumped,
        "content_hash": artifact.content_hash,
        "toolchains": [{"command": u.command, "version": u.version} for u in artifact.toolchains],
        "image_digest": artifact.image_digest,
        "build_s": artifact.build_s,
    }
