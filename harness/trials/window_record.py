"""One window's part of a trial's record: decoded when nothing is being measured, and judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from harness import figures
from harness.load.plan import LoadPlan
from harness.load.result import Measure, Recording, read_reports, write_latency_log, write_seconds
from harness.model import JsonObject
from harness.probes.samples import Row
from harness.store import write_json
from harness.trials.trial import Trial
from harness.trials.under_load import Offered, headline_kind
from harness.validity import WindowFacts, findings, peak, settled


def window_record(trial: Trial, offered: Offered, rows: Sequence[Row]) -> JsonObject:
    """All figures of a window; histograms and per-second rows go to files of their own. Raises StoreError."""
    records = _keep_raw(offered)
    disturbed = [_disturbed(trial, o) for o in offered.disturbed]
    if offered.a_core_less is not None:
        _keep_raw(offered.a_core_less)
    plan = offered.plan
    totals = list(offered.result.totals.values())
    counts = figures.counts(totals)
    used = figures.span(rows, offered.result.start_unix_ns, offered.end_unix_ns)
    in_time = completed_in_time(records, plan.duration_s)
    measure: Measure = "service" if plan.mode == "closed" else "response"
    headline = headline_kind(records)
    facts = WindowFacts(
        plan=plan,
        records=records,
        counts=counts,
        totals=offered.result.totals,
        expected_workers=list(offered.result.workers),
        problems=offered.result.problems,
        answered_by_target=offered.answered,
        counted_by_locust=offered.result.locust_requests,
        usage=used,
        target_cores=trial.budget_cores,
        generator_shares_core=trial.bench.placement.sharing != "none",
        host_network=trial.record["start"]["network_mode"] == "host",
        headline=headline,
        second_core_gain_ratio=offered.second_core_gain_ratio,
        link=offered.link,
    )
    return {
        "name": offered.window.name,
        "mode": "closed" if offered.plan.mode == "closed" else offered.window.mode,
        "folder": _folder(trial, offered),
        "connections": offered.connections,
        "intended_rps": _mean_rate(plan),
        "capacity_share": offered.window.capacity_share,
        "start_unix_ns": offered.result.start_unix_ns,
        "end_unix_ns": offered.end_unix_ns,
        "duration_s": plan.duration_s,
        "schedule_sha256": offered.result.schedule_sha256,
        "requests": _requests(counts, offered.answered),
        "throughput_rps": figures.throughput_rps(in_time, plan.duration_s),
        "latency": figures.latencies(records),
        "headline": {"kind": headline, "measure": measure},
        "spikes": figures.spikes(records, headline, measure),
        "cpu": figures.cpu(used, in_time, trial.budget_cores) if used else None,
        "memory": figures.memory(used) if used else None,
        "generator": figures.generator(totals, plan.duration_s, plan.threads),
        "findings": findings(facts),
        "peak": peak(facts),
        "settled": settled(facts),
        "disturbed": disturbed,
    }


def _disturbed(trial: Trial, offered: Offered) -> JsonObject:
    """A try that does not count: where its files lie, what it would have shown, and why it was made again."""
    records = _keep_raw(offered)
    duration_s = offered.plan.duration_s
    return {
        "folder": _folder(trial, offered),
        "start_unix_ns": offered.result.start_unix_ns,
        "end_unix_ns": offered.end_unix_ns,
        "throughput_rps": figures.throughput_rps(completed_in_time(records, duration_s), duration_s),
        "invalid_because": list(offered.disturbed_by),
    }


def _folder(trial: Trial, offered: Offered) -> str:
    return str(offered.folder.relative_to(trial.folder))


def completed_in_time(records: Recording, duration_s: float) -> int:
    """Answers that came within the window itself, not in the drain after it."""
    return sum(row.completed for row in records.seconds if row.second < duration_s)


def _requests(counts: figures.Counts, answered: int | None) -> JsonObject:
    return {
        "intended": counts.intended,
        "sent": counts.sent,
        "completed": counts.completed,
        "failures": counts.failures,
        "failed": dict(counts.failed),
        "dropped": counts.dropped,
        "checked_bodies": counts.checked_bodies,
        "by_kind": {k: dict(v) for k, v in counts.by_kind.items()},
        "answered_by_target": answered,
    }


def _keep_raw(offered: Offered) -> Recording:
    """Turns the workers' reports into the files that are kept, and gives what they hold."""
    result, folder = offered.result, offered.folder
    records = read_reports(folder / "reports.jsonl")
    write_latency_log(folder / "latency.hlog", records, result.start_unix_ns)
    write_seconds(folder / "seconds.csv", records.seconds)
    (folder / "reports.jsonl").unlink()
    write_json(
        folder / "load.json",
        {
            "schema": 1,
            "plan": asdict(offered.plan) | {"requests": None},
            "start_unix_ns": result.start_unix_ns,
            "schedule_sha256": result.schedule_sha256,
            "workers": {k: dict(v) for k, v in result.workers.items()},
            "totals": dict(result.totals),
            "markers": dict(result.markers),
            "problems": list(result.problems),
            "answered_by_target": offered.answered,
            "counted_by_locust": result.locust_requests,
            "link": None if offered.link is None else asdict(offered.link),
        },
    )
    return records


def _mean_rate(plan: LoadPlan) -> float | None:
    if not plan.steps:
        return None
    return sum(rate * length for rate, length in plan.steps) / plan.duration_s
