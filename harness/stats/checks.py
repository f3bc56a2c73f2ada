"""May a measurement be believed? Each rule a function: figures in, one Finding out.

A figure that is None makes a Finding that is not ok is None: the rule could not be judged, and says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.stats.quantile import median
from harness.units import NS_PER_US, percent

SEND_DELAY_LIMIT_NS = {False: 50 * NS_PER_US, True: 200 * NS_PER_US}  # by: the generator shares its core
SEND_DELAY_SHARE_OF_P50 = 0.05
LATE_LIMIT_RATIO = {False: 0.001, True: 0.005}  # the same
LATE_AT_LEAST = 10
OFFERED_LIMIT_RATIO = 0.99
UTILISATION_LIMIT_RATIO = 0.80
LITTLE_LIMIT_RATIO = 0.10
ERROR_LIMIT_RATIO = 0.001
STEAL_LIMIT_RATIO = 0.01
NIC_LIMIT_RATIO = 0.70
TARGET_CPU_LIMIT_RATIO = 0.90
SECOND_CORE_LIMIT_RATIO = 0.03
SETTLED_LIMIT_RATIO = 0.80

_NOT_SAMPLED = "nothing was sampled in the window"


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule applied. `ok`: True, False, or None when a figure it needs is missing.

    `figure` and `limit` are in `unit` ("ratio" and "count" have no other); `text` says it in one sentence.
    """

    name: str
    ok: bool | None
    figure: float | None
    limit: float | None
    unit: str
    text: str


