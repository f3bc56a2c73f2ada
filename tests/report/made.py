"""Run folders as a bench leaves them, made without measuring.

Simulated requests go through the real recorder, figures, checks, statistics and store, at fixed instants and
from fixed seeds: the same call makes the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from harness.asked import Asked
from harness.awake import Wakers
from harness.bench_setup import Tools
from harness.catalogue import find_scenario
from harness.load.plan import LoadPlan
from harness.load.recorder import Recorder
from harness.load.supervise import LoadResult
from harness.model import JsonObject, PauseLog, PlannedTrial, Scenario, TargetSpec, Tuning, Window
from harness.plan import PlanOptions, make_plan
from harness.probes.placement import Placement
from harness.probes.procfs import CoreTime
from harness.probes.samples import Row, RowWriter
from harness.run_document import begin_document
from harness.stats.steady import assess
from harness.store import RunFolder, write_json
from harness.trials import load as load_trials
from harness.trials import reload as reload_trials
from harness.trials import trial as trials
from harness.trials.under_load import Offered
from harness.units import BYTES_PER_MIB, NS_PER_MS, NS_PER_S

EPOCH_NS = 1_795_000_000 * NS_PER_S
_BAD_SHARE = 0.02
_RATE_OF_SAMPLES_HZ = 10


@dataclass(frozen=True)
class Behaviour:
    """How a made-up service behaves: `service_us` CPU time a request (one core), the rest as named.

    `broken`: fails conformance; `late_ratio`: share of open requests the generator sends 2 ms late.
    `pause_ms`: its runtime logs a pause of that length every half second; None: it has no such log.
    """

    label: str
    language: str
    service_us: float
    idle_mib: float
    loaded_mib: float
    ready_ms: float
    warm_s: float = 1.0
    payload: str = "tree"
    reload: str = "SIGHUP or changed file"
    cpu_share: float = 1.0
    late_ratio: float = 0.0
    broken: bool = False
    pause_ms: float | None = None


FOUR: Mapping[str, Behaviour] = {
    "go": Behaviour("Go (net/http + gorilla/mux)", "Go", 172, 7.7, 14.2, 33, 0.5, "raw"),
    "java-webflux": Behaviour("Java (Spring WebFlux)", "Java", 131, 168, 311, 2_600, 6.0),
    "rust-axum": Behaviour("Rust (Axum)", "Rust", 96, 3.1, 6.4, 6, 0.2, "raw"),
    "ts-elysia": Behaviour("TypeScript (Bun + Elysia)", "TypeScript", 109, 41, 88, 120, 1.5),
}


@dataclass(frozen=True)
class Making:
    """What kind of run is to be made."""

    targets: Mapping[str, Behaviour] = field(default_factory=lambda: FOUR)
    scenarios: tuple[str, ...] = ("routing-4kb", "cold-start", "memory", "million-a-day", "reload")
    rounds: int = 3
    scale: float = 0.4
    quick: bool = False
    full: bool = False
    twin: bool = True
    seed: int = 7
    speed: float = 1.0
    run_id: str = "2026-11-18T13-06-40Z-0001"
    revision: str = "0123456789abcdef0123456789abcdef01234567"
    cpu_model: str = "Example CPU"
    skipped: Mapping[str, str] = field(default_factory=dict)


def make_run(results: Path, making: Making | None = None) -> RunFolder:
    """Writes a whole run below `results`."""
    making = making or Making()
    specs = {name: _target(name, b) for name, b in making.targets.items()}
    scenarios = [shorter(find_scenario(name), making.scale) for name in making.scenarios]
    options = PlanOptions(
        rounds=making.rounds, seed=making.seed, quick=making.quick, full=making.full, twin=making.twin
    )
    plan = make_plan(scenarios, list(specs.values()), options)
    run = RunFolder.create(results, making.run_id)
    document = _document(making, options, plan, specs)
    at_ns = EPOCH_NS + 30 * NS_PER_S
    capacities: dict[tuple[str, str, str], float] = {}
    for planned in plan.trials:
        with run.new_trial(planned.case.id, planned.round) as folder:
            maker = _TrialMaker(making, planned, folder, at_ns, capacities)
            record = maker.record()
            write_json(folder / "trial.json", record)
        at_ns = record["ended_unix_ns"] + NS_PER_S
    run.write_run({**document, "status": "complete", "ended_unix_ns": at_ns})
    return run


def shorter(scenario: Scenario, scale: float) -> Scenario:
    """The scenario with short windows, so that a test need not simulate for long."""
    windows = []
    for window in scenario.windows:
        steps = tuple(s.model_copy(update={"duration": s.duration * scale}) for s in window.steps)
        duration = window.duration and window.duration * scale
        windows.append(window.model_copy(update={"steps": steps, "duration": duration, "probe": 0.3}))
    reload = scenario.reload.model_copy(update={"changes": 4, "every": 0.5})
    return scenario.model_copy(update={"windows": tuple(windows), "reload": reload})


def _target(name: str, behaviour: Behaviour) -> TargetSpec:
    return TargetSpec(
        name=name,
        label=behaviour.label,
        language=behaviour.language,
        payload=cast(Any, behaviour.payload),
        reload=behaviour.reload,
        pauses=PauseLog(missing_because="has no collector")
        if behaviour.pause_ms is None
        else PauseLog(format="hotspot", environment={"OPTIONS": "{file}"}),
        tuning=(Tuning(name="heap", value="default", reason="the runtime's own choice, stated"),),
        folder=Path(),
    )


def made_tools(**changed: Any) -> Tools:
    """What a session works with, as far as run.json tells of it."""
    given: dict[str, Any] = {
        **dict.fromkeys(field.name for field in fields(Tools)),
        "driver_name": "process",
        "driver_note": None,
        "engine": "native",
        "engine_note": None,
        "workers": 1,
        "placement": PLACEMENT,
        "manifest": lambda _: manifest(Making()),
        "harness_hash": "0",
        "keep_awake": lambda *_: nullcontext(Wakers(None)),
    }
    return Tools(**(given | changed))


def _document(making: Making, options: PlanOptions, plan: Any, specs: Mapping[str, TargetSpec]) -> JsonObject:
    """run.json as a session writes it, with a made-up machine."""
    tools = made_tools(manifest=lambda _: manifest(making), harness_hash="fedcba9876543210")
    wanted = SimpleNamespace(
        argv=("harness", "bench"), plan=options, targets=list(specs.values()), asked=Asked()
    )
    artifact = SimpleNamespace(
        content_hash="0123456789abcdef", toolchains=(), image_digest=None, build_s=None
    )
    document = begin_document(
        cast(Any, wanted), tools, plan, cast(Any, dict.fromkeys(specs, artifact)), making.skipped
    )
    document["created_unix_ns"] = EPOCH_NS
    document["calibration"] = {"bouts": [], "missing_because": "made up, not measured", "notes": []}
    document["manifest_after"] = manifest(making)
    return document


PLACEMENT = Placement(
    target_cpus=(1,),
    generator_cpus=(0,),
    harness_cpus=(0,),
    sharing="shared generator core",
    generator_nice=-10,
    harness_nice=19,
    memory_limit_bytes=None,
    notes=(),
)


def manifest(making: Making) -> JsonObject:
    return {
        "schema": 1,
        "cpu_model": making.cpu_model,
        "architecture": "x86_64",
        "cpus_online": [0, 1],
        "cpus_allowed": [0, 1],
        "smt_active": False,
        "governor": None,
        "turbo": None,
        "numa_nodes": 1,
        "memory_bytes": 24 * 1024 * BYTES_PER_MIB,
        "virtualisation": "virtual machine",
        "kernel": "6.12.0",
        "cpus_isolated": [],
        "clock_source": "tsc",
        "mitigations": {"spectre_v2": "Mitigation: Retpolines"},
        "transparent_huge_pages": "madvise",
        "cgroup_version": "v2",
        "nic_bits_per_s": None,
        "container_engine": None,
        "network_mode": None,
        "image_digests": {},
        "toolchains": {"go/go": "1.26.8"},
        "runtimes": {},
        "python": "3.11.7",
        "lock_sha256": {"requirements.lock": "00" * 32},
        "git_revision": making.revision,
        "git_clean": True,
        "missing": {"governor": "the kernel does not govern the frequency (usual in a virtual machine)"},
    }


class _TrialMaker:
    """One trial: what a measured one would have recorded, from the behaviour of its service."""

    def __init__(
        self,
        making: Making,
        planned: PlannedTrial,
        folder: Path,
        at_ns: int,
        capacities: dict[tuple[str, str, str], float],
    ) -> None:
        self.planned, self.folder, self.at_ns, self.capacities = planned, folder, at_ns, capacities
        self.seed = making.seed
        self.behaviour = making.targets[planned.case.target.id]
        seed = [making.seed, planned.round, planned.position, len(planned.case.id)]
        self.rng = np.random.default_rng(seed)
        noise = self.rng.normal(1.0, 0.01)
        self.service_us = self.behaviour.service_us * noise / making.speed
        self.now_ns = at_ns
        self.cpu_ns = 5 * NS_PER_MS
        self.rows: list[Row] = []

    def record(self) -> JsonObject:
        """trial.json, with the files beside it."""
        case = self.planned.case
        record: JsonObject = {
            "schema": 1,
            "run": "made",
            "case": {
                "id": case.id,
                "scenario": case.scenario.name,
                "target": case.target.id,
                "label": case.target.label,
                "twin": case.twin,
            },
            "round": self.planned.round,
            "position": self.planned.position,
            "started_unix_ns": self.at_ns,
            "status": "valid",
            "reasons": [],
            "engine": "native",
            "sharing": PLACEMENT.sharing,
        }
        if self.behaviour.broken:
            reason = "does not keep the contract before the load:\n  refused/expired: expected 401, got 200"
            record |= {"status": "failed", "reasons": [reason], "ended_unix_ns": self.at_ns + NS_PER_S}
            return {**record, "attempt": 1}
        record |= self._start()
        kinds = {
            "load": self._load,
            "cold-start": self._cold_start,
            "memory": self._memory,
            "reload": self._reload,
        }
        kinds[case.scenario.kind](record)
        trials._judge(record)
        return {**record, "ended_unix_ns": self.now_ns, "attempt": 1}

    def _start(self) -> JsonObject:
        start = {
            "started_unix_ns": self.at_ns,
            "ready_ns": round(self.behaviour.ready_ms * NS_PER_MS * self.rng.normal(1, 0.03)),
            "limits": [{"name": "cpus", "asked": "1", "enforced": True, "how": "CPU affinity"}],
            "network_mode": "host",
            "image_digest": None,
            "pid_missing_because": None,
            "content_hash": "0123456789abcdef",
        }
        target = self.planned.case.target
        info = {
            "target": target.name,
            "language": target.language,
            "runtime": {"name": target.language.lower(), "version": "1.0"},
            "framework": {"name": "framework", "version": "2.0"},
            "jwt_provider": "provider 3.0",
            "payload": target.payload,
        }
        return {"start": start, "info": info}

    # --- a load scenario --------------------------------------------------------------------------------------

    def _load(self, record: JsonObject) -> None:
        self._before(record)
        load = SimpleNamespace(trial=self._stand_in(record), offer=self._offer)
        done: list[Any] = []
        for window in self.planned.case.scenario.windows:
            done += load_trials._measure_window(cast(Any, load), window, done)
        self._after()
        load_trials.evaluate(cast(Any, load.trial), done)

    def _before(self, record: JsonObject) -> None:
        self._samples(1.5, 0.0, self.behaviour.idle_mib, around="idle")
        record["conformance"] = {"before": _passed(), "after": _passed()}
        record["warmup"] = self._warmup()

    def _after(self) -> None:
        self._samples(2.0, 0.0, self.behaviour.loaded_mib * 0.97, around="after")
        self._write_samples()
        if self.behaviour.pause_ms is not None:
            self._write_pauses(self.behaviour.pause_ms)

    def _write_pauses(self, length_ms: float) -> None:
        path = self.folder / trials.PAUSE_LOG
        path.parent.mkdir()
        instants_ms = range(self.at_ns // NS_PER_MS, self.now_ns // NS_PER_MS, 500)
        lines = [
            f"[{at_ms}ms] GC({n}) Pause Young (Allocation Failure) 9M->1M(61M) {length_ms:.3f}ms\n"
            for n, at_ms in enumerate(instants_ms)
        ]
        path.write_text("".join(lines), encoding="utf-8")

    def _stand_in(self, record: JsonObject) -> Any:
        """What the real code asks of a trial."""
        return SimpleNamespace(
            record=record,
            folder=self.folder,
            planned=self.planned,
            budget_cores=1,
            rows=lambda _=None: self.rows,
            note=lambda text: record.setdefault("notes", []).append(text),
            bench=SimpleNamespace(seed=self.seed, placement=PLACEMENT, capacities=self.capacities),
        )

    def _reload(self, record: JsonObject) -> None:
        """Every change is taken up, at once when told and half a second later when not; nothing fails."""
        self._before(record)
        spec = self.planned.case.scenario.reload
        window = reload_trials._window(spec)
        offered = self._offer(window, spec.connections, "reload")
        start_ns = offered.result.start_unix_ns
        changes, markers = [], {"1": self._seen(start_ns, start_ns + NS_PER_MS)}
        for number in range(1, spec.changes + 1):
            at_ns = start_ns + round((number - 1) * spec.every * NS_PER_S)
            told: reload_trials.Told = "signal" if number % 2 else "file"
            first_ns = at_ns + round((3 if told == "signal" else 260) * NS_PER_MS * self.rng.normal(1, 0.1))
            changes.append(reload_trials.Change(number + 1, told, at_ns, 40_000))
            markers[str(number)]["last_unix_ns"] = first_ns
            markers[str(number + 1)] = self._seen(first_ns, first_ns)
        offered = replace(offered, result=replace(offered.result, markers=markers))
        self._after()
        load_trials.evaluate(self._stand_in(record), [offered])
        record["reload"] = reload_trials.reload_figures(offered, changes, spec)

    @staticmethod
    def _seen(first_ns: int, last_ns: int) -> dict[str, int]:
        return {"count": 1, "first_unix_ns": first_ns, "last_unix_ns": last_ns}

    def _warmup(self) -> JsonObject:
        seconds = np.arange(20 + round(5 * self.behaviour.warm_s))
        full = 1e6 / self.service_us
        series = (
            full
            * (1 - 0.7 * np.exp(-seconds / self.behaviour.warm_s))
            * self.rng.normal(1, 0.005, len(seconds))
        )
        per_second = [int(v) for v in series]
        found = assess(per_second)
        start_ns = self.now_ns
        self._samples(len(per_second), 1.0, self.behaviour.loaded_mib)
        return {
            "start_unix_ns": start_ns,
            "end_unix_ns": start_ns + len(per_second) * NS_PER_S,
            "completed_per_second": per_second,
            "steady_at_s": found.at_second,
            "verdict": found.verdict,
            "capped": found.at_second is None,
            "problems": [],
        }

    def _offer(self, window: Window, connections: int, folder_name: str) -> Offered:
        """The window as if it had been offered; its reports lie in its folder."""
        plan = LoadPlan(
            run=f"made/{window.name}",
            host="127.0.0.1",
            port=8080,
            requests="pool",
            mode="closed" if window.mode == "closed" else "open",
            connections=connections,
            duration_s=window.length_s,
            steps=window.rate_steps,
            seed=self.planned.round,
        )
        recorder = Recorder(plan.run, open_load=plan.mode == "open")
        start_ns = self.now_ns
        busy = self._closed(recorder, plan) if plan.mode == "closed" else self._open(recorder, plan)
        folder = self.folder / "windows" / folder_name
        folder.mkdir(parents=True)
        (folder / "reports.jsonl").write_text(
            json.dumps({"worker": "worker-1", **recorder.take_report()}) + "\n", encoding="utf-8"
        )
        self._samples(plan.duration_s, busy * self.behaviour.cpu_share, self.behaviour.loaded_mib)
        totals = {
            **recorder.totals.as_fields(),
            "cpu_user_ns": recorder.totals.busy_ns,
            "cpu_system_ns": 0,
            "connections_lost": 0,
            "tcp": {"retransmits": 0},
        }
        workers = {"worker-1": {"run": plan.run}}
        schedule = "ab" * 32 if plan.mode == "open" else None
        reports = folder / "reports.jsonl"
        result = LoadResult(plan, start_ns, schedule, workers, {"worker-1": totals}, {}, (), reports)
        answered = recorder.totals.completed
        end_ns = start_ns + round(plan.duration_s * NS_PER_S)
        return Offered(window, connections, plan, result, folder, answered, end_ns)

    def _closed(self, recorder: Recorder, plan: LoadPlan) -> float:
        """Callers back to back on a service that is always busy; gives the share of time it was busy."""
        end_ns = round(plan.duration_s * NS_PER_S)
        mean_ns = self.service_us * 1_000 * plan.connections
        events = []
        for _ in range(plan.connections):
            count = int(plan.duration_s * NS_PER_S / mean_ns * 1.5) + 20
            times = np.cumsum(self._spread(mean_ns, 0.25, count))
            sent = np.concatenate([[0], times[:-1]])
            events += [(int(s), int(d)) for s, d in zip(sent, times, strict=True) if s < end_ns]
        for sent_ns, done_ns in sorted(events):
            self._one(recorder, sent_ns, sent_ns, done_ns)
        recorder.busy(0, end_ns // 2)
        return 1.0

    def _open(self, recorder: Recorder, plan: LoadPlan) -> float:
        """Poisson arrivals at a single server, first come first served (Lindley's recursion)."""
        free_ns, start_s, served_ns = 0, 0.0, 0
        for rate_rps, length_s in plan.steps:
            count = self.rng.poisson(rate_rps * length_s)
            arrivals = np.sort(self.rng.uniform(start_s, start_s + length_s, count)) * NS_PER_S
            for intended, service in zip(
                arrivals, self._spread(self.service_us * 1_000, 0.35, count), strict=True
            ):
                late_ns = 2 * NS_PER_MS if self.rng.random() < self.behaviour.late_ratio else 8_000
                sent_ns = int(intended) + late_ns
                free_ns = max(free_ns, sent_ns) + int(service)
                served_ns += int(service)
                self._one(recorder, int(intended), sent_ns, free_ns + 60_000)
            start_s += length_s
        recorder.busy(0, round(plan.duration_s * NS_PER_S / 5))
        return served_ns / (plan.duration_s * NS_PER_S)

    def _one(self, recorder: Recorder, intended_ns: int, sent_ns: int, done_ns: int) -> None:
        kind = "refused" if self.rng.random() < _BAD_SHARE else "accepted"
        recorder.intended(intended_ns)
        recorder.sent(kind, intended_ns, sent_ns, backlog=0, inflight=1)
        recorder.completed(kind, intended_ns, intended_ns, sent_ns, done_ns)

    def _spread(self, mean: float, sigma: float, count: int) -> Any:
        return self.rng.lognormal(np.log(mean) - sigma**2 / 2, sigma, count)

    # --- the other kinds --------------------------------------------------------------------------------------

    def _cold_start(self, record: JsonObject) -> None:
        starts = []
        for number in range(self.planned.case.scenario.cold_start.starts):
            cold = 1.6 if number == 0 else 1.0
            ready_ns = round(self.behaviour.ready_ms * NS_PER_MS * cold * self.rng.normal(1, 0.04))
            authorised_ns = round(ready_ns * 1.08 + 2 * NS_PER_MS)
            starts.append({"ready_ns": ready_ns, "authorised_ns": authorised_ns, "stop_s": 0.01})
            self.now_ns += authorised_ns
        record["cold_starts"] = starts

    def _memory(self, record: JsonObject) -> None:
        def level(mib: float) -> JsonObject:
            rss = round(mib * self.rng.normal(1, 0.004)) * BYTES_PER_MIB
            names = ("rss_median_bytes", "rss_peak_bytes", "pss_median_bytes", "pss_peak_bytes")
            return {**dict.fromkeys(names, rss), "rss_jitter_ratio": 0.001}

        idle = self.behaviour.idle_mib
        levels = self.planned.case.scenario.memory.connections
        record["memory"] = {"idle": level(idle), "loaded": None, "after": None}
        record["memory_levels"] = [
            {"connections": n, "memory": level(idle + n * idle / 2_000)} for n in levels
        ]
        self.now_ns += 10 * NS_PER_S

    # --- the sampler ------------------------------------------------------------------------------------------

    def _samples(self, seconds: float, busy: float, mib: float, around: str | None = None) -> None:
        """Rows at 10 Hz for so long; memory moves towards `mib`."""
        if around:
            self._row(mib, f"mark {around} begins")
        before = (self.rows[-1].rss_bytes or 0) / BYTES_PER_MIB if self.rows else mib
        for number in range(int(seconds * _RATE_OF_SAMPLES_HZ) + 1):
            near = min(1.0, number / 8)
            self.now_ns += NS_PER_S // _RATE_OF_SAMPLES_HZ
            self.cpu_ns += round(busy * NS_PER_S / _RATE_OF_SAMPLES_HZ)
            self._row((before + (mib - before) * near) * self.rng.normal(1, 0.003))
        if around:
            self._row(mib, f"mark {around} ends")

    def _row(self, mib: float, event: str = "") -> None:
        self.rows.append(
            Row(
                monotonic_ns=self.now_ns - EPOCH_NS,
                unix_ns=self.now_ns,
                event=event,
                late_ns=50_000,
                processes=1,
                threads=4,
                rss_bytes=round(mib * BYTES_PER_MIB),
                cpu_ns=self.cpu_ns,
                utime_ns=self.cpu_ns,
                stime_ns=0,
                voluntary_switches=len(self.rows),
                involuntary_switches=0,
                listen_overflows=0,
                listen_drops=0,
                backlog_drops=0,
                tcp_timeouts=0,
                syn_retransmits=0,
                sampler_cpu_ns=len(self.rows) * 50_000,
                cores={0: CoreTime(self.cpu_ns, 0), 1: CoreTime(self.cpu_ns, 0)},
            )
        )

    def _write_samples(self) -> None:
        with (self.folder / "samples.csv").open("w", encoding="utf-8") as file:
            writer = RowWriter(file, (0, 1))
            for row in self.rows:
                writer.write(row)


def _passed() -> JsonObject:
    return {"checked": 290, "differences": []}


def many(names: Sequence[str]) -> dict[str, Behaviour]:
    """So many made-up targets, each a little slower than the one before."""
    return {
        name: Behaviour(f"Service {name}", "Any", 90 + 12 * i, 5.0 + i, 9.0 + 2 * i, 10.0 + 5 * i)
        for i, name in enumerate(names)
    }
