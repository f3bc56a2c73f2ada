"""Rows: which trials count, what is missing and why, what may be called best."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from harness.catalogue import ROOT
from harness.report.glance import deciding
from harness.report.model import (
    Figure,
    PromiseKept,
    Row,
    ScenarioSummary,
    Summary,
    from_json,
    json_schema,
    to_json,
)
from harness.report.outputs import read
from harness.report.promises import kept_promises
from harness.report.rows import choose_trials
from harness.report.summary import QUICK_STAMP, summarise
from harness.report.wording import cautions, promise_text, ruler_text
from harness.stats.interval import estimate
from harness.store import RunFolder

Loaded = tuple[dict[str, Any], list[dict[str, Any]]]
PEAK = "peak/throughput_rps"
CAPACITY = "capacity/capacity_rps"
SCHEMA = ROOT / "harness" / "report" / "summary.schema.json"


@pytest.fixture
def loaded(small_run: RunFolder) -> Loaded:
    """run.json and the trials, free to be changed."""
    return copy.deepcopy((small_run.read_run(), small_run.trials()))


def scenario(summary: Summary, name: str = "routing-4kb") -> ScenarioSummary:
    return next(s for s in summary.scenarios if s.name == name)


def row(summary: Summary, target: str, name: str = "routing-4kb", *, twin: bool = False) -> Row:
    return next(r for r in scenario(summary, name).rows if r.target == target and r.twin == twin)


def trials_of(trials: list[dict[str, Any]], target: str) -> list[dict[str, Any]]:
    return [t for t in trials if t["case"]["id"] == f"routing-4kb/{target}"]


def test_a_figure_is_the_estimate_over_its_trials(small: Summary, loaded: Loaded) -> None:
    measured = [
        next(w for w in t["windows"] if w["name"] == "peak")["throughput_rps"]
        for t in trials_of(loaded[1], "go")
    ]
    expected, figure = estimate(measured), row(small, "go").figures[PEAK]
    assert (figure.centre, figure.low, figure.high) == (expected.centre, expected.low, expected.high)
    assert list(figure.trials) == measured


def test_windows_of_a_locust_file_are_not_called_by_their_rate(loaded: Loaded) -> None:
    run, trials = loaded
    run["asked"] = {"locustfile": "/somewhere/users.py"}
    panel = next(p for p in scenario(summarise(run, trials, "x")).panels if p.kind == "open")
    assert panel.title == f"{panel.name}: {panel.connections} users of users.py"
    assert panel.rate_rps is None
    assert "arrive whether or not" not in panel.note


def test_two_of_three_valid_trials_make_a_row_and_only_they_count(loaded: Loaded) -> None:
    run, trials = loaded
    spoilt = trials_of(trials, "go")[0]
    spoilt |= {"status": "invalid", "reasons": ["peak: stolen"]}
    found = row(summarise(run, trials, "x"), "go")
    assert found.valid
    assert len(found.figures[PEAK].trials) == 2
    assert any("1 of 3 trials not valid" in note for note in found.notes)


def test_one_trial_with_a_reason_in_several_windows_is_one_trial(loaded: Loaded) -> None:
    run, trials = loaded
    several = ["rate-500: 3 late", "rate-900: 4 late", "peak: stolen"]
    for spoilt, reasons in zip(
        trials_of(trials, "go"), (several, ["rate-900: 5 late"], ["gone"]), strict=True
    ):
        spoilt |= {"status": "invalid", "reasons": reasons}
    found = row(summarise(run, trials, "x"), "go")
    assert found.reasons == ("rate-500: 3 late (2 trials)", "peak: stolen", "gone")


def test_one_of_three_valid_trials_is_too_few(loaded: Loaded) -> None:
    run, trials = loaded
    for spoilt in trials_of(trials, "go")[:2]:
        spoilt |= {"status": "invalid", "reasons": ["peak: stolen"]}
    found = row(summarise(run, trials, "x"), "go")
    assert not found.valid
    assert found.reasons == ("peak: stolen (2 trials)",)
    assert len(found.figures[PEAK].trials) == 3, "shown all the same, for orientation"


def test_too_few_trials_are_counted(loaded: Loaded) -> None:
    run, trials = loaded
    found = row(summarise(run, [t for t in trials if t["round"] == 1], "x"), "go")
    assert found.reasons == ("1 trial was run, 2 are needed",)


def test_the_second_attempt_replaces_an_invalid_first(loaded: Loaded) -> None:
    run, trials = loaded
    first = trials_of(trials, "go")[0]
    again = {**copy.deepcopy(first), "attempt": 2}
    first |= {"status": "invalid", "reasons": ["late"]}
    again["windows"][0]["throughput_rps"] = 1.0
    chosen = choose_trials({"id": "routing-4kb/go"}, [again, *trials_of(trials, "go")], run["rounds"])
    assert [t["status"] for t in chosen.trials] == ["valid"] * 3
    assert chosen.trials[0]["attempt"] == 2


def test_a_valid_first_attempt_is_not_replaced_by_a_failed_second(loaded: Loaded) -> None:
    run, trials = loaded
    failed = {**trials_of(trials, "go")[0], "attempt": 2, "status": "failed", "reasons": ["died"]}
    chosen = choose_trials({"id": "routing-4kb/go"}, [*trials_of(trials, "go"), failed], run["rounds"])
    assert [t["status"] for t in chosen.trials] == ["valid"] * 3


def test_invalid_and_failed_rows_say_why_and_are_never_best_nor_compared(small: Summary) -> None:
    late, wrong = row(small, "slow-start"), row(small, "wrong")
    assert not late.valid and any("over 1 ms late" in reason for reason in late.reasons)
    assert not wrong.valid and "does not keep the contract" in wrong.reasons[0]
    assert all(f.centre is None and f.missing for f in wrong.figures.values())
    compared = {c.row for c in scenario(small).comparisons} | {c.best for c in scenario(small).comparisons}
    assert compared == {"routing-4kb/go", "routing-4kb/rust-axum"}
    assert not any(f.best for r in (late, wrong) for f in r.figures.values())


def test_the_best_is_marked_where_trials_tell_the_rows_apart(small: Summary) -> None:
    assert row(small, "rust-axum").figures[PEAK].best
    assert not row(small, "go").figures[PEAK].best


def test_no_best_where_trials_overlap(loaded: Loaded) -> None:
    run, trials = loaded
    for number, trial in enumerate(trials_of(trials, "go")):
        other = trials_of(trials, "rust-axum")[number]
        for window in (w for t in (trial, other) for w in t["windows"] if w["name"] == "peak"):
            window["throughput_rps"] = 5_000.0 + 300 * number
        trial["windows"][0]["throughput_rps"] += 20 * (-1) ** number
    summary = summarise(run, trials, "x")
    assert not any(r.figures[PEAK].best for r in scenario(summary).rows)
    assert {c.verdict for c in scenario(summary).comparisons if c.column == PEAK} <= {"cannot tell", "same"}


def test_a_difference_within_the_twins_is_none(loaded: Loaded) -> None:
    run, trials = loaded
    original = next(c["target"] for c in run["cases"] if c["twin"])
    for trial in trials:
        if trial["case"]["twin"] and trial["case"]["scenario"] == "routing-4kb":
            next(w for w in trial["windows"] if w["name"] == "peak")["throughput_rps"] *= 3
    summary = summarise(run, trials, "x")
    assert row(summary, original, twin=True).twin
    assert scenario(summary).ruler_ratio[PEAK] == pytest.approx(2.0, rel=0.1)
    assert {c.verdict for c in scenario(summary).comparisons if c.column == PEAK} == {"same"}
    assert not any(r.figures[PEAK].best for r in scenario(summary).rows)


def test_a_generator_bound_peak_is_at_least_and_not_ranked(loaded: Loaded) -> None:
    run, trials = loaded
    for trial in trials_of(trials, "rust-axum"):
        next(w for w in trial["windows"] if w["name"] == "peak")["peak"]["ok"] = False
    summary = summarise(run, trials, "x")
    found = row(summary, "rust-axum")
    assert found.figures[PEAK].at_least
    assert any("generator-bound" in note for note in found.notes)
    assert not [c for c in scenario(summary).comparisons if c.column == PEAK]


@pytest.mark.parametrize(("tries", "told"), [(1, "1 window offered again"), (2, "2 windows offered again")])
def test_windows_that_were_disturbed_are_told_of(loaded: Loaded, tries: int, told: str) -> None:
    run, trials = loaded
    for trial in trials_of(trials, "rust-axum")[:tries]:
        next(w for w in trial["windows"] if w["name"] == "peak")["disturbed"] = [{"folder": "windows/peak"}]
    summary = summarise(run, trials, "x")
    assert any(told in note for note in row(summary, "rust-axum").notes)
    assert not any("offered again" in note for note in row(summary, "go").notes)


def test_beside_a_lower_bound_nothing_is_best(loaded: Loaded) -> None:
    """What is at least so much may be more than the best that is known."""
    run, trials = loaded
    for trial in trials_of(trials, "slow-start"):
        trial |= {"status": "valid", "reasons": []}
        next(w for w in trial["windows"] if w["name"] == "peak")["peak"]["ok"] = False
    found = scenario(summarise(run, trials, "x"))
    assert {c.verdict for c in found.comparisons if c.column == PEAK} == {"slower"}
    assert not any(r.figures[PEAK].best for r in found.rows)


def test_latencies_of_closed_windows_are_never_ranked(small: Summary) -> None:
    closed = [c for c in scenario(small).columns.values() if c.window == "peak"]
    assert [c.metric for c in closed if c.ranked] == ["throughput_rps"]


def test_closed_and_open_windows_never_share_a_panel(small: Summary) -> None:
    for one in small.scenarios:
        for panel in one.panels:
            assert len({one.columns[key].window for key in panel.columns}) == 1


def test_near_its_capacity_a_targets_latency_is_not_ranked(loaded: Loaded) -> None:
    run, trials = loaded
    for trial in trials_of(trials, "go"):
        next(w for w in trial["windows"] if w["mode"] == "capacity")["capacity_rps"] = 1_100.0
    summary = summarise(run, trials, "x")
    ranked = {c.row for c in scenario(summary).comparisons if c.column == "rate-1000/p99_ns"}
    assert not ranked, "1,000/s is over 80 % of 1,100/s, so nothing is left to compare"
    assert "rate-1000: over 80 % of its capacity, so shown and not ranked" in row(summary, "go").notes
    assert not any("of its capacity" in note for note in row(summary, "rust-axum").notes)


def test_a_capacity_that_is_a_lower_bound_says_what_ended_the_search(loaded: Loaded) -> None:
    run, trials = loaded
    window = next(w for w in trials_of(trials, "go")[0]["windows"] if w["mode"] == "capacity")
    window["bound"] = "at least"
    next(f for f in window["findings"] if f["name"] == "capacity")["text"] = (
        "90/s held, 95/s could not be judged"
    )
    found = row(summarise(run, trials, "x"), "go")
    assert found.figures[CAPACITY].at_least
    (note,) = [n for n in found.notes if n.startswith("capacity: at least so much")]
    assert note.endswith("trials 90/s held, 95/s could not be judged")


def test_where_the_twin_has_no_valid_row_nothing_is_called_a_difference(loaded: Loaded) -> None:
    run, trials = loaded
    assert any(r.figures[PEAK].best for r in scenario(summarise(run, trials, "x")).rows)
    for trial in trials:
        if trial["case"]["twin"]:
            trial |= {"status": "invalid", "reasons": ["steal"]}
    found = scenario(summarise(run, trials, "x"))
    assert {c.verdict for c in found.comparisons} <= {"cannot tell", "same"}
    assert not any(f.best for r in found.rows for f in r.figures.values())
    assert "the blind twin has no valid row" in (ruler_text(found) or "")


@pytest.mark.parametrize(
    ("limit", "met"),
    [
        ({"at_least": 50.0}, True),
        ({"at_least": 1e6}, None),
        ({"at_most": 1e6}, None),
        ({"at_most": 50.0}, False),
    ],
)
def test_a_lower_bound_keeps_or_breaks_only_what_it_can(
    small: Summary, limit: dict[str, float], met: bool | None
) -> None:
    found = row(small, "go")
    figure = replace(found.figures[CAPACITY], centre=100.0, at_least=True)
    bounded = replace(found, figures={**found.figures, CAPACITY: figure})
    promise = {"metric": "capacity_rps", "window": "capacity", "at_most": None, "at_least": None, **limit}
    (kept,) = kept_promises({"kind": "load", "promises": [promise]}, [bounded])
    assert kept.met is met
    assert (kept.missing is None) is (met is not None)


@pytest.mark.parametrize(
    ("measured", "at_most", "met", "text"),
    [(10.04, 10.0, False, "10.04 ms"), (9.2, 10.0, True, "9.20 ms"), (10.0004, 10.0, False, "10.0004 ms")],
)
def test_a_promise_that_was_broken_by_a_hair_shows_the_hair(
    measured: float, at_most: float, met: bool, text: str
) -> None:
    kept = PromiseKept(
        item="P99",
        row="r",
        measured=measured,
        display="ms",
        at_most=at_most,
        at_least=None,
        met=met,
        missing=None,
    )
    assert promise_text(kept) == (text, "≤ 10 ms", "yes" if met else "no")


def test_what_is_missing_is_none_with_its_reason_never_0(small: Summary) -> None:
    figures = [f for s in small.scenarios for r in s.rows for f in r.figures.values()]
    assert any(f.missing for f in figures)
    for figure in figures:
        assert (figure.centre is None) == (figure.missing is not None)


def test_a_quick_run_is_stamped(loaded: Loaded) -> None:
    run, trials = loaded
    assert summarise(run, trials, "x").stamp is None
    assert summarise({**run, "quick": True}, trials, "x").stamp == QUICK_STAMP


def test_an_interrupted_run_without_trials_has_rows_that_say_so(loaded: Loaded) -> None:
    run, _ = loaded
    summary = summarise({**run, "status": "interrupted"}, [], "x")
    assert {r.reasons for s in summary.scenarios for r in s.rows} == {("no trial was run",)}
    assert any("interrupted" in text for text in cautions(summary))


def test_one_trial_has_no_interval(loaded: Loaded) -> None:
    run, trials = loaded
    summary = summarise({**run, "rounds": 1}, [t for t in trials if t["round"] == 1], "x")
    figure: Figure = row(summary, "go").figures[PEAK]
    assert figure.centre is not None and figure.low is None and figure.high is None
    assert {c.verdict for c in scenario(summary).comparisons} == {"cannot tell"}


def test_a_summary_survives_its_json(small: Summary) -> None:
    assert from_json(json.loads(json.dumps(to_json(small)))) == small


def test_the_published_schema_is_that_of_the_model(small: Summary) -> None:
    published = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert published == json_schema(), "python -m harness.report.model > harness/report/summary.schema.json"
    jsonschema.validate(to_json(small), published)


def test_promises_are_judged_for_each_target(small: Summary) -> None:
    kept = {p.row: p for p in scenario(small, "million-a-day").promises}
    assert set(kept) == {f"million-a-day/{t}" for t in ("go", "rust-axum", "slow-start", "wrong")}
    assert kept["million-a-day/wrong"].met is None and kept["million-a-day/wrong"].missing


def test_reading_a_run_gives_the_same_summary_again(small_run: RunFolder, small: Summary) -> None:
    assert read(small_run).summary == small


def test_every_kind_of_scenario_has_figures_that_decide(small_run: RunFolder) -> None:
    summary = read(small_run).summary
    decide = {s.name: [c for _, c in deciding(s)] for s in summary.scenarios}
    assert all(columns for columns in decide.values()), decide
    assert [c.metric for c in decide["memory"]][:2] == ["idle_rss_bytes", "rss_bytes_at_64"]
    for each in summary.scenarios:
        held = [
            c.metric for c in decide[each.name] if any(r.figures[c.key].centre is not None for r in each.rows)
        ]
        assert held, each.name
