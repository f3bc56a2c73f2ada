"""The plan: what cannot be offered is refused whole, and messages come back as plans."""

import json
from typing import Any

import pytest

from harness.errors import LoadError
from harness.load.plan import LoadPlan, Share, Wakefulness, wakefulness

CLOSED: dict[str, Any] = {
    "run": "w",
    "host": "127.0.0.1",
    "port": 8080,
    "requests": "/pool",
    "mode": "closed",
    "connections": 64,
    "duration_s": 5.0,
}
OPEN: dict[str, Any] = {**CLOSED, "mode": "open", "steps": ((100.0, 5.0),)}


@pytest.mark.parametrize("fields", [CLOSED, OPEN, {**OPEN, "cpus": (1, 2), "marker": '"v":'}])
def test_a_message_comes_back_as_the_plan(fields: dict[str, Any]) -> None:
    plan = LoadPlan(**fields)
    message = json.loads(json.dumps(plan.to_message(Share(1, 3))))
    assert message["schema"] == 1
    assert LoadPlan.from_message(message) == (plan, Share(1, 3))
    assert LoadPlan.from_fields(json.loads(json.dumps(plan.to_fields()))) == plan


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"run": ""}, "run"),
        ({"mode": "half-open"}, "mode"),
        ({"port": 0}, "port"),
        ({"connections": 0}, "connections"),
        ({"duration_s": 0}, "duration_s"),
        ({"timeout_ms": 0}, "timeout_ms"),
        ({"drain_ms": -1}, "drain_ms"),
        ({"check_every": -1}, "check_every"),
        ({"threads": 0}, "threads"),
        ({"cpus": ()}, "cpus"),
        ({"steps": ((1.0, 1.0),)}, "no steps"),
        ({"mode": "open"}, "needs steps"),
        ({"mode": "open", "steps": ((1.0, 0.0),)}, "no length"),
        ({"mode": "open", "steps": ((-1.0, 1.0),)}, "rate under 0"),
        ({"arrivals": "bursty"}, "arrivals"),
    ],
)
def test_what_cannot_be_offered_is_refused(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(LoadError, match=complaint):
        LoadPlan(**{**CLOSED, **change})


def test_all_complaints_come_at_once() -> None:
    with pytest.raises(LoadError, match=r"port.*connections.*duration_s"):
        LoadPlan(**{**CLOSED, "port": 0, "connections": 0, "duration_s": -1})


@pytest.mark.parametrize(
    "change",
    [{"schema": 2}, {"share": None}, {"share": {"index": 2, "count": 2}}, {"steps": 5}, {"surprise": 1}],
)
def test_a_message_of_another_kind_is_refused(change: dict[str, Any]) -> None:
    message = {**LoadPlan(**CLOSED).to_message(Share(0, 1)), **change}
    with pytest.raises(LoadError):
        LoadPlan.from_message(message)


def test_only_a_generator_away_from_the_target_stays_awake_for_an_open_load() -> None:
    asleep = Wakefulness(spin_us=0, nap_us=0)
    assert wakefulness("open", own_core=False, beside_target=True) == asleep
    assert wakefulness("closed", own_core=True, beside_target=False) == asleep
    naps = wakefulness("open", own_core=False, beside_target=False)
    always = wakefulness("open", own_core=True, beside_target=False)
    assert 0 < naps.spin_us < always.spin_us
    assert naps.nap_us > 0
