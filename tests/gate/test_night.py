"""A night's document and what is shown of it: JSON that can be read again, Markdown, JUnit, a page."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from gate.made import CPU, METRICS, RULES, night, pairs

from harness.errors import StoreError
from harness.gate.document import night_document
from harness.gate.judge import look, night_word, verdicts
from harness.gate.model import Night, TargetNight
from harness.model import JsonObject
from harness.report.night import night_junit, night_markdown, read_night, write_night
from harness.store import RunFolder, write_json

LEVEL = RULES.levels[0]
NOTE = "services run as processes, not in containers"


def document(made: Night, status: str = "complete") -> JsonObject:
    judged = verdicts(made.targets, METRICS, RULES, LEVEL)
    word = "cannot tell" if made.too_noisy else night_word(judged)
    return night_document("2026-11-25T01-02-03Z-abcd", made, judged, word, status, [NOTE])


def regression() -> JsonObject:
    alerted = look(
        [TargetNight("go", pairs(6, {CPU.name: 0.2})), TargetNight("bun", pairs(6))], METRICS, LEVEL
    )
    confirmed = replace(alerted[0], further=pairs(4, {CPU.name: 0.2}, seed=5))
    return document(night([confirmed, alerted[1]], same_artifact=frozenset({"bun"})))


def test_a_regression_is_exit_code_1_and_its_sentence_stands_in_every_format(tmp_path: Path) -> None:
    made = regression()
    assert (made["verdict"], made["exit_code"]) == ("regression", 1)
    assert len(made["reasons"]) == 1
    assert made["reasons"][0].startswith("go: CPU/req. (rate-1000): more: +")
    run = RunFolder(tmp_path)
    write_json(tmp_path / "gate.json", made)
    again, paths = write_night(run)
    assert again == json.loads(json.dumps(made))
    sentence = made["targets"][0]["metrics"][0]["text"]
    for path in paths.values():
        assert sentence in path.read_text(encoding="utf-8")
        assert NOTE in path.read_text(encoding="utf-8")


def test_every_pair_is_in_the_document_so_that_all_can_be_computed_again() -> None:
    metric = regression()["targets"][0]["metrics"][0]
    assert [p["round"] for p in metric["pairs"]] == [1, 2, 3, 4, 5, 6]
    assert len(metric["further"]) == 4
    assert metric["ratio"] == pytest.approx(1.2, rel=0.02)
    assert metric["better"] == "lower"


def test_junit_fails_for_what_is_slower_and_skips_what_cannot_be_told() -> None:
    root = ET.fromstring(night_junit(regression()))
    suites = {s.get("name"): (s.get("tests"), s.get("failures"), s.get("skipped")) for s in root}
    assert suites == {"go": ("3", "1", "0"), "bun": ("3", "0", "0")}


@pytest.mark.parametrize(
    ("made", "code", "said"),
    [
        (night([TargetNight("go", pairs(6), stopped_by="all the same")]), 0, "no change"),
        (
            night([TargetNight("go", pairs(3), lost=3)]),
            3,
            "3 valid pairs are too few (6 needed), 3 were lost",
        ),
        (night(too_noisy=("too noisy: 9 % stolen",)), 3, "too noisy"),
        (night(skipped={"go": "no go here"}), 3, "no target was measured"),
    ],
)
def test_each_way_a_night_can_end_has_its_code_and_its_words(made: Night, code: int, said: str) -> None:
    got = document(made)
    assert got["exit_code"] == code
    assert said in night_markdown(got)
    ET.fromstring(night_junit(got))


@pytest.mark.parametrize("made", [night(too_noisy=("too noisy",)), night([TargetNight("go", pairs(6))])])
def test_a_note_on_the_night_is_in_its_junit_with_targets_or_without(made: Night) -> None:
    root = ET.fromstring(night_junit({**document(made), "notes": ["stock workers offer the load"]}))
    notes = [p.get("value") for p in root.iterfind("testsuite/properties/property[@name='note']")]
    assert notes == ["stock workers offer the load"]


def test_an_interrupted_night_says_so() -> None:
    got = document(night([TargetNight("go", pairs(2))]), "interrupted")
    assert got["exit_code"] == 130
    assert "interrupted" in night_markdown(got)


def test_another_schema_is_refused(tmp_path: Path) -> None:
    write_json(tmp_path / "gate.json", {**regression(), "schema": 2})
    with pytest.raises(StoreError, match="schema 2"):
        read_night(RunFolder(tmp_path))
