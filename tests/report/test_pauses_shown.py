"""Pauses for garbage collection: from a runtime's log to the record, the table and the picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from report.made import FOUR, Making

from harness.report.charts.records import course
from harness.report.html import make_page
from harness.report.markdown import to_markdown
from harness.report.outputs import Shown, read
from harness.report.tidy_csv import to_csv
from harness.store import RunFolder

PAUSE_MS = 2.5


@pytest.fixture(scope="module")
def shown(making: Callable[[Making], RunFolder]) -> Shown:
    """A runtime that logs a pause every half second, and one without any."""
    targets = {
        "java-webflux": replace(FOUR["java-webflux"], pause_ms=PAUSE_MS),
        "rust-axum": FOUR["rust-axum"],
    }
    return read(making(Making(targets=targets, scenarios=("routing-4kb",), rounds=1, scale=0.12, twin=False)))


def test_a_trial_counts_the_pauses_of_its_windows(shown: Shown) -> None:
    (trial,) = (t for t in shown.trials if t["case"]["target"] == "java-webflux")
    first, last = trial["windows"][0], trial["windows"][-1]
    loaded = trial["pauses"]["loaded"]
    assert loaded["longest_ns"] == PAUSE_MS * 1e6
    assert loaded["total_ns"] == loaded["count"] * PAUSE_MS * 1e6
    assert loaded["share_ratio"] == pytest.approx(PAUSE_MS / 500, rel=0.25)
    length_s = (last["end_unix_ns"] - first["start_unix_ns"]) / 1e9
    assert loaded["count"] >= 2 * length_s - 2
    assert all(w["pauses"]["count"] <= loaded["count"] for w in trial["windows"])


def test_the_table_has_them_or_says_why_not(shown: Shown) -> None:
    (scenario,) = shown.summary.scenarios
    assert [p.kind for p in scenario.panels][-1] == "pauses"
    rows = {row.target: row.figures for row in scenario.rows}
    assert rows["java-webflux"]["pause_longest_ns"].centre == PAUSE_MS * 1e6
    assert rows["rust-axum"]["pause_count"].missing == "has no collector"
    assert "longest pause (ms)" in to_markdown(shown.summary)
    assert "pauses,pause_longest_ns,ns,2500000.0" in to_csv(shown.document, shown.trials, "r")


def test_a_run_that_knows_of_none_has_no_table_of_them(tiny_run: RunFolder) -> None:
    (scenario,) = read(tiny_run).summary.scenarios
    assert not [p for p in scenario.panels if p.kind == "pauses"]


def test_the_picture_shows_the_longest_of_each_second(shown: Shown) -> None:
    seen = {t["case"]["target"]: course(shown.run.path, t) for t in shown.trials}
    java, rust = seen["java-webflux"], seen["rust-axum"]
    assert java and rust and java.pauses and rust.pauses is None
    assert {length_ns for _, length_ns in java.pauses} == {PAUSE_MS * 1e6}
    seconds = [int(at_s // 1) for at_s, _ in java.pauses]
    assert len(seconds) == len(set(seconds))
    assert java.warmup and java.warmup[1] <= 0.2 and java.warmup[0] < -15
    pictures = make_page(shown.run.path, shown.document, shown.trials, shown.summary).pictures
    (memory,) = (p for p in pictures if p.name.endswith("memory-over-time"))
    assert "java-webflux: longest pause 2.5 ms" in memory.text
    assert "rust-axum: longest" not in memory.text
