"""Usage between two instants, from rows made by hand."""

from __future__ import annotations

import dataclasses

import pytest

from harness.probes.procfs import CoreTime
from harness.probes.samples import Row
from harness.probes.usage import Level, marked_unix_ns, notes, usage

MS = 1_000_000
S = 1_000_000_000


def fast(i: int) -> Row:
    """The i-th sample of ten a second: half a core is used, memory grows by a byte each time."""
    at_ns = i * 100 * MS
    return Row(monotonic_ns=at_ns, unix_ns=at_ns, rss_bytes=1000 + i, cpu_ns=i * 50 * MS, late_ns=7)


def whole(i: int) -> Row:
    """The same with what is read once a second: a drop in second 2, and a core that loses 2 % to others."""
    at_ns = i * 100 * MS
    return dataclasses.replace(
        fast(i),
        voluntary_switches=i * 3,
        listen_drops=5 if i <= 20 else 6,
        throttled_ns=0,
        loss_probes=i,
        sampler_cpu_ns=i * MS // 4,
        cores={0: CoreTime(at_ns, 0), 1: CoreTime(at_ns, at_ns // 50)},
    )


ROWS = [whole(i) if i % 10 == 0 else fast(i) for i in range(41)]


def test_levels_are_of_the_samples_inside() -> None:
    found = usage(ROWS, 1 * S, 2 * S)
    assert found.samples == 11
    # Of eleven neighbours the 5th and 95th percentile lie half a step inside the ends.
    assert found.rss_bytes == Level(median=1015, peak=1020, jitter_ratio=9 / 1015, samples=11)
    assert found.sampler_late_ns == Level(median=7, peak=7, jitter_ratio=0, samples=11)
    assert found.pss_bytes is None


@pytest.mark.parametrize(
    ("start_ns", "end_ns"), [(0, 4 * S), (1 * S, 2 * S), (1_234 * MS, 2_777 * MS), (1, 2)]
)
def test_counters_are_interpolated(start_ns: int, end_ns: int) -> None:
    found = usage(ROWS, start_ns, end_ns)
    assert found.cpu_ns == pytest.approx((end_ns - start_ns) / 2)
    assert found.voluntary_switches == pytest.approx((end_ns - start_ns) / S * 30)
    assert found.sampler_cpu_ratio == pytest.approx(0.0025)


@pytest.mark.parametrize(
    ("start_ns", "end_ns", "drops"),
    [
        (0, 2 * S, 0),
        (2 * S, 3 * S, 1),
        (2_100 * MS, 2_200 * MS, 1),
        (3 * S, 4 * S, 0),
    ],
)
def test_faults_are_taken_from_the_reads_around_the_span(start_ns: int, end_ns: int, drops: int) -> None:
    found = usage(ROWS, start_ns, end_ns)
    assert found.tcp_faults == {"listen_drops": drops}, "those that were not read are not 0 but absent"
    assert found.throttled_ns == 0
    assert found.throttled_periods is None


def test_steal_is_that_of_the_worst_core() -> None:
    assert usage(ROWS, 500 * MS, 3 * S).steal_ratio == pytest.approx(0.02)
    assert usage([fast(i) for i in range(41)], 0, 4 * S).steal_ratio is None


@pytest.mark.parametrize(("start_ns", "end_ns"), [(-1, 2 * S), (2 * S, 4 * S + 1), (5 * S, 6 * S)])
def test_outside_of_what_was_sampled_nothing_is_known(start_ns: int, end_ns: int) -> None:
    found = usage(ROWS, start_ns, end_ns)
    assert (found.cpu_ns, found.steal_ratio, found.sampler_cpu_ratio) == (None, None, None)
    assert found.tcp_faults == {}
    assert found.loss_probes is None


def test_no_samples_at_all() -> None:
    found = usage([], 0, S)
    assert (found.samples, found.rss_bytes, found.cpu_ns) == (0, None, None)


def test_a_span_that_ends_before_it_starts() -> None:
    with pytest.raises(ValueError, match="not after its start"):
        usage(ROWS, S, S)


def test_events() -> None:
    events = ["mark a", "note no PSS: refused", "mark b", "mark a", "end"]
    rows = [Row(monotonic_ns=i, unix_ns=i, event=event) for i, event in enumerate(events)]
    assert (marked_unix_ns(rows, "a"), marked_unix_ns(rows, "b"), marked_unix_ns(rows, "c")) == (3, 2, None)
    assert notes(rows) == ["no PSS: refused"]
