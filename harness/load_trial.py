"""The trial of a `load` scenario: warm-up until steady, then each window, then what the records say."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from harness import figures
from harness.drivers.base import RunningTarget
from harness.load.plan import LoadPlan
from harness.load.result import Measure, Recording, read_reports, write_latency_log, write_seconds
from harness.load.supervise import LoadGenerator, LoadResult, Progress
from harness.model import JsonObject, Window
from harness.probes.samples import Row
from harness.stats.steady import Steady, assess
from harness.store import write_json
from harness.traffic import ACCEPTED, contract_pool, own_pool, prime
from harness.trial import (
    Trial,
    conformance_after,
    conformance_before,
    describe_start,
    idle_memory,
    info,
    rest,
    sampled,
)
from harness.units import NS_PER_S
from harness.validity import WindowFacts, findings, peak

_AFTER_S = 2.0
_WARMUP_DRAIN_MS = 2_000


@dataclass(frozen=True)
class Offered:
    """One window as it was offered; its records lie in `folder`, still undecoded."""

    window: Window
    connections: int
    plan: LoadPlan
    result: LoadResult
    folder: Path
    answered: int | None
    end_unix_ns: int


def measure_load(trial: Trial) -> None:
    """Fills the trial's record. Raises the errors that make the trial a failed one."""
    offered: list[Offered] = []
    with (
        trial.bench.driver.start(trial.artifact, trial.launch()) as running,
        sampled(trial, running) as sampler,
    ):
        trial.sampler = sampler
        describe_start(trial, running)
        idle_memory(trial, running)
        conformance_before(trial, running)
        pool = _write_pool(trial, running)
        generator = trial.bench.generator()
        warm_up(trial, running, generator, pool)
        for window in trial.planned.case.scenario.windows:
            offered += offer_window(trial, running, generator, pool, window)
        _rest_after(trial, running)
        conformance_after(trial, running)
        trial.record["info_after"] = info(running.url)
        trial.tell("stopping")
        stopped = running.stop()
        trial.record["stop"] = {"exit_code": stopped.exit_code, "seconds": stopped.seconds, "killed": stopped.killed}
    if stopped.killed or stopped.exit_code not in (0, None):
        trial.record.setdefault("notes", []).append(f"the service {stopped} on SIGTERM; the contract asks for 0")
    trial.tell("reading the records")
    evaluate(trial, offered)


def _write_pool(trial: Trial, running: RunningTarget) -> Path | None:
    """The requests of this trial; None when a Locust file makes them."""
    if trial.bench.locustfile:
        return None
    scenario = trial.planned.case.scenario
    path = trial.files / "requests.msgpack"
    if scenario.request is not None:
        own_pool(running.host, running.port, scenario, scenario.request).write(path)
        return path
    trial.tell("one answer to each message, checked")
    answers = prime(running.host, running.port, trial.bench.kit, scenario)
    pool = contract_pool(
        running.host, running.port, trial.bench.kit, scenario, answers, trial.bench.seed
    )
    pool.write(path)
    return path


def load_plan(
    trial: Trial, running: RunningTarget, pool: Path | None, window: Window, connections: int
) -> LoadPlan:
    """The window as the load generator understands it. The seed differs from round to round."""
    case = trial.planned.case
    return LoadPlan(
        run=f"{trial.bench.run_id}/{case.id}/{trial.planned.round}/{window.name}-{connections}-{time.time_ns()}",
        host=running.host,
        port=running.port,
        requests=None if pool is None else str(pool),
        mode="closed" if window.mode == "closed" else "open",
        connections=connections,
        duration_s=window.length_s,
        think_time_us=round(window.think_time * 1e6),
        arrivals=window.arrivals,
        steps=window.rate_steps,
        seed=trial.bench.seed * 1_000 + trial.planned.round,
        timeout_ms=round(case.scenario.timeout * 1_000),
        drain_ms=round(case.scenario.timeout * 1_000),
        cpus=trial.bench.placement.generator_cpus or None,
    )