def invalid_reasons(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Why a window is invalid; empty: it is valid. What could not be judged does not invalidate."""
    return tuple(finding.text for finding in findings if finding.ok is False)


def send_delay(p99_ns: int | None, response_p50_ns: int | None, *, shared_core: bool) -> Finding:
    """Did requests leave on time? The limit grows with the response time, where it matters less."""
    if p99_ns is None or response_p50_ns is None:
        return _unknown("send delay", "ns", "too few samples for its P99")
    limit = max(SEND_DELAY_LIMIT_NS[shared_core], SEND_DELAY_SHARE_OF_P50 * response_p50_ns)
    figures = f"P99 send delay {p99_ns / NS_PER_US:,.0f} µs, limit {limit / NS_PER_US:,.0f} µs"
    where = "on a core shared with the harness" if shared_core else "on cores of the generator's own"
    return Finding("send delay", p99_ns <= limit, p99_ns, limit, "ns", f"{figures} {where}")


def late_share(late: int, sent: int, *, shared_core: bool) -> Finding:
    """Requests that left over 1 ms late by the generator's fault. Their response times are kept apart.

    Fewer than ten say nothing about a share of 0.1 %.
    """
    if sent == 0:
        return _unknown("late share", "ratio", "nothing was sent")
    limit = max(LATE_LIMIT_RATIO[shared_core], (LATE_AT_LEAST - 1) / sent)
    what = "of the requests left over 1 ms late and are not among the response times"
    return _at_most("late share", late / sent, limit, what)


def offered_rate(offered_rps: float, intended_rps: float, *, held_up: bool = False) -> Finding:
    """Did the requests leave that were to leave within the window?

    held_up: the generator was on time and had time to spare, so what did not leave waited for a connection.
    """
    share = offered_rps / intended_rps
    limit = OFFERED_LIMIT_RATIO
    text = f"offered {offered_rps:,.1f}/s of {intended_rps:,.1f}/s: {percent(share, 2)} (at least {percent(limit)})"
    if share < limit and held_up:
        text += "; the rest waited for a connection: the target kept all of them busy"
    return Finding("offered rate", share >= limit, share, limit, "ratio", text)


def generator_utilisation(busy_ns: Sequence[int], wall_ns: int) -> Finding:
    """Of the busiest generator thread; waiting or spinning for the next instant is not busy.

    busy_ns: while requests were offered, of the busiest thread of each worker. wall_ns: length of the window.
    """
    if not busy_ns:
        return _unknown("generator utilisation", "ratio", "no generator reported its busy time")
    return _at_most(
        "generator utilisation",
        max(busy_ns) / wall_ns,
        UTILISATION_LIMIT_RATIO,
        "of the time the generator was busy",
    )


def littles_law(
    throughput_rps: float, mean_response_s: float | None, mean_in_flight: float | None
) -> Finding:
    """Requests in flight = rate × time in the system (Little, 1961); otherwise one of the three is wrong."""
    if not mean_response_s or not mean_in_flight:
        return _unknown("Little's law", "ratio", "the mean response time or the number in flight is missing")
    implied = throughput_rps * mean_response_s
    off = abs(implied / mean_in_flight - 1)
    text = (
        f"rate × mean response time is {implied:.2f}, in flight were {mean_in_flight:.2f}: "
        f"off by {percent(off, 1)} (at most {percent(LITTLE_LIMIT_RATIO)})"
    )
    return Finding("Little's law", off <= LITTLE_LIMIT_RATIO, off, LITTLE_LIMIT_RATIO, "ratio", text)


def errors(failed: int, finished: int, *, expected: bool = False) -> Finding:
    """`failed` of `finished` (dropped ones are in both). expected: the scenario is about errors."""
    if finished == 0:
        return Finding("errors", False, None, ERROR_LIMIT_RATIO, "ratio", "no request was finished")
    finding = _at_most("errors", failed / finished, ERROR_LIMIT_RATIO, "of the requests failed")
    if not expected:
        return finding
    return Finding(
        "errors",
        True,
        finding.figure,
        None,
        "ratio",
        f"{percent(failed / finished, 2)} failed, as the scenario means to",
    )


def tcp_faults(rises: Mapping[str, int] | None, *, shared_namespace: bool = False) -> Finding:
    """Rises of the kernel's fault counters in the target's network namespace.

    rises: counter → rise. shared_namespace: others use that namespace too, so the rises are those of
    the generator's own sockets. None: the counters could not be read.
    """
    if not rises:
        return _unknown("TCP faults", "count", "the kernel's counters could not be read")
    whose = "of the generator's sockets" if shared_namespace else "in the target's network namespace"
    risen = {name: rise for name, rise in rises.items() if rise}
    listed = ", ".join(f"{name} +{rise}" for name, rise in sorted(risen.items())) or "no TCP counter rose"
    return Finding("TCP faults", not risen, sum(risen.values()), 0, "count", f"{listed} {whose}")


def throttling(throttled_ns: int | None, *, asked: bool = False, sampled: bool = True) -> Finding:
    """Time a CPU quota stopped the target. asked: the scenario sets that quota. sampled: there was a sampler."""
    if not sampled:
        return _unknown("throttling", "ns", _NOT_SAMPLED)
    if throttled_ns is None:
        return _unknown("throttling", "ns", "the target has no control group of its own")
    text = f"the target was throttled for {throttled_ns / 1e6:.1f} ms" + (", as asked" if asked else "")
    return Finding("throttling", asked or throttled_ns == 0, throttled_ns, None if asked else 0, "ns", text)


def steal(steal_ratio: float | None, *, sampled: bool = True) -> Finding:
    """Time the hypervisor gave our cores to others: of the core that lost most. sampled: there was a sampler."""
    if not sampled:
        return _unknown("steal", "ratio", _NOT_SAMPLED)
    if steal_ratio is None:
        return _unknown("steal", "ratio", "the cores' times could not be read")
    return _at_most("steal", steal_ratio, STEAL_LIMIT_RATIO, "of a core's time was stolen by the hypervisor")


def nic(
    received_bytes: float | None, sent_bytes: float | None, duration_s: float, bits_per_s: int | None
) -> Finding:
    """The busier direction of the interface, of its line speed."""
    if received_bytes is None or sent_bytes is None:
        return _unknown(
            "network interface", "ratio", "the load stayed on this machine, no interface took part"
        )
    if not bits_per_s:
        return _unknown("network interface", "ratio", "the interface does not tell its speed")
    used = max(received_bytes, sent_bytes) * 8 / duration_s / bits_per_s
    return _at_most("network interface", used, NIC_LIMIT_RATIO, "of the interface's speed was used")


def reports(expected: Iterable[str], finished: Iterable[str]) -> Finding:
    """Every worker has to have sent its last report."""
    expected = list(expected)
    absent = sorted(set(expected) - set(finished))
    whose = "the worker sent its" if len(expected) == 1 else f"all {len(expected)} workers sent their"
    text = f"no last report of {', '.join(absent)}" if absent else f"{whose} last report"
    return Finding("reports", not absent, len(absent), 0, "count", text)


def counts_agree(counts: Mapping[str, int | None]) -> Finding:
    """The same requests as each party counted them (worker, Locust, histograms, target); exactly equal."""
    known = {party: count for party, count in counts.items() if count is not None}
    absent = ", ".join(sorted(set(counts) - set(known)))
    if len(known) < 2:
        return _unknown("counts", "count", f"no count of {absent}" if absent else "fewer than two counts")
    spread = max(known.values()) - min(known.values())
    listed = ", ".join(f"{party} {count:,}" for party, count in known.items())
    text = f"{'requests were lost' if spread else 'counts agree'}: {listed}" + (
        f"; no count of {absent}" if absent else ""
    )
    return Finding("counts", spread == 0, spread, 0, "count", text)


def peak_is_the_targets(
    cpu_ns: float | None, budget_ns: float, second_core_gain_ratio: float | None = None
) -> Finding:
    """Was it the target that could not go faster? If not, the peak is a lower bound and is not ranked.

    cpu_ns: what the target used of budget_ns (its cores × the window). second_core_gain_ratio: how much
    more a further generator core brought, if that was tried.
    """
    if cpu_ns is None and second_core_gain_ratio is None:
        return _unknown("peak", "ratio", "the target's CPU time could not be read")
    used = None if cpu_ns is None else cpu_ns / budget_ns
    if used is not None and used >= TARGET_CPU_LIMIT_RATIO:
        text = f"the target used {percent(used)} of its CPU"
        return Finding("peak", True, used, TARGET_CPU_LIMIT_RATIO, "ratio", text)
    use = "an unknown share" if used is None else f"only {percent(used)}"
    if second_core_gain_ratio is not None and abs(second_core_gain_ratio) < SECOND_CORE_LIMIT_RATIO:
        change = f"a further generator core changed the peak by {second_core_gain_ratio * 100:+.1f} %"
        text = f"the target used {use} of its CPU, but {change}"
        return Finding("peak", True, used, TARGET_CPU_LIMIT_RATIO, "ratio", text)
    text = f"generator-bound: at least this much; the target used {use} of its CPU"
    return Finding("peak", False, used, TARGET_CPU_LIMIT_RATIO, "ratio", text)


def settled(completed_per_second: Sequence[int]) -> Finding:
    """Did a closed window begin as fast as it went on? If not, the service was still warming up within it.

    completed_per_second: of its whole seconds. The first is compared with the median of the others: it had at least
    0.90 of that in 138 windows of services with next to nothing to warm up, 0.42 to 0.90 where code was compiled.
    """
    first, *others = completed_per_second or [0]
    if len(others) < 2 or not median(others):
        return _unknown("settled", "ratio", "fewer than three seconds with answers")
    ratio = first / median(others)
    text = f"its first second had {percent(ratio)} of the answers that the later ones had"
    return Finding("settled", ratio >= SETTLED_LIMIT_RATIO, ratio, SETTLED_LIMIT_RATIO, "ratio", text)


def _at_most(name: str, figure: float, limit: float, what: str) -> Finding:
    text = f"{percent(figure, 2)} {what} (at most {limit * 100:.2g} %)"
    return Finding(name, figure <= limit, figure, limit, "ratio", text)


def _unknown(name: str, unit: str, why: str) -> Finding:
    return Finding(name, None, None, None, unit, f"{name} not judged: {why}")
