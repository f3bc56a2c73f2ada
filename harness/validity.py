"""Which checks a window must pass, and with which limits (docs/methodology.md gives the reasons)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness.figures import Counts, histogram_of
from harness.load.plan import LoadPlan
from harness.load.result import Recording, disagreements
from harness.model import JsonObject
from harness.probes.link import LinkUse
from harness.probes.usage import Usage
from harness.stats import checks
from harness.stats.checks import Finding
from harness.stats.histogram import Histogram
from harness.units import NS_PER_MS, NS_PER_S

_LATE_NS = NS_PER_MS


@dataclass(frozen=True)
class WindowFacts:
    """What is known of one window when it is judged.

    `headline` is the kind of request whose latency is shown; `expected_workers` those that took part;
    `answered_by_target` the service's own count of answers (None: it keeps none); `counted_by_locust` what Locust's
    own statistics hold (None: not known); `second_core_gain_ratio` by how much the generator's last core raised a
    closed window's throughput (None: not tried); `link` what went over the network interface to the target (None: the
    load stayed on this machine).
    """

    plan: LoadPlan
    records: Recording
    counts: Counts
    totals: Mapping[str, Mapping[str, Any]]
    expected_workers: Sequence[str]
    problems: Sequence[str]
    answered_by_target: int | None
    counted_by_locust: int | None
    usage: Usage | None
    target_cores: int
    generator_shares_core: bool
    host_network: bool
    headline: str
    second_core_gain_ratio: float | None = None
    link: LinkUse | None = None


def findings(facts: WindowFacts) -> list[JsonObject]:
    """Every check with its figure and limit. A window is invalid when one of them is not ok (False)."""
    found = [*_always(facts), *(_open_only(facts) if facts.plan.mode == "open" else _closed_only(facts))]
    return [asdict(f) for f in found]


def peak(facts: WindowFacts) -> JsonObject | None:
    """Whether the target was the limit of a closed window; not ok: generator-bound, shown but not ranked."""
    if facts.plan.mode != "closed":
        return None
    cpu_ns = None if facts.usage is None else facts.usage.cpu_ns
    budget_ns = facts.plan.duration_s * NS_PER_S * facts.target_cores
    return asdict(checks.peak_is_the_targets(cpu_ns, budget_ns, facts.second_core_gain_ratio))


def settled(facts: WindowFacts) -> JsonObject | None:
    """Whether a closed window began as fast as it went on; not ok: its figures are shown, with a note."""
    if facts.plan.mode != "closed":
        return None
    whole = int(facts.plan.duration_s)
    return asdict(checks.settled([row.completed for row in facts.records.seconds if row.second < whole]))


def punctuality(records: Recording, headline: str, *, shares_core: bool) -> tuple[Finding, Finding]:
    """Whether an open window's requests left on time, as far as it was for the generator: send delay and late share.

    `headline` is the kind of request whose response times the delay is held against. Raises StoreError.
    """
    own = records.histogram("own_delay")
    delay = own if own.count else records.histogram("send_delay")
    response = histogram_of(records, headline, "response")
    return (
        checks.send_delay(delay.percentile(99), response.percentile(50), shared_core=shares_core),
        checks.late_share(delay.count_above(_LATE_NS), delay.count, shared_core=shares_core),
    )


def _always(facts: WindowFacts) -> Iterator[Finding]:
    yield checks.reports(facts.expected_workers, facts.totals)
    for problem in facts.problems:
        yield Finding("load", False, None, None, "count", problem)
    for wrong in disagreements(facts.records, facts.totals.values()):
        yield Finding("counts", False, None, None, "count", wrong)
    answered = facts.counts.completed + facts.counts.answered_otherwise
    yield checks.counts_agree({"generator": answered, "target": facts.answered_by_target})
    yield checks.counts_agree({"generator": facts.counts.finished, "Locust": facts.counted_by_locust})
    finished = facts.counts.completed + facts.counts.failures
    yield checks.errors(facts.counts.failures, finished)
    yield checks.tcp_faults(_tcp_rises(facts), shared_namespace=facts.host_network)
    used = facts.usage
    yield checks.throttling(None if used is None else used.throttled_ns, sampled=used is not None)
    yield checks.steal(None if used is None else used.steal_ratio, sampled=used is not None)
    yield _network(facts)


def _open_only(facts: WindowFacts) -> Iterator[Finding]:
    punctual = punctuality(facts.records, facts.headline, shares_core=facts.generator_shares_core)
    busy_ns = [int(t["busiest_ns"]) for t in facts.totals.values() if "busiest_ns" in t]
    utilisation = checks.generator_utilisation(busy_ns, round(facts.plan.duration_s * NS_PER_S))
    yield from punctual
    if facts.counts.intended:
        at_ease = utilisation.ok is True and all(f.ok is not False for f in punctual)
        yield _offered_rate(facts, held_up=at_ease)
    yield utilisation
    yield _littles_law(facts, facts.records.responses(), _counted_in_system(facts))


def _offered_rate(facts: WindowFacts, *, held_up: bool) -> Finding:
    """Of what left within the window: in the drain after it, any generator catches up."""
    duration_s = facts.plan.duration_s
    sent = sum(row.sent for row in facts.records.seconds if row.second < duration_s)
    return checks.offered_rate(sent / duration_s, facts.counts.intended / duration_s, held_up=held_up)


def _closed_only(facts: WindowFacts) -> Iterator[Finding]:
    """Callers that do not think are always in flight, so their number is known without looking."""
    if facts.plan.requests is None:
        return
    in_system = _counted_in_system(facts) if facts.plan.think_time_us else facts.plan.connections
    yield _littles_law(facts, facts.records.histogram("service"), in_system)


def _littles_law(facts: WindowFacts, times: Histogram, in_system: float | None) -> Finding:
    mean_s = None if times.mean_ns is None else times.mean_ns / NS_PER_S
    return checks.littles_law(times.count / facts.plan.duration_s, mean_s, in_system)


def _counted_in_system(facts: WindowFacts) -> float | None:
    """Mean number of requests due and not answered, as the workers counted them come and go."""
    counted_ns = [t.get("in_system_ns") for t in facts.totals.values()]
    known_ns = [int(ns) for ns in counted_ns if ns is not None]
    if not known_ns or len(known_ns) < len(facts.expected_workers):
        return None
    return sum(known_ns) / (facts.plan.duration_s * NS_PER_S)


def _network(facts: WindowFacts) -> Finding:
    link = facts.link
    if link is None:
        return checks.nic(None, None, facts.plan.duration_s, None)
    return checks.nic(link.received_bytes, link.sent_bytes, facts.plan.duration_s, link.bits_per_s)


def _tcp_rises(facts: WindowFacts) -> Mapping[str, int] | None:
    """In a namespace shared with others only what the generator's own sockets saw."""
    if not facts.host_network:
        return facts.usage.tcp_faults if facts.usage else None
    known = [t["tcp"]["retransmits"] for t in facts.totals.values() if t.get("tcp")]
    return {"retransmits": sum(known)} if known else None
