"""What a night says of its pairs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from gate.made import CPU, METRICS, P99, PEAK, RULES, pairs

from harness.gate.judge import look, needs_confirming, night_word, verdicts
from harness.gate.model import MetricVerdict, TargetNight, TargetVerdict

LEVEL = RULES.levels[0]


def judged(night: TargetNight, *others: TargetNight) -> TargetVerdict:
    return verdicts(look([night, *others], METRICS, LEVEL), METRICS, RULES, LEVEL)[0]


def of(verdict: TargetVerdict, name: str) -> MetricVerdict:
    return next(m for m in verdict.metrics if m.metric.name == name)


def looked(changes: dict[str, float], further: dict[str, float] | None = None) -> TargetNight:
    night = look([TargetNight("go", pairs(6, changes))], METRICS, LEVEL)[0]
    return replace(night, further=pairs(4, further, seed=9)) if further is not None else night


def test_twins_are_the_same_in_everything_and_are_measured_no_further() -> None:
    night = TargetNight("go", pairs(6))
    after = look([night], METRICS, LEVEL)[0]
    assert after.stopped_by == "all the same"
    found = judged(night)
    assert {m.word for m in found.metrics} == {"same"}
    assert of(found, CPU.name).text.startswith("same within 5 %")
    assert night_word([found]) == "no change"


@pytest.mark.parametrize(("name", "change"), [(CPU.name, 0.10), (PEAK.name, -0.10), (P99.name, 0.25)])
def test_a_slowdown_alerts_and_is_a_regression_once_confirmed(name: str, change: float) -> None:
    night = looked({name: change}, {name: change})
    assert (night.stopped_by, needs_confirming(night, METRICS)) == ("an alert", True)
    found = verdicts([night], METRICS, RULES, LEVEL)
    assert of(found[0], name).word == "slower"
    assert (of(found[0], name).agreeing, of(found[0], name).further) == (4, 4)
    assert night_word(found) == "regression"


def test_an_alert_that_is_not_confirmed_is_no_regression() -> None:
    night = looked({CPU.name: 0.06}, {CPU.name: -0.05})
    assert night.stopped_by == "an alert"
    found = verdicts([night], METRICS, RULES, LEVEL)
    assert of(found[0], CPU.name).word == "cannot tell"
    assert "not confirmed (0 of 4" in of(found[0], CPU.name).text
    assert night_word(found) == "cannot tell"


@pytest.mark.parametrize("name", [CPU.name, P99.name])
@pytest.mark.parametrize(
    ("no_time", "said"), [(True, "there was no time to confirm"), (False, "too few further pairs were valid")]
)
def test_an_alert_without_its_further_pairs_is_no_regression_and_not_no_change(
    name: str, no_time: bool, said: str
) -> None:
    """A P99 that cannot be told is no reason to hold a night back; one that alerted and could not be confirmed is."""
    night = replace(looked({name: 0.25}), no_time=no_time)
    for count in (0, 1):
        open_still = replace(night, further=pairs(count, {name: 0.25}, seed=9))
        found = verdicts([open_still], METRICS, RULES, LEVEL)
        assert of(found[0], name).word == "cannot tell"
        assert said in of(found[0], name).text
        assert night_word(found) == "cannot tell"


def test_an_alert_is_settled_once_no_further_pair_could_confirm_or_refute_it() -> None:
    for further, word in (
        (pairs(3, {P99.name: 0.25}, seed=9), "regression"),
        (pairs(2, {P99.name: -0.25}, seed=9), "no change"),
        (pairs(4, {P99.name: -0.25}, seed=9), "no change"),
    ):
        found = verdicts([replace(looked({P99.name: 0.25}), further=further)], METRICS, RULES, LEVEL)
        assert night_word(found) == word
        assert of(found[0], P99.name).open_because is None


def test_an_improvement_needs_no_confirmation() -> None:
    night = looked({CPU.name: -0.10, PEAK.name: 0.10})
    assert not needs_confirming(night, METRICS)
    found = verdicts([night], METRICS, RULES, LEVEL)
    assert (of(found[0], CPU.name).word, of(found[0], PEAK.name).word) == ("faster", "faster")
    assert of(found[0], CPU.name).text.startswith("less: ")
    assert night_word(found) == "improvement"


def test_what_base_differs_by_from_itself_is_no_difference() -> None:
    """Base wanders by 30 % and head with it: each pair shows 6 % more, which is certain and yet within the noise."""
    wander = np.random.default_rng(2).normal(0, 0.3, 6)
    exact = pairs(6, {CPU.name: 0.06}, spread=0.001)
    wandering = tuple(
        replace(p, base=_times(p.base, w), head=_times(p.head, w)) for p, w in zip(exact, wander, strict=True)
    )
    assert look([TargetNight("go", exact)], METRICS, LEVEL)[0].alerts == {CPU.name: 1}
    after = look([TargetNight("go", wandering)], METRICS, LEVEL)[0]
    assert after.alerts == {}
    found = verdicts([after], METRICS, RULES, LEVEL)[0]
    assert of(found, CPU.name).word == "cannot tell"
    assert (of(found, CPU.name).floor_ratio or 0) > 0.06


def _times(figures: object, log: float) -> dict[str, float]:
    assert isinstance(figures, dict)
    return {name: value * float(np.exp(log)) for name, value in figures.items()}


def test_a_wide_night_cannot_tell_and_says_what_would_settle_it() -> None:
    found = judged(TargetNight("go", pairs(6, spread=0.06)))
    words = {m.word for m in found.metrics}
    assert "cannot tell" in words
    untold = [m for m in found.metrics if m.word == "cannot tell"]
    assert any(m.rounds_more and f"about {m.rounds_more} more round" in m.text for m in untold)
    assert night_word([found]) == "cannot tell"


def test_only_what_must_be_told_keeps_a_night_from_no_change() -> None:
    found = judged(TargetNight("go", pairs(6)))
    p99 = replace(of(found, P99.name), word="cannot tell")
    cpu = replace(of(found, CPU.name), word="cannot tell")
    assert night_word([replace(found, metrics=(p99,))]) == "no change"
    assert night_word([replace(found, metrics=(cpu,))]) == "cannot tell"


@pytest.mark.parametrize("count", range(4))
def test_too_few_pairs_can_tell_nothing_and_raise_no_alarm(count: int) -> None:
    night = TargetNight("go", pairs(count, {CPU.name: 0.5}), lost=6 - count)
    found = verdicts(look([night], METRICS, LEVEL), METRICS, RULES, LEVEL)
    assert not found[0].enough
    assert {m.word for m in found[0].metrics} == {"cannot tell"}
    assert night_word(found) == "cannot tell"


def test_a_metric_that_one_side_lacks_is_untold_and_the_others_are_judged() -> None:
    lacking = tuple(
        replace(p, head={k: v for k, v in p.head.items() if k != PEAK.name})
        for p in pairs(6, {CPU.name: 0.2})
    )
    found = judged(TargetNight("go", lacking))
    assert of(found, PEAK.name).ratio is None
    assert of(found, CPU.name).alert


def test_more_metrics_in_a_night_take_more_certainty() -> None:
    """The same pairs alert alone and not among forty quiet targets: the false discovery rate is the night's."""
    borderline = TargetNight("go", pairs(6, {CPU.name: 0.08}, spread=0.025, seed=4))
    quiet = [TargetNight(f"quiet-{n}", pairs(6, seed=100 + n)) for n in range(40)]
    alone = look([borderline], (CPU,), LEVEL)[0]
    among = look([borderline, *quiet], METRICS, LEVEL)[0]
    assert alone.alerts == {CPU.name: 1}
    assert among.alerts == {}


def test_a_target_that_was_stopped_keeps_its_verdict_at_later_looks() -> None:
    stopped = look([TargetNight("go", pairs(6, {CPU.name: 0.2}))], METRICS, LEVEL)[0]
    again = look([stopped, TargetNight("other", pairs(9))], METRICS, RULES.levels[1])
    assert again[0] is stopped
    assert again[1].stopped_by == "all the same"


def test_a_night_without_targets_cannot_tell() -> None:
    assert night_word([]) == "cannot tell"
