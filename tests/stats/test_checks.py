"""Each rule just inside its limit, just outside, and without its figures."""

from __future__ import annotations

import pytest

from harness.stats import checks
from harness.stats.checks import Finding

US = 1_000
MS = 1_000_000


@pytest.mark.parametrize(
    ("finding", "ok"),
    [
        (checks.send_delay(50 * US, 100 * US, shared_core=False), True),
        (checks.send_delay(50 * US + 1, 100 * US, shared_core=False), False),
        (checks.send_delay(199 * US, 100 * US, shared_core=True), True),
        (checks.send_delay(201 * US, 100 * US, shared_core=True), False),
        (checks.send_delay(500 * US, 10 * MS, shared_core=False), True),  # 5 % of P50
        (checks.send_delay(501 * US, 10 * MS, shared_core=False), False),
        (checks.send_delay(None, 100 * US, shared_core=False), None),
        (checks.send_delay(10, None, shared_core=False), None),
        (checks.late_share(9, 1000, shared_core=False), True),
        (checks.late_share(10, 1000, shared_core=False), False),
        (checks.late_share(20, 20_000, shared_core=False), True),
        (checks.late_share(21, 20_000, shared_core=False), False),
        (checks.late_share(100, 20_000, shared_core=True), True),
        (checks.late_share(101, 20_000, shared_core=True), False),
        (checks.late_share(0, 0, shared_core=True), None),
        (checks.offered_rate(990, 1000), True),
        (checks.offered_rate(989.9, 1000), False),
        (checks.generator_utilisation([800, 10], 1000), True),
        (checks.generator_utilisation([10, 801], 1000), False),
        (checks.generator_utilisation([], 1000), None),
        (checks.littles_law(1000, 0.064, 64), True),
        (checks.littles_law(1000, 0.064, 58.3), True),
        (checks.littles_law(1000, 0.064, 72), False),
        (checks.littles_law(1000, 0.064, 58), False),
        (checks.littles_law(1000, None, 64), None),
        (checks.littles_law(1000, 0.064, None), None),
        (checks.errors(1, 1000), True),
        (checks.errors(2, 1000), False),
        (checks.errors(900, 1000, expected=True), True),
        (checks.errors(0, 0), False),
        (checks.errors(0, 0, expected=True), False),
        (checks.tcp_faults({"listen_drops": 0, "tcp_timeouts": 0}), True),
        (checks.tcp_faults({"listen_drops": 0, "tcp_timeouts": 1}), False),
        (checks.tcp_faults({"retransmits": 0}, shared_namespace=True), True),
        (checks.tcp_faults(None), None),
        (checks.tcp_faults({}), None),
        (checks.throttling(0), True),
        (checks.throttling(1), False),
        (checks.throttling(10**9, asked=True), True),
        (checks.throttling(None), None),
        (checks.throttling(None, sampled=False), None),
        (checks.steal(0.01), True),
        (checks.steal(0.011), False),
        (checks.steal(None), None),
        (checks.steal(None, sampled=False), None),
        (checks.nic(7e7, 1e6, 1.0, 800_000_000), True),
        (checks.nic(1e6, 7.1e7, 1.0, 800_000_000), False),
        (checks.nic(1e6, 1e6, 1.0, None), None),
        (checks.nic(None, None, 1.0, 800_000_000), None),
        (checks.reports(["w1", "w2"], ["w2", "w1"]), True),
        (checks.reports(["w1", "w2"], ["w1"]), False),
        (checks.counts_agree({"worker": 10, "locust": 10, "target": 10}), True),
        (checks.counts_agree({"worker": 10, "locust": 10, "target": 9}), False),
        (checks.counts_agree({"worker": 10, "locust": 10, "target": None}), True),
        (checks.counts_agree({"worker": 10, "target": None}), None),
        (checks.settled([80, 100, 100, 90, 110]), True),
        (checks.settled([79, 100, 100, 90, 110]), False),
        (checks.settled([100, 50, 50]), True),
        (checks.settled([10, 100]), None),
        (checks.settled([0, 0, 0]), None),
        (checks.settled([]), None),
        (checks.peak_is_the_targets(0.90e9, 1e9), True),
        (checks.peak_is_the_targets(0.89e9, 1e9), False),
        (checks.peak_is_the_targets(0.5e9, 1e9, second_core_gain_ratio=0.029), True),
        (checks.peak_is_the_targets(0.5e9, 1e9, second_core_gain_ratio=-0.029), True),
        (checks.peak_is_the_targets(0.5e9, 1e9, second_core_gain_ratio=0.031), False),
        (checks.peak_is_the_targets(None, 1e9, second_core_gain_ratio=0.0), True),
        (checks.peak_is_the_targets(None, 1e9), None),
    ],
    ids=lambda value: value.name if isinstance(value, Finding) else str(value),
)
def test_limits(finding: Finding, ok: bool | None) -> None:
    assert finding.ok is ok
    if ok is None:
        assert finding.figure is None
        assert "not judged" in finding.text


@pytest.mark.parametrize(
    ("finding", "parts"),
    [
        (
            checks.send_delay(120 * US, 100 * US, shared_core=False),
            ["120 µs", "limit 50 µs", "of the generator's own"],
        ),
        (checks.send_delay(120 * US, 100 * US, shared_core=True), ["limit 200 µs", "shared"]),
        (checks.offered_rate(900, 1000), ["900.0/s", "1,000.0/s", "90.00 %", "99 %"]),
        (checks.offered_rate(900, 1000, held_up=True), ["90.00 %", "the target kept all of them busy"]),
        (checks.throttling(None, sampled=False), ["throttling not judged: nothing was sampled"]),
        (checks.throttling(None), ["no control group"]),
        (checks.steal(None, sampled=False), ["steal not judged: nothing was sampled"]),
        (checks.littles_law(1000, 0.064, 32), ["64.00", "32.00", "100.0 %"]),
        (checks.errors(9, 10, expected=True), ["90.00 %", "means to"]),
        (checks.tcp_faults({"listen_drops": 3, "tcp_timeouts": 0}), ["listen_drops +3 in the target's"]),
        (checks.tcp_faults({"retransmits": 2}, shared_namespace=True), ["+2", "generator's sockets"]),
        (checks.reports(["a", "b"], ["a"]), ["no last report of b"]),
        (checks.reports(["a"], ["a"]), ["the worker sent its last report"]),
        (checks.reports(["a", "b"], ["a", "b"]), ["all 2 workers sent their last report"]),
        (checks.steal(0.0013), ["0.13 %", "(at most 1 %)"]),
        (
            checks.counts_agree({"worker": 10, "target": 9, "locust": None}),
            ["worker 10, target 9", "no count of locust"],
        ),
        (checks.peak_is_the_targets(0.4e9, 1e9), ["generator-bound: at least", "40 %"]),
        (checks.peak_is_the_targets(0.4e9, 1e9, 0.01), ["40 %", "+1.0 %"]),
    ],
)
def test_texts_name_their_figures(finding: Finding, parts: list[str]) -> None:
    for part in parts:
        assert part in finding.text


def test_a_window_is_invalid_for_what_is_wrong_only() -> None:
    found = [checks.errors(0, 10), checks.steal(None), checks.steal(0.5), checks.reports(["w"], [])]
    assert checks.invalid_reasons(found) == (found[2].text, found[3].text)
    assert checks.invalid_reasons(found[:2]) == ()
