"""The tally: what was found, missed, alarmed at and never judged, with the exit code each calls for."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from harness.errors import ExitCode, worst
from harness.model import JsonObject
from harness.selftest.found import NightFound, found_in, from_json
from harness.selftest.handicaps import APART, TOGETHER
from harness.selftest.tally import reasons, tally_of, to_json
from harness.stats.proportion import clopper_pearson

AS_PLANNED: Mapping[str, float | None] = {h.name: h.planned for h in TOGETHER.handicaps}
METRICS = ("cpu_ns_per_request", "p99_ns", "loaded_rss_bytes", "ready_ns")
CPU = TOGETHER.handicaps[0].name


def night(
    burden: Mapping[str, str | None] | None = None,
    twin: Mapping[str, str | None] | None = None,
    arrived: Mapping[str, float | None] = AS_PLANNED,
    twins_half_ratio: float = 0.03,
    **changes: object,
) -> NightFound:
    """burden, twin: metric → word, None for one without pairs; slower and the same unless named."""
    document = {
        "run": "r",
        "status": "complete",
        "seed": 1,
        "reasons": [],
        "skipped": {},
        "targets": [
            _target("go+twin", "same", twin or {}, twins_half_ratio),
            _target("go+burdened", "slower", burden or {}),
        ],
        **changes,
    }
    return found_in(document, (TOGETHER,), arrived)


def _target(name: str, usual: str, words: Mapping[str, str | None], noise_ratio: float = 0.03) -> JsonObject:
    metrics = []
    for metric in METRICS:
        word = words.get(metric, usual)
        ratio = None if word is None else 1.2
        told = {"metric": metric, "title": metric, "word": word or "cannot tell", "ratio": ratio}
        metrics.append({**told, "base": 1e6, "low": 1 / (1 + noise_ratio), "high": 1 + noise_ratio})
    return {"target": name, "metrics": metrics}


def code(*nights: NightFound) -> ExitCode:
    return worst(*(code for code, _ in reasons(nights)))


def texts(*nights: NightFound) -> str:
    return "\n".join(text for _, text in reasons(nights))


def test_everything_found_and_no_alarm_proves_the_guard() -> None:
    nights = [night(), night()]
    assert code(*nights) is ExitCode.DONE
    told = to_json(nights)
    low, high = clopper_pearson(2, 2)
    assert told["found"][CPU] == {"happened": 2, "tries": 2, "low": low, "high": high}
    assert told["false_alarms"]["by_metric"]["tries"] == 2 * len(METRICS)
    assert told["false_alarms"]["by_night"]["happened"] == 0
    assert told["reasons"] == []


def test_a_miss_is_a_failure_that_says_how_often() -> None:
    nights = [night({"cpu_ns_per_request": "cannot tell"}), night()]
    assert code(*nights) is ExitCode.BROKEN_PROMISE
    assert f"{CPU}: missed in 1 of 2" in texts(*nights)
    assert tally_of(nights).found[CPU].happened == 1


@pytest.mark.parametrize(
    ("word", "twins_half_ratio", "expected"),
    [
        ("cannot tell", 0.09, ExitCode.BROKEN_PROMISE),  # what arrived is 20 %
        ("cannot tell", 0.11, ExitCode.TOO_FEW_TRIALS),
        ("same", 0.11, ExitCode.BROKEN_PROMISE),
    ],
)
def test_a_guard_that_cannot_tell_among_noise_has_missed_nothing(
    word: str, twins_half_ratio: float, expected: ExitCode
) -> None:
    seen = night({"cpu_ns_per_request": word}, twins_half_ratio=twins_half_ratio)
    assert code(seen) is expected
    assert from_json(seen.to_json()) == seen
    assert tally_of([seen]).found[CPU].happened == 0, "it is a night in which it was not found, all the same"
    if expected is ExitCode.TOO_FEW_TRIALS:
        text = f"{CPU}: could not be told in 1 of 1 nights: identical twins alone scattered by up to ±11 %"
        assert texts(seen) == text


def test_a_wait_is_set_against_the_time_that_it_is_added_to() -> None:
    """2 ms on a P99 of 1 ms are 200 %."""
    words = {"p99_ns": "cannot tell"}
    assert code(night(words, twins_half_ratio=0.9)) is ExitCode.BROKEN_PROMISE
    assert code(night(words, twins_half_ratio=1.1)) is ExitCode.TOO_FEW_TRIALS


def test_what_one_handicap_burns_may_show_in_another_metric_of_its_head() -> None:
    heads = APART[:2]
    words: dict[str, Mapping[str, str | None]] = {
        heads[0].name: {"cpu_ns_per_request": "cannot tell", "p99_ns": "slower"},
        heads[1].name: dict.fromkeys(METRICS, "same"),
    }
    document = {
        "run": "r",
        "status": "complete",
        "seed": 1,
        "targets": [
            _target("go+twin", "same", {}),
            *(_target(f"go+{head.name}", "same", words[head.name]) for head in heads),
        ],
        "skipped": {},
    }
    one = found_in(document, heads, {h.name: h.planned for head in heads for h in head.handicaps})
    assert [(t.in_metric, t.found) for t in one.handicaps] == [(False, True), (False, False)]
    tally = tally_of([one])
    assert [rate.happened for rate in tally.found.values()] == [1, 0]
    assert [rate.happened for rate in tally.in_metric.values()] == [0, 0]
    assert code(one) is ExitCode.BROKEN_PROMISE
    assert "+20 %: missed in 1 of 1" in texts(one)
    assert "+10 %" not in texts(one)


def test_where_several_share_a_head_each_has_to_show_in_its_own_metric() -> None:
    (cpu, *others) = night({"cpu_ns_per_request": "cannot tell"}).handicaps
    assert (cpu.in_metric, cpu.found) == (False, False)
    assert all(other.found for other in others)


def test_a_night_of_before_heads_were_apart_is_read() -> None:
    document = json.loads(json.dumps(night().to_json()))
    for handicap in document["handicaps"]:
        del handicap["in_metric"]
    assert from_json(document) == night()


def test_a_false_alarm_is_a_failure() -> None:
    nights = [night(twin={"ready_ns": "slower", "p99_ns": "slower"}), night()]
    assert code(*nights) is ExitCode.BROKEN_PROMISE
    tally = tally_of(nights)
    assert (tally.by_night.happened, tally.by_night.tries) == (1, 2)
    assert (tally.by_metric.happened, tally.by_metric.tries) == (2, 2 * len(METRICS))


def test_a_twin_that_is_called_faster_wakes_nobody_but_is_counted() -> None:
    nights = [night(twin={"ready_ns": "faster"})]
    assert code(*nights) is ExitCode.DONE
    assert tally_of(nights).false_improvements.happened == 1


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (night({"p99_ns": None}), "without enough valid pairs"),
        (night(arrived={**AS_PLANNED, CPU: 5.0}), "arrived as 5 %"),
        (night(arrived={**AS_PLANNED, CPU: 30.0}), "arrived as 30 %"),
        (night(arrived={**AS_PLANNED, CPU: None}), "arrived as unknown"),
        (night(twin=dict.fromkeys(METRICS)), "identical twins: no metric"),
        (night(targets=[], reasons=["too noisy: …"]), "too noisy"),
        (night(targets=[], reasons=["no target"], skipped={"go": "no Go here"}), "go: no Go here"),
    ],
)
def test_what_was_not_judged_or_did_not_arrive_proves_nothing(found: NightFound, why: str) -> None:
    assert code(found) is ExitCode.TOO_FEW_TRIALS
    assert why in texts(found)


def test_no_night_at_all_proves_nothing() -> None:
    assert code() is ExitCode.TOO_FEW_TRIALS


def test_an_interrupted_night_counts_for_nothing() -> None:
    nights = [night(), night({"p99_ns": "cannot tell"}, status="interrupted")]
    assert code(*nights) is ExitCode.INTERRUPTED
    assert all(rate.tries == 1 for rate in tally_of(nights).found.values())


def test_a_night_is_read_as_it_was_written() -> None:
    for one in (night(twin={"ready_ns": "slower"}), night(targets=[], reasons=["too noisy: …"])):
        assert from_json(json.loads(json.dumps(one.to_json()))) == one
