"""Which checks a window gets, and what they are told; the checks themselves are tested apart."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import figures
from harness.load.plan import LoadPlan
from harness.load.recorder import Recorder
from harness.load.result import Recording, read_reports
from harness.units import NS_PER_MS, NS_PER_S
from harness.validity import WindowFacts, findings, settled

SECONDS = 2
RATE_RPS = 500
RESPONSE_NS = 8 * NS_PER_MS


def recorded(mode: str, drained: int = 0, *, waited: bool = True) -> tuple[Recording, dict[str, Any]]:
    """A window whose requests come every 2 ms and take 8 ms: four are in the system at any time.

    The last `drained` leave two seconds late, in the drain: they waited for a connection, or the generator was late.
    """
    recorder = Recorder("run", open_load=mode == "open", duration_ns=SECONDS * NS_PER_S)
    step_ns = NS_PER_S // RATE_RPS
    count = SECONDS * RATE_RPS
    for number in range(count):
        due_ns = number * step_ns
        sent_ns = due_ns + (SECONDS * NS_PER_S if number >= count - drained else 0)
        recorder.intended(due_ns)
        recorder.sent("accepted", due_ns, sent_ns, backlog=0, inflight=4)
        recorder.completed("accepted", due_ns, sent_ns if waited else due_ns, sent_ns, sent_ns + RESPONSE_NS)
    recorder.busy(0, NS_PER_S // 10)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reports.jsonl"
        path.write_text(json.dumps({"worker": "w", **recorder.take_report()}) + "\n", encoding="utf-8")
        recording = read_reports(path)
    return recording, {**recorder.totals.as_fields(), "tcp": {"retransmits": 0}}


def facts(mode: str = "open", drained: int = 0, *, waited: bool = True, **changes: Any) -> WindowFacts:
    records, totals = recorded(mode, drained, waited=waited)
    plan = LoadPlan(
        run="run",
        host="127.0.0.1",
        port=80,
        requests="/requests",
        mode="open" if mode == "open" else "closed",
        connections=4,
        duration_s=float(SECONDS),
        steps=((float(RATE_RPS), float(SECONDS)),) if mode == "open" else (),
    )
    counts = figures.counts([totals])
    given = WindowFacts(
        plan=plan,
        records=records,
        counts=counts,
        totals={"w": totals},
        expected_workers=["w"],
        problems=(),
        answered_by_target=counts.completed,
        counted_by_locust=counts.finished,
        usage=None,
        target_cores=1,
        generator_shares_core=False,
        host_network=True,
        headline="accepted",
    )
    return replace(given, **changes)


def named(found: list[dict[str, Any]], name: str) -> list[bool | None]:
    return [f["ok"] for f in found if f["name"] == name]


def with_totals(given: WindowFacts, **changes: Any) -> WindowFacts:
    return replace(given, totals={"w": {**given.totals["w"], **changes}})


@pytest.mark.parametrize("mode", ["open", "closed"])
def test_littles_law_is_judged_in_every_window(mode: str) -> None:
    assert named(findings(facts(mode)), "Little's law") == [True]


def test_times_that_do_not_fit_the_number_in_the_system_are_flagged() -> None:
    """As a worker's would be whose clock, or whose histograms, run a quarter fast."""
    given = facts()
    counted_ns = given.totals["w"]["in_system_ns"]
    assert named(findings(with_totals(given, in_system_ns=counted_ns * 5 // 4)), "Little's law") == [False]
    assert named(findings(with_totals(given, in_system_ns=counted_ns * 21 // 20)), "Little's law") == [True]


def test_a_lost_second_of_histograms_breaks_littles_law_and_the_counts() -> None:
    given = facts()
    kept = {key: texts for key, texts in given.records.histograms.items() if key.second > 0}
    found = findings(replace(given, records=replace(given.records, histograms=kept)))
    assert named(found, "Little's law") == [False]
    assert False in named(found, "counts")


def test_a_worker_that_does_not_count_who_is_in_the_system_leaves_the_law_unjudged() -> None:
    given = facts()
    totals = {name: value for name, value in given.totals["w"].items() if name != "in_system_ns"}
    assert named(findings(replace(given, totals={"w": totals})), "Little's law") == [None]


def test_callers_who_think_are_counted_and_not_assumed() -> None:
    given = facts("closed")
    thinking = replace(given, plan=replace(given.plan, connections=50, think_time_us=90_000))
    assert named(findings(thinking), "Little's law") == [True]
    assert named(findings(replace(given, plan=replace(given.plan, connections=50))), "Little's law") == [
        False
    ]


@pytest.mark.parametrize("party", ["answered_by_target", "counted_by_locust"])
def test_one_request_more_or_less_by_anyones_count_is_flagged(party: str) -> None:
    given = facts()
    assert False not in named(findings(given), "counts")
    off = replace(given, **{party: getattr(given, party) - 1})
    assert False in named(findings(off), "counts")


def test_only_a_closed_window_says_whether_its_service_had_settled() -> None:
    assert settled(facts("open")) is None
    short = settled(facts("closed"))
    assert short is not None and short["ok"] is None


def of(found: list[dict[str, Any]], name: str) -> dict[str, Any]:
    (finding,) = (f for f in found if f["name"] == name)
    return finding


def test_what_leaves_in_the_drain_was_not_offered() -> None:
    """Any generator catches up in the time to drain, also with twice what it can carry."""
    assert named(findings(facts(drained=9)), "offered rate") == [True]
    late = of(findings(facts(drained=500)), "offered rate")
    assert (late["ok"], late["figure"]) == (False, 0.5)


def test_a_rate_that_the_target_held_up_names_it_and_one_that_the_generator_missed_does_not() -> None:
    target = "the target kept all of them busy"
    waited = findings(facts(drained=500))
    assert target in of(waited, "offered rate")["text"]
    assert {f["name"] for f in waited if f["ok"] is False} == {"offered rate"}
    own = findings(facts(drained=500, waited=False))
    assert target not in of(own, "offered rate")["text"]
    assert of(own, "late share")["ok"] is False
    busy = findings(with_totals(facts(drained=500), busiest_ns=round(1.7 * NS_PER_S)))
    assert target not in of(busy, "offered rate")["text"]
    assert of(busy, "generator utilisation")["ok"] is False


def test_the_busiest_thread_counts_and_not_their_mean() -> None:
    """Two threads: one busy for 1.7 of two seconds, the other idle."""
    given = facts()
    two = replace(given, plan=replace(given.plan, threads=2))
    uneven = with_totals(two, busiest_ns=round(1.7 * NS_PER_S), busy_ns=round(1.8 * NS_PER_S))
    assert named(findings(uneven), "generator utilisation") == [False]
    shown = figures.generator(list(uneven.totals.values()), SECONDS, threads=2)
    assert (shown["utilisation_ratio"], shown["threads"]) == (0.85, 2)


def test_without_a_sampler_throttling_and_steal_say_that_they_were_not_judged() -> None:
    found = findings(facts(usage=None))
    for name in ("throttling", "steal"):
        assert of(found, name)["ok"] is None
        assert of(found, name)["text"] == f"{name} not judged: nothing was sampled in the window"
