"""Whole windows: a real master, two real workers of either engine, a real service. Every count must agree."""

from __future__ import annotations

import time

import pytest
from load.kinds import Offer, PlanMaker
from load.service import SLOW_S, Service
from load.waiting import eventually

from harness.errors import LoadError
from harness.load.result import disagreements, read_reports
from harness.load.schedule import arrivals_ns, fingerprint
from harness.load.supervise import LoadGenerator, LoadResult, Progress
from harness.units import NS_PER_S


def assert_counts_agree(result: LoadResult, service: Service) -> None:
    """Workers, reports, histograms and the service itself."""
    assert result.problems == ()
    assert len(result.totals) == 2
    assert disagreements(read_reports(result.reports), result.totals.values()) == []
    sent = result.total("sent")
    # What a worker gave up on may still lie unread in the service's sockets.
    assert eventually(lambda: service.total >= sent)
    assert service.total == sent


def failures(result: LoadResult) -> dict[str, int]:
    counts: dict[str, int] = {}
    for totals in result.totals.values():
        for reason, count in totals["failed"].items():
            counts[reason] = counts.get(reason, 0) + count
    return {reason: count for reason, count in counts.items() if count}


def test_closed_load_is_counted_whole(offer: Offer, service: Service, make_plan: PlanMaker) -> None:
    plan = make_plan("/ok", "/ok", "/refused")
    seen: list[Progress] = []
    result = offer(plan, seen.append)
    assert_counts_agree(result, service)
    assert failures(result) == {}
    assert result.total("completed") > 100
    assert result.total("connections_opened") == plan.connections
    assert result.schedule_sha256 is None
    recording = read_reports(result.reports)
    assert recording.kinds == ("accepted", "refused")
    assert recording.completed["refused"] == service.asked["/refused"]
    assert {key.measure for key in recording.histograms} == {"service"}
    assert seen[-1].completed == result.total("completed")
    assert max(row.inflight_max for row in recording.seconds) <= plan.connections


def test_littles_law_holds_under_closed_load(offer: Offer, service: Service, make_plan: PlanMaker) -> None:
    plan = make_plan("/slow", connections=20)
    result = offer(plan)
    assert_counts_agree(result, service)
    mean_ns = read_reports(result.reports).histogram("service").mean_ns
    assert mean_ns is not None
    assert mean_ns > SLOW_S * NS_PER_S
    # All connections are busy to the window's end, and each until its last answer, which is within the worker's time.
    last_ns = max(totals["wall_ns"] for totals in result.totals.values())
    assert result.total("completed") * mean_ns < plan.connections * last_ns * 1.01
    assert result.total("completed") * mean_ns > plan.connections * plan.duration_s * NS_PER_S * 0.7


def test_open_load_keeps_to_its_schedule(offer: Offer, service: Service, make_plan: PlanMaker) -> None:
    steps = ((300.0, 1.0), (100.0, 1.0))
    plan = make_plan("/ok", steps=steps, seed=7)
    result = offer(plan)
    assert_counts_agree(result, service)
    schedule = arrivals_ns("poisson", 7, steps)
    assert result.total("intended") == len(schedule)
    assert result.total("dropped") == 0
    assert result.schedule_sha256 == fingerprint(schedule)
    recording = read_reports(result.reports)
    for second in (0, 1):
        intended = sum(row.intended for row in recording.seconds if row.second == second)
        assert intended == sum(instant // NS_PER_S == second for instant in schedule)
    response, service_time = recording.responses(), recording.histogram("service")
    assert response.mean_ns is not None and service_time.mean_ns is not None
    delay = recording.histogram("send_delay").mean_ns
    assert delay is not None
    assert response.mean_ns == pytest.approx(service_time.mean_ns + delay, rel=0.01)


def test_waiting_for_a_connection_is_response_time(
    offer: Offer, service: Service, make_plan: PlanMaker
) -> None:
    # Two connections, 50 ms each: 40 a second get through, 80 are to be sent. The queue grows to a second.
    plan = make_plan("/slow", steps=((80.0, 1.0),), arrivals="constant", connections=2)
    result = offer(plan)
    assert_counts_agree(result, service)
    assert result.total("completed") == 80
    recording = read_reports(result.reports)
    response, service_time = recording.responses(), recording.histogram("service")
    assert (response.max_ns or 0) > 10 * SLOW_S * NS_PER_S
    assert (service_time.percentile(50) or 0) < (response.max_ns or 0) / 3
    assert max(row.backlog_max for row in recording.seconds) > 5


def test_what_cannot_be_sent_in_time_is_dropped(offer: Offer, service: Service, make_plan: PlanMaker) -> None:
    plan = make_plan("/slow", steps=((100.0, 3.0),), connections=2, timeout_ms=300)
    result = offer(plan)
    assert_counts_agree(result, service)
    assert result.total("dropped") > 10
    assert result.total("intended") == len(arrivals_ns("poisson", 1, plan.steps))
    slowest = read_reports(result.reports).responses().max_ns
    assert slowest is not None
    # Of 300 requests two connections carry 40 a second: the last would have waited for over four seconds.
    assert slowest < 2 * NS_PER_S, "an answer after the deadline is a failure, not a long response time"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/wrong-status", "status"),
        ("/wrong-length", "body"),
        ("/wrong-bytes", "body"),
        ("/closes", "reset"),
        ("/short", "short"),
        ("/garbage", "malformed"),
    ],
)
def test_each_failure_has_its_reason(
    offer: Offer,
    service: Service,
    make_plan: PlanMaker,
    path: str,
    reason: str,
) -> None:
    plan = make_plan(path, duration_s=0.5, connections=2, check_every=1, think_time_us=20_000)
    result = offer(plan)
    assert_counts_agree(result, service)
    assert list(failures(result)) == [reason]
    assert result.total("completed") == 0


