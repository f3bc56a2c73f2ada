"""gate.yaml: every problem at once, with its line; and what may not be asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.asked import NightAsked
from harness.catalogue import ROOT, all_targets, read_gate_file
from harness.config import ConfigError
from harness.errors import UsageError
from harness.gate.accept import accept, advance
from harness.model import JsonObject

WHOLE = (ROOT / "gate.yaml").read_text(encoding="utf-8")


def written(folder: Path, text: str) -> Path:
    path = folder / "gate.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_projects_own_file_is_whole() -> None:
    file = read_gate_file()
    assert {m.metric: m.relevant_ratio for m in file.metrics} == {
        "cpu_ns_per_request": 0.05,
        "throughput_rps": 0.05,
        "p50_ns": 0.05,
        "p99_ns": 0.10,
        "loaded_rss_bytes": 0.05,
        "ready_ns": 0.15,
    }


def test_all_problems_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    text = WHOLE.replace("looks:", "lookz:").replace("relevant_ratio: 0.10", "relevant_ratio: -1")
    with pytest.raises(ConfigError) as raised:
        read_gate_file(written(tmp_path, text))
    told = str(raised.value)
    assert "did you mean 'looks'" in told
    assert "relevant_ratio" in told
    lines = text.splitlines()
    assert [p.line for p in raised.value.problems] == [
        next(n for n, line in enumerate(lines, 1) if "lookz" in line),
        next(n for n, line in enumerate(lines, 1) if "-1}" in line or "-1," in line),
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("looks: [6, 9, 12]", "looks: [9, 6]", "rising order"),
        ("looks: [6, 9, 12]", "looks: [2]", "looks"),
        ("agreeing: 3", "agreeing: 5", "never agree"),
        ("metric: loaded_rss_bytes", "metric: loaded_rss_bytes, window: peak", "no window"),
        ("metric: p50_ns, window: rate-1000", "metric: p50_ns", "give `window`"),
        ("metric: p50_ns", "metric: p99_ns", "twice"),
        ("metric: p50_ns", "metric: p42_ns", "metrics"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in WHOLE
    with pytest.raises(ConfigError, match=told):
        read_gate_file(written(tmp_path, WHOLE.replace(old, new)))


def test_accepting_changes_one_line_and_keeps_the_rest(tmp_path: Path) -> None:
    path = written(tmp_path, WHOLE)
    accepted = accept(path, ROOT, "HEAD", 'first "night"\nof all')
    assert len(accepted.revision) == 40
    file = read_gate_file(path)
    assert file.accepted == accepted
    assert file.accepted.reason == 'first "night" of all'
    changed = path.read_text(encoding="utf-8").splitlines()
    differing = [(a, b) for a, b in zip(WHOLE.splitlines(), changed, strict=True) if a != b]
    assert len(differing) == 1
    assert differing[0][0].startswith("accepted:")


@pytest.mark.parametrize(
    ("revision", "reason", "told"), [("no-such", "x", "no revision"), ("HEAD", " ", "why")]
)
def test_accepting_nonsense_is_refused_and_changes_nothing(
    tmp_path: Path, revision: str, reason: str, told: str
) -> None:
    path = written(tmp_path, WHOLE)
    with pytest.raises(UsageError, match=told):
        accept(path, ROOT, revision, reason)
    assert path.read_text(encoding="utf-8") == WHOLE


@pytest.mark.parametrize(
    ("verdict", "status", "clean", "moves"),
    [
        ("no change", "complete", True, True),
        ("improvement", "complete", True, True),
        ("regression", "complete", True, False),
        ("cannot tell", "complete", True, False),
        ("no change", "interrupted", True, False),
        ("no change", "complete", False, False),
    ],
)
def test_the_base_advances_only_after_a_good_night(
    tmp_path: Path, verdict: str, status: str, clean: bool, moves: bool
) -> None:
    path = written(tmp_path, WHOLE)
    made = whole_night(verdict=verdict, status=status, head={**HEAD, "clean": clean})
    said = advance(path, ROOT, made, NightAsked(config=str(path)))
    assert (path.read_text(encoding="utf-8") != WHOLE) == moves
    assert said.startswith("accepted " if moves else "the accepted revision stays: ")


ACCEPTED = "0123456789abcdef0123456789abcdef01234567"
HEAD = {"kind": "directory", "revision": "HEAD", "clean": True, "text": "HEAD"}
BASE = {"kind": "revision", "revision": ACCEPTED, "clean": True, "text": ACCEPTED[:12]}
TARGETS = tuple(t.name for t in all_targets())


def whole_night(**changed: Any) -> JsonObject:
    """What is read of the gate.json of a night of all targets against the accepted revision."""
    return {
        "run": "r",
        "status": "complete",
        "verdict": "no change",
        "base": BASE,
        "head": HEAD,
        "skipped": {},
        "targets": [{"target": t} for t in TARGETS],
        **changed,
    }


def advanced(folder: Path, night: JsonObject, text: str = WHOLE, **asked: Any) -> tuple[bool, str]:
    """(whether the file was changed, what was said); one revision is accepted."""
    accepted = text.replace("accepted: null", f'accepted: {{revision: "{ACCEPTED}", reason: "first"}}')
    path = written(folder, accepted)
    said = advance(path, ROOT, night, NightAsked(config=str(path), **asked))
    return path.read_text(encoding="utf-8") != accepted, said


def test_a_whole_night_against_the_accepted_revision_advances(tmp_path: Path) -> None:
    for asked in ({}, {"base": ACCEPTED[:10]}, {"targets": TARGETS}, {"scenario": "gate"}):
        moved, said = advanced(tmp_path, whole_night(), **asked)
        assert moved
        assert said.startswith("accepted ")


@pytest.mark.parametrize(
    ("changed", "asked", "told"),
    [
        (
            {"base": {**BASE, "revision": "f" * 40, "text": "f" * 12}},
            {},
            "base was ffffffffffff, not the accepted",
        ),
        ({"base": {**BASE, "kind": "directory", "text": "."}}, {}, "base was ., not the accepted"),
        ({"base": {**BASE, "revision": None, "text": "/other"}}, {}, "base was /other, not the accepted"),
        ({}, {"quick": True}, "a quick look is not for decisions"),
        ({}, {"scenario": "selftest"}, "scenario selftest was measured in place of gate"),
        ({"targets": [{"target": t} for t in TARGETS[1:]]}, {}, f"{TARGETS[0]} was not compared"),
        ({"skipped": {"other": "no compiler"}}, {}, "other was skipped"),
    ],
)
def test_what_was_not_a_whole_night_against_the_accepted_revision_moves_nothing_and_says_why(
    tmp_path: Path, changed: JsonObject, asked: JsonObject, told: str
) -> None:
    moved, said = advanced(tmp_path, whole_night(**changed), **asked)
    assert not moved
    assert said.startswith("the accepted revision stays: ")
    assert told in said


def test_all_that_was_in_the_way_is_told_at_once(tmp_path: Path) -> None:
    _, said = advanced(tmp_path, whole_night(targets=[]), quick=True, scenario="smoke")
    assert said.count(";") == 2


def test_where_gate_yaml_names_targets_those_are_all(tmp_path: Path) -> None:
    text = WHOLE.replace("scenario: gate", f"scenario: gate\ntargets: [{TARGETS[0]}]")
    moved, _ = advanced(tmp_path, whole_night(targets=[{"target": TARGETS[0]}]), text)
    assert moved