def warm_up(trial: Trial, running: RunningTarget, generator: LoadGenerator, pool: Path | None) -> None:
    """Closed load until the per-second series is steady, or the scenario's cap is reached."""
    spec = trial.planned.case.scenario.warmup
    if spec is None:
        trial.record["warmup"] = None
        return
    window = Window(name="warmup", mode="closed", duration=spec.max, connections=(spec.connections,))
    plan = load_plan(trial, running, pool, window, spec.connections)
    folder = trial.folder / "warmup"
    live = LiveSeconds(folder / "reports.jsonl")
    verdict: list[Steady] = []

    def on_progress(_: Progress) -> None:
        """Looks at the seconds that are over; flushes when the test is content."""
        whole = live.completed()
        trial.tell(f"warming up, {len(whole)} s" + (f", {whole[-1]:,} requests/s" if whole else ""))
        if not verdict and len(whole) >= spec.min and (found := assess(whole)).at_second is not None:
            verdict.append(found)
            generator.flush()

    result = generator.offer(plan, folder, on_progress)
    records = read_reports(folder / "reports.jsonl")
    per_second = [row.completed for row in records.seconds]
    final = verdict[0] if verdict else assess(per_second)
    trial.record["warmup"] = {
        "completed_per_second": per_second,
        "steady_at_s": final.at_second,
        "verdict": final.verdict,
        "capped": not verdict,
        "problems": list(result.problems),
    }
    (folder / "reports.jsonl").unlink()
    folder.rmdir()


class LiveSeconds:
    """Reads the reports of a window while they are being written, for the seconds that are over."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._completed: dict[int, int] = {}

    def completed(self) -> list[int]:
        """Completed requests of each whole second since the start; the last one reported may still grow."""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._offset += len(line)
                for row in json.loads(line)["seconds"]:
                    second = int(row["second"])
                    self._completed[second] = self._completed.get(second, 0) + int(row["completed"])
        return [self._completed.get(s, 0) for s in range(max(self._completed, default=0))]


def offer_window(
    trial: Trial, running: RunningTarget, generator: LoadGenerator, pool: Path | None, window: Window
) -> list[Offered]:
    """Offers the window, once for each number of connections."""
    offered = []
    for connections in window.connections:
        name = f"{window.name}-{connections}" if len(window.connections) > 1 else window.name
        folder = trial.folder / "windows" / name
        plan = load_plan(trial, running, pool, window, connections)
        before = _answered(running)

        def on_progress(now: Progress, name: str = name, length_s: float = window.length_s) -> None:
            trial.tell(f"{name}: second {now.second} of {length_s:.0f}, {now.completed:,} done")

        result = generator.offer(plan, folder, on_progress)
        end_unix_ns = result.start_unix_ns + round(plan.duration_s * NS_PER_S)
        after = _answered(running)
        answered = after - before if before is not None and after is not None else None
        offered.append(Offered(window, connections, plan, result, folder, answered, end_unix_ns))
        if not running.is_alive():
            break
    return offered


def _answered(running: RunningTarget) -> int | None:
    value = (info(running.url) or {}).get("messages_answered")
    return value if isinstance(value, int) else None


def _rest_after(trial: Trial, running: RunningTarget) -> None:
    if trial.sampler is None:
        return
    trial.tell("memory after the load")
    trial.sampler.pss(True)
    trial.sampler.mark("after begins")
    rest(running, _AFTER_S)
    trial.sampler.mark("after ends")
    trial.sampler.pss(False)


# --- when the service is gone --------------------------------------------------------------------------------


def evaluate(trial: Trial, offered: list[Offered]) -> None:
    """Decodes the records, once nothing is measured any more, and adds every figure to the trial's record."""
    rows = trial.sampler.rows() if trial.sampler else []
    trial.record["memory"] = memory_figures(rows, offered)
    trial.record["windows"] = [window_record(trial, o, rows) for o in offered]