def test_no_answer_is_a_timeout(offer: Offer, service: Service, make_plan: PlanMaker) -> None:
    result = offer(make_plan("/never", timeout_ms=200, connections=4))
    assert_counts_agree(result, service)
    assert list(failures(result)) == ["timeout"]


def test_what_is_in_flight_at_the_end_is_written_off_after_the_drain(
    offer: Offer, service: Service, make_plan: PlanMaker
) -> None:
    plan = make_plan("/never", timeout_ms=30_000, drain_ms=300, duration_s=0.5, connections=4)
    result = offer(plan)
    assert_counts_agree(result, service)
    assert failures(result) == {"timeout": 4}


def test_markers_tell_when_a_value_was_seen(offer: Offer, service: Service, make_plan: PlanMaker) -> None:
    result = offer(make_plan("/ok", marker='"table_version":'))
    seen = result.markers["7"]
    assert list(result.markers) == ["7"]
    assert seen["count"] == result.total("completed")
    end_unix_ns = result.start_unix_ns + round(result.plan.duration_s * NS_PER_S)
    assert result.start_unix_ns <= seen["first_unix_ns"] < seen["last_unix_ns"]
    assert seen["first_unix_ns"] < end_unix_ns


@pytest.mark.parametrize("steps", [(), ((50.0, 60.0),)], ids=["closed", "open"])
def test_a_flush_ends_a_window_early_and_loses_nothing(
    offer: Offer,
    generator: LoadGenerator,
    service: Service,
    make_plan: PlanMaker,
    steps: tuple[tuple[float, float], ...],
) -> None:
    plan = make_plan("/ok", duration_s=60.0, **({"steps": steps} if steps else {}))
    flushed_unix_ns: list[int] = []

    def flush(_: Progress) -> None:
        flushed_unix_ns.append(time.time_ns())
        generator.flush()

    result = offer(plan, flush)
    assert_counts_agree(result, service)
    walls_ns = [totals["wall_ns"] for totals in result.totals.values()]
    assert max(walls_ns) < 30 * NS_PER_S
    if steps:
        arrivals = arrivals_ns("poisson", 1, steps)
        fewest = sum(at <= flushed_unix_ns[0] - result.start_unix_ns for at in arrivals)
        most = sum(at <= max(walls_ns) for at in arrivals)
        assert fewest <= result.total("intended") <= most


def test_time_to_think_slows_a_closed_load(offer: Offer, service: Service, make_plan: PlanMaker) -> None:
    result = offer(make_plan("/ok", think_time_us=100_000, connections=4))
    assert_counts_agree(result, service)
    assert result.total("sent") <= 4 * 15 + 4


def test_busy_and_waiting_make_up_the_wall_clock(offer: Offer, make_plan: PlanMaker) -> None:
    result = offer(make_plan("/ok", steps=((20.0, 2.0),)))
    for totals in result.totals.values():
        assert totals["busy_ns"] + totals["wait_ns"] == pytest.approx(totals["wall_ns"], rel=0.05)
        assert totals["wait_ns"] > totals["busy_ns"], "forty requests are no work for two seconds"


def test_a_service_that_is_not_there_is_an_error(offer: Offer, make_plan: PlanMaker) -> None:
    with pytest.raises(LoadError, match=r"worker .* cannot take part: 127\.0\.0\.1:1 cannot be reached"):
        offer(make_plan(port=1))


def test_a_pool_that_is_not_there_is_an_error(offer: Offer, make_plan: PlanMaker) -> None:
    with pytest.raises(LoadError, match=r"nowhere\.msgpack"):
        offer(make_plan(requests="/nowhere.msgpack"))


def test_a_failed_start_does_not_spoil_the_next_window(
    offer: Offer, service: Service, make_plan: PlanMaker
) -> None:
    with pytest.raises(LoadError):
        offer(make_plan(port=1))
    assert_counts_agree(offer(make_plan(duration_s=0.3)), service)
