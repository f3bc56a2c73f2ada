"""False alarms counted over nights without a difference, and where they are shown."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from harness.catalogue import ROOT
from harness.ledger import Ledger
from harness.model import JsonObject
from harness.selftest.alarms import BEGINS, ENDS, alarms_of, kinds_text, markdown, put_in
from harness.stats.proportion import clopper_pearson

METRICS = ("CPU/req.", "P99", "ready")


def night(
    words: Mapping[str, Mapping[str, str]],
    pairs: int = 6,
    looks: tuple[int, ...] = (6, 9),
    measured_s: int = 720,
) -> JsonObject:
    """words: target → metric → word; the same unless named, `alerted` where it looked so but was not confirmed."""
    targets = [
        {"target": t, "metrics": [_metric(m, w.get(m, "same"), pairs) for m in METRICS]}
        for t, w in words.items()
    ]
    return {
        "targets": targets,
        "scenario": "selftest",
        "rules": {"looks": list(looks)},
        "measured_s": measured_s,
    }


def _metric(title: str, word: str, pairs: int) -> JsonObject:
    return {
        "title": title,
        "word": "cannot tell" if word in ("alerted", "lost") else word,
        "alert": word in ("alerted", "slower", "faster"),
        "ratio": None if word == "lost" else 1.0,
        "pairs": [] if word == "lost" else [{}] * pairs,
    }


def test_alarms_are_counted_by_night_by_metric_and_by_target() -> None:
    found = alarms_of(
        [
            night({"go": {"P99": "slower", "ready": "slower"}, "rust": {"P99": "alerted"}}),
            night({"go": {"ready": "lost"}, "rust": {"CPU/req.": "faster"}}, pairs=9),
            night({"rust": {}}),
        ]
    )
    counts = [
        (a.name, a.by_night.happened, a.by_night.tries, a.by_metric.happened, a.by_metric.tries)
        for a in found
    ]
    assert counts == [("go", 1, 2, 2, 5), ("rust", 0, 3, 0, 9), ("all", 1, 3, 2, 14)]
    assert [(a.unconfirmed, a.faster, a.trials) for a in found] == [(0, 0, 30), (1, 1, 42), (1, 1, 72)]


def test_the_upper_bound_is_told_of_what_never_happened() -> None:
    text = markdown([night({"go": {}})] * 12)
    _, by_night = clopper_pearson(0, 12)
    _, by_metric = clopper_pearson(0, 36)
    assert (
        f"| all | 0 of 12, at most {100 * by_night:.1f} % | 0 of 36, at most {100 * by_metric:.1f} % |"
        in text
    )


def test_nights_of_other_rules_are_told_apart() -> None:
    nights = [night({"go": {}}), night({"go": {}}, looks=(4,)), night({"go": {}}, measured_s=900)]
    assert kinds_text(nights) == (
        "1 night with looks after 4 rounds (scenario selftest; 12 min each); "
        "2 nights with looks after 6, 9 rounds (scenario selftest; 12 min to 15 min each)"
    )


def test_a_page_has_its_part_renewed_and_nothing_else() -> None:
    page = f"# Before\n{BEGINS}\nold\n{ENDS}\nafter\n"
    renewed = put_in(page, [night({"go": {}})])
    assert renewed == page.replace("old\n", markdown([night({"go": {}})]))
    assert put_in(renewed, []) == page.replace("old\n", markdown([]))
    with pytest.raises(ValueError, match="alike begins"):
        put_in("# Nothing\n", [])


def test_what_the_documentation_counts_is_what_its_ledger_holds() -> None:
    page = (ROOT / "docs" / "gate.md").read_text(encoding="utf-8")
    kept = Ledger(ROOT / "docs" / "gate-alike.jsonl").read()
    assert kept.dropped == ()
    assert put_in(page, kept.entries) == page
    assert (
        len({n["run"] for n in kept.entries}) == len({n["seed"] for n in kept.entries}) == len(kept.entries)
    )
    assert "revision" not in json.dumps(kept.entries)