def memory_figures(rows: list[Row], offered: list[Offered]) -> JsonObject:
    """Idle, loaded (over all windows) and after load; None where it was not sampled."""
    loaded = figures.span(rows, offered[0].result.start_unix_ns, offered[-1].end_unix_ns) if offered else None
    idle = figures.between(rows, "idle begins", "idle ends")
    after = figures.between(rows, "after begins", "after ends")
    return {
        "idle": figures.memory(idle) if idle else None,
        "loaded": figures.memory(loaded) if loaded else None,
        "after": figures.memory(after) if after else None,
    }


def window_record(trial: Trial, offered: Offered, rows: list[Row]) -> JsonObject:
    """One window's part of trial.json; histograms and per-second rows go to files of their own."""
    records = read_reports(offered.folder / "reports.jsonl")
    write_latency_log(offered.folder / "latency.hlog", records, offered.result.start_unix_ns)
    write_seconds(offered.folder / "seconds.csv", records.seconds)
    (offered.folder / "reports.jsonl").unlink()
    write_json(
        offered.folder / "load.json",
        {
            "schema": 1,
            "plan": asdict(offered.plan) | {"requests": None},
            "start_unix_ns": offered.result.start_unix_ns,
            "schedule_sha256": offered.result.schedule_sha256,
            "workers": {k: dict(v) for k, v in offered.result.workers.items()},
            "totals": dict(offered.result.totals),
            "markers": dict(offered.result.markers),
            "problems": list(offered.result.problems),
            "answered_by_target": offered.answered,
        },
    )
    totals = list(offered.result.totals.values())
    counts = figures.counts(totals)
    used = figures.span(rows, offered.result.start_unix_ns, offered.end_unix_ns)
    measure: Measure = "service" if offered.plan.mode == "closed" else "response"
    headline = ACCEPTED if ACCEPTED in records.kinds else figures.ALL_KINDS
    in_time = completed_in_time(records, offered.plan.duration_s)
    record: JsonObject = {
        "name": offered.window.name,
        "mode": offered.window.mode,
        "folder": str(offered.folder.relative_to(trial.folder)),
        "connections": offered.connections,
        "intended_rps": _mean_rate(offered.plan),
        "start_unix_ns": offered.result.start_unix_ns,
        "end_unix_ns": offered.end_unix_ns,
        "duration_s": offered.plan.duration_s,
        "requests": {
            "intended": counts.intended,
            "sent": counts.sent,
            "completed": counts.completed,
            "failures": counts.failures,
            "failed": dict(counts.failed),
            "dropped": counts.dropped,
            "checked_bodies": counts.checked_bodies,
            "by_kind": {k: dict(v) for k, v in counts.by_kind.items()},
            "answered_by_target": offered.answered,
        },
        "throughput_rps": figures.throughput_rps(in_time, offered.plan.duration_s),
        "latency": figures.latencies(records),
        "headline": {"kind": headline, "measure": measure},
        "spikes": figures.spikes(records, headline, measure),
        "cpu": figures.cpu(used, counts.completed, trial.budget_cores) if used else None,
        "memory": figures.memory(used) if used else None,
        "generator": figures.generator(totals, offered.plan.duration_s),
    }
    facts = WindowFacts(
        plan=offered.plan,
        records=records,
        counts=counts,
        totals=offered.result.totals,
        expected_workers=list(offered.result.workers),
        problems=offered.result.problems,
        answered_by_target=offered.answered,
        usage=used,
        target_cores=trial.budget_cores,
        generator_shares_core=trial.bench.placement.sharing != "none",
        host_network=trial.record["start"]["network_mode"] == "host",
        errors_expected=trial.planned.case.scenario.expect_unavailable,
        headline=headline,
    )
    record["findings"] = findings(facts)
    record["peak"] = peak(facts)
    return record


def completed_in_time(records: Recording, duration_s: float) -> int:
    """Answers that came within the window itself, not in the drain after it."""
    return sum(row.completed for row in records.seconds if row.second < duration_s)


def _mean_rate(plan: LoadPlan) -> float | None:
    if not plan.steps:
        return None
    return sum(rate * length for rate, length in plan.steps) / plan.duration_s

