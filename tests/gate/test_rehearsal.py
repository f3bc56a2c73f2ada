"""Rehearsed nights: what the material is, and rates that follow from it."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from gate.made import CPU, METRICS, PEAK, RULES, night, pairs

from harness.catalogue import ROOT
from harness.errors import UsageError
from harness.gate.document import night_document
from harness.gate.judge import verdicts
from harness.gate.model import PairFigures, TargetNight
from harness.gate.rehearsal import CURVE_PAIRS, material_json, material_of, rehearse
from harness.model import JsonObject
from harness.stats.gate import GateRules
from harness.stats.nights import NightSetting, simulate
from harness.store import read_json


def saved(figures: Sequence[PairFigures], *, same: bool = True) -> JsonObject:
    made = night([TargetNight("go", tuple(figures))], same_artifact=frozenset({"go"} if same else ()))
    judged = verdicts(made.targets, METRICS, RULES, RULES.levels[0])
    return night_document("run", made, judged, "no change", "complete")


def test_material_is_of_nights_whose_sides_were_one_artifact() -> None:
    material = material_of(
        [saved(pairs(6)), saved(pairs(8, seed=2)), saved(pairs(9, {CPU.name: 1.0}), same=False)]
    )
    assert material.trials == {"go": 2 * (6 + 8)}
    assert material.metrics == tuple(m.name for m in METRICS)
    assert material.worse == (1, -1, 1)


def test_a_metric_that_a_night_lacks_is_left_out_and_told() -> None:
    lacking = [
        PairFigures(p.round, p.first, {k: v for k, v in p.base.items() if k != PEAK.name}, p.head)
        for p in pairs(6)
    ]
    material = material_of([saved(pairs(6)), saved(lacking)])
    assert PEAK.name not in material.metrics
    assert material.lacking == (PEAK.name,)
    assert material_of([saved(pairs(6))]).lacking == ()


@pytest.mark.parametrize("nights", [[], [saved(pairs(3))], [saved(pairs(9), same=False)]])
def test_nothing_to_draw_from_is_told(nights: list[JsonObject]) -> None:
    with pytest.raises(UsageError, match="gate --base HEAD"):
        material_of(nights)


def test_what_is_kept_is_all_that_is_drawn_from() -> None:
    nights = [saved(pairs(6)), saved(pairs(8, seed=2)), saved(pairs(9), same=False)]
    kept = material_json(nights)
    one, other = material_of(nights), material_of(kept["nights"])
    assert other.metrics == one.metrics
    assert all(np.array_equal(a, b) for a, b in zip(one.sessions["go"], other.sessions["go"], strict=True))
    assert "0123456789abcdef" not in json.dumps(kept)


def test_quiet_material_gives_few_alarms_and_finds_clear_changes() -> None:
    found = rehearse(
        material_of([saved(pairs(9, spread=0.01)), saved(pairs(9, spread=0.01, seed=3))]), RULES, 1_000, 1
    )
    assert found.alarms.tries == 1_000
    assert found.alarms.happened <= 10
    rates = {(d.metric, d.effect_ratio): d.rate.happened / d.rate.tries for d in found.detections}
    for metric in (CPU.name, PEAK.name):
        assert rates[metric, 0.05] < rates[metric, 0.15]
        assert rates[metric, 0.15] > 0.95
        assert found.curve[metric, 0.10, CURVE_PAIRS[0]] <= found.curve[metric, 0.25, CURVE_PAIRS[0]]
    assert "%" in found.alarms.text


def test_the_trials_that_are_kept_can_be_drawn_from() -> None:
    """As many as docs/gate.md tells, and as few false alarms."""
    material = material_of(read_json(ROOT / "docs" / "gate-trials.json")["nights"])
    four = {"go": 46, "java-webflux": 24, "rust-axum": 24, "ts-elysia": 24}
    assert material.trials == {**four, "go+twin": 36}
    setting = NightSetting(GateRules(), material.relevant_ratio, np.array(material.worse, dtype=np.int8))
    alarmed = simulate(material.sessions, {}, setting, 4_000, np.random.default_rng(2)).alarm_nights
    assert alarmed / 4_000 < 0.01
