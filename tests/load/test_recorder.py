"""The Python worker's book: reports are deltas that add up to the totals, each thing in its second."""

from typing import Any

import pytest

from harness.load.recorder import REASONS, Recorder
from harness.stats.histogram import Histogram
from harness.units import NS_PER_MS, NS_PER_S

RESOLUTION = 0.001


def record_of(report: dict[str, Any], second: int, kind: str = "accepted") -> dict[str, Any]:
    found = [r for r in report["records"] if (r["second"], r["kind"]) == (second, kind)]
    assert len(found) == 1
    record: dict[str, Any] = found[0]
    return record


def row_of(report: dict[str, Any], second: int) -> dict[str, int]:
    rows = {row["second"]: row for row in report["seconds"]}
    row: dict[str, int] = rows[second]
    return row


def test_times_go_to_the_intended_second_and_events_to_their_own() -> None:
    recorder = Recorder("w", open_load=True)
    intended, free, sent, completed = (round(s * NS_PER_S) for s in (0.9, 1.1995, 1.2, 2.3))
    recorder.intended(intended)
    recorder.sent("accepted", intended, sent, backlog=3, inflight=2)
    recorder.completed("accepted", intended, free, sent, completed)
    report = recorder.take_report()
    record = record_of(report, 0)
    assert record["completed"] == 1
    assert record["late_response"] is None
    for measure, expected_s in (
        ("response", 1.4),
        ("service", 1.1),
        ("send_delay", 0.3),
        ("own_delay", 0.0005),
    ):
        found_ns = Histogram.decode(record[measure]).mean_ns
        assert found_ns == pytest.approx(expected_s * NS_PER_S, rel=RESOLUTION), measure
    assert row_of(report, 0)["intended"] == 1
    assert row_of(report, 1) | {"busy_ns": 0} == {
        "second": 1,
        "intended": 0,
        "sent": 1,
        "completed": 0,
        "failed": 0,
        "dropped": 0,
        "backlog_max": 3,
        "inflight_max": 2,
        "busy_ns": 0,
        "wait_ns": 0,
        "late_1ms": 1,
    }
    assert row_of(report, 2)["completed"] == 1


def test_the_response_time_of_what_left_late_by_the_generators_fault_is_kept_apart() -> None:
    recorder = Recorder("w", open_load=True)
    recorder.completed("accepted", 0, 0, NS_PER_MS, 3 * NS_PER_MS)
    recorder.completed("accepted", 0, 0, NS_PER_MS + 1, 7 * NS_PER_MS)
    record = record_of(recorder.take_report(), 0)
    on_time, late = Histogram.decode(record["response"]), Histogram.decode(record["late_response"])
    assert (on_time.count, late.count) == (1, 1)
    assert late.mean_ns == pytest.approx(7 * NS_PER_MS, rel=RESOLUTION)


def test_closed_load_has_service_times_only() -> None:
    recorder = Recorder("w", open_load=False)
    recorder.completed("accepted", 0, 0, 0, NS_PER_MS)
    record = record_of(recorder.take_report(), 0)
    assert record["service"] is not None
    assert [record[m] for m in ("response", "late_response", "send_delay", "own_delay")] == [None] * 4


def test_a_request_that_leaves_on_time_is_not_late() -> None:
    recorder = Recorder("w", open_load=True)
    recorder.sent("accepted", 0, NS_PER_MS, backlog=0, inflight=1)
    recorder.sent("accepted", 0, NS_PER_MS + 1, backlog=0, inflight=1)
    assert row_of(recorder.take_report(), 0)["late_1ms"] == 1


@pytest.mark.parametrize("reason", REASONS)
def test_failures_are_counted_by_reason_and_leave_no_time(reason: Any) -> None:
    recorder = Recorder("w", open_load=True)
    recorder.failed("accepted", reason, 0, NS_PER_S)
    report = recorder.take_report()
    assert record_of(report, 0)["failed"] == {known: int(known == reason) for known in REASONS}
    assert record_of(report, 0)["service"] is None
    assert row_of(report, 1)["failed"] == 1


def test_reports_are_deltas_numbered_from_one() -> None:
    recorder = Recorder("w", open_load=False)
    recorder.completed("accepted", 0, 0, 0, NS_PER_MS)
    first = recorder.take_report()
    recorder.completed("accepted", 0, 0, 0, NS_PER_MS)
    recorder.completed("accepted", 0, 0, 0, NS_PER_MS)
    second = recorder.take_report()
    third = recorder.take_report()
    assert [report["seq"] for report in (first, second, third)] == [1, 2, 3]
    assert [record_of(report, 0)["completed"] for report in (first, second)] == [1, 2]
    assert third["records"] == third["seconds"] == []
    assert recorder.totals.completed == 3
    assert recorder.reports == 3


def test_busy_time_is_cut_at_seconds() -> None:
    recorder = Recorder("w", open_load=False)
    recorder.busy(-NS_PER_S, round(0.25 * NS_PER_S))
    recorder.waited(round(0.25 * NS_PER_S), round(2.5 * NS_PER_S))
    report = recorder.take_report()
    assert [row_of(report, s)["busy_ns"] for s in (0, 1, 2)] == [NS_PER_S // 4, 0, 0]
    assert [row_of(report, s)["wait_ns"] for s in (0, 1, 2)] == [NS_PER_S * 3 // 4, NS_PER_S, NS_PER_S // 2]
    assert recorder.totals.busy_ns + recorder.totals.wait_ns == round(2.5 * NS_PER_S)


def test_what_is_done_in_the_drain_is_no_work_of_the_window() -> None:
    recorder = Recorder("w", open_load=True, duration_ns=2 * NS_PER_S)
    recorder.busy(round(1.5 * NS_PER_S), 3 * NS_PER_S)
    assert recorder.totals.busy_ns == round(1.5 * NS_PER_S)
    assert recorder.totals.as_fields()["busiest_ns"] == NS_PER_S // 2


def test_totals_by_kind() -> None:
    recorder = Recorder("w", open_load=False)
    for kind in ("accepted", "accepted", "refused"):
        recorder.intended(0)
        recorder.sent(kind, 0, 5, backlog=0, inflight=1)
    recorder.completed("accepted", 0, 0, 5, 10)
    recorder.failed("accepted", "body", 0, 20)
    recorder.completed("refused", 0, 0, 5, 30)
    recorder.intended(0)
    recorder.dropped(40)
    fields = recorder.totals.as_fields()
    assert fields["by_kind"] == {
        "accepted": {"sent": 2, "completed": 1, "failed": 1},
        "refused": {"sent": 1, "completed": 1, "failed": 0},
    }
    assert (fields["intended"], fields["sent"], fields["completed"], fields["dropped"]) == (4, 3, 2, 1)
    assert fields["failed"] == {reason: int(reason == "body") for reason in REASONS}
    assert (fields["first_sent_ns"], fields["last_completed_ns"]) == (5, 30)
