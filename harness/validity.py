"""Which checks a window must pass, and with which limits (docs/methodology.md gives the reasons)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness.figures import Counts, histogram_of
from harness.load.plan import LoadPlan
from harness.load.result import Recording, disagreements
from harness.model import JsonObject
from harness.probes.usage import Usage
from harness.stats import checks
from harness.stats.checks import Finding
from harness.units import NS_PER_MS, NS_PER_S

_LATE_NS = NS_PER_MS


@dataclass(frozen=True)
class WindowFacts:
    """What is known of one window when it is judged.

    `headline` is the kind of request whose latency is shown; `expected_workers` those that took part;
    `answered_by_target` the service's own count of answers (None: it keeps none).
    """

    plan: LoadPlan
    records: Recording
    counts: Counts
    totals: Mapping[str, Mapping[str, Any]]
    expected_workers: Sequence[str]
    problems: Sequence[str]
    answered_by_target: int | None
    usage: Usage | None
    target_cores: int
    generator_shares_core: bool
    host_network: bool
    headline: str


def findings(facts: WindowFacts) -> list[JsonObject]:
    """Every check with its figure and limit. A window is invalid when one of them is not ok (False)."""
    found = [*_always(facts), *(_open_only(facts) if facts.plan.mode == "open" else _closed_only(facts))]
    return [asdict(f) for f in found]


def peak(facts: WindowFacts) -> JsonObject | None:
    """Whether the target was the limit of a closed window; not ok: generator-bound, shown but not ranked."""
    if facts.plan.mode != "closed":
        return None
    cpu_ns = None if facts.usage is None else facts.usage.cpu_ns
    return asdict(checks.peak_is_the_targets(cpu_ns, facts.plan.duration_s * NS_PER_S * facts.target_cores))


def _always(facts: WindowFacts) -> Iterator[Finding]:
    yield checks.reports(facts.expected_workers, facts.totals)
    for problem in facts.problems:
        yield Finding("load", False, None, None, "count", problem)
    for wrong in disagreements(facts.records, facts.totals.values()):
        yield Finding("counts", False, None, None, "count", wrong)
    answered = facts.counts.completed + facts.counts.answered_otherwise
    yield checks.counts_agree({"generator": answered, "target": facts.answered_by_target})
    finished = facts.counts.completed + facts.counts.failures
    yield checks.errors(facts.counts.failures, finished)
    yield checks.tcp_faults(_tcp_rises(facts), shared_namespace=facts.host_network)
    if facts.usage is not None:
        yield checks.throttling(facts.usage.throttled_ns)
        yield checks.steal(facts.usage.steal_ratio)


def _open_only(facts: WindowFacts) -> Iterator[Finding]:
    own = facts.records.histogram("own_delay")
    delay = own if own.count else facts.records.histogram("send_delay")
    response = histogram_of(facts.records, facts.headline, "response")
    yield checks.send_delay(
        delay.percentile(99), response.percentile(50), shared_core=facts.generator_shares_core
    )
    yield checks.late_share(delay.count_above(_LATE_NS), delay.count)
    intended_rps = facts.counts.intended / facts.plan.duration_s
    if intended_rps:
        yield checks.offered_rate(facts.counts.sent / facts.plan.duration_s, intended_rps)
    busy_ns = [int(t["busy_ns"]) // max(1, facts.plan.threads) for t in facts.totals.values()]
    yield checks.generator_utilisation(busy_ns, round(facts.plan.duration_s * NS_PER_S))


def _closed_only(facts: WindowFacts) -> Iterator[Finding]:
    """Callers that do not think are always in flight, so their number is known without looking."""
    if facts.plan.think_time_us or facts.plan.requests is None:
        return
    service = facts.records.histogram("service")
    mean_s = None if service.mean_ns is None else service.mean_ns / NS_PER_S
    yield checks.littles_law(service.count / facts.plan.duration_s, mean_s, facts.plan.connections)


def _tcp_rises(facts: WindowFacts) -> Mapping[str, int] | None:
    """In a namespace shared with others only what the generator's own sockets saw."""
    if not facts.host_network:
        return facts.usage.tcp_faults if facts.usage else None
    known = [t["tcp"]["retransmits"] for t in facts.totals.values() if t.get("tcp")]
    return {"retransmits": sum(known)} if known else None
