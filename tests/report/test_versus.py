"""Runs against runs: an injected slowdown is seen, identical ones are not told apart, unlike ones are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from report.made import FOUR, Making
from rich.console import Console

from harness.errors import UsageError
from harness.report.outputs import compare, render_versus
from harness.report.versus_text import around_text, counts_text, sources_text
from harness.report.wording import effect_text
from harness.store import RunFolder

Make = Callable[[Making], RunFolder]
BASE = Making(
    targets={"go": FOUR["go"], "rust-axum": FOUR["rust-axum"]},
    scenarios=("routing-only",),
    scale=0.25,
    run_id="base",
)


@pytest.fixture(scope="module")
def base(making: Make) -> RunFolder:
    return making(BASE)


def verdicts(runs: list[RunFolder], metric: str) -> dict[str, str]:
    effects = [e for e in compare(runs).effects if e.column.metric == metric]
    return {e.target: e.comparison.verdict if e.comparison else "none" for e in effects}


def test_a_slowdown_by_a_fifth_is_seen_in_throughput_and_cpu(base: RunFolder, making: Make) -> None:
    slower = making(replace(BASE, seed=8, speed=0.8, run_id="slower"))
    assert verdicts([base, slower], "throughput_rps") == {"go": "slower", "rust-axum": "slower"}
    assert verdicts([base, slower], "cpu_ns_per_request") == {"go": "slower", "rust-axum": "slower"}
    assert verdicts([slower, base], "throughput_rps") == {"go": "faster", "rust-axum": "faster"}


def test_identical_services_are_not_told_apart(base: RunFolder, making: Make) -> None:
    again = making(replace(BASE, seed=9, run_id="again"))
    found = {e.comparison.verdict for e in compare([base, again]).effects if e.comparison}
    assert found <= {"same", "cannot tell"}


def test_without_a_blind_twin_no_difference_is_called_one(making: Make) -> None:
    """Cold starts have none: half as fast, and yet nothing tells how much of that is the noise of two runs."""
    cold = Making(targets=BASE.targets, scenarios=("cold-start",), run_id="cold-a")
    slow = {name: replace(b, ready_ms=2 * b.ready_ms) for name, b in BASE.targets.items()}
    found = compare([making(cold), making(replace(cold, targets=slow, seed=8, run_id="cold-b"))])
    assert found.effects
    for effect in found.effects:
        assert effect.comparison is not None and effect.comparison.verdict == "cannot tell"
        assert "cannot tell: no blind twin" in effect_text(effect)


def test_digits_of_a_boundless_interval_are_not_shown(base: RunFolder, making: Make) -> None:
    found = compare([base, making(replace(BASE, seed=9, run_id="wide"))])
    effect = next(e for e in found.effects if e.comparison)
    assert effect.comparison is not None
    wide = replace(effect, comparison=replace(effect.comparison, low=1e-4, high=284_132.0))
    assert "(under -90 to over +900 %)" in effect_text(wide)
    narrow = replace(effect, comparison=replace(effect.comparison, low=0.98, high=9.5))
    assert "(-2.0 to +850.0 %)" in effect_text(narrow)


def test_what_the_runs_have_in_common_is_said_as_it_is(base: RunFolder, making: Make) -> None:
    again = compare([base, making(replace(BASE, seed=9, run_id="same-sources"))])
    assert around_text(again) == (
        "One and the same revision; every service is the same build; measured by the same code. "
        "Machine, toolchains, driver, engine, placement and scenarios are the same. "
        "So a difference is noise, or what the machine did meanwhile."
    )
    other = making(replace(BASE, revision="f" * 40, run_id="other-sources"))
    document = other.read_run()
    document.pop("schema")
    document["targets"]["go"]["content_hash"] = "another"
    other.write_run(document)
    text = around_text(compare([base, other]))
    assert text.startswith("Different revisions; the same build of rust-axum, another of go; measured by")
    assert "noise" not in text
    dirty = replace(again.sources, revision=None, same=(), harness=None)
    assert sources_text(dirty).startswith("Revisions unknown, or with changes that are not in them; whether")


def test_one_figure_and_many_are_counted(base: RunFolder, making: Make) -> None:
    found = compare([base, making(replace(BASE, seed=9, run_id="counted"))])
    unknown = [replace(e, comparison=None) for e in found.effects]
    assert counts_text(replace(found, effects=tuple(unknown[:1]))) == "Nothing can be told of the one figure."
    assert "any of the 2 figures" in counts_text(replace(found, effects=tuple(unknown[:2])))


def test_other_machines_are_refused_unless_forced(base: RunFolder, making: Make) -> None:
    other = making(replace(BASE, cpu_model="Other CPU", run_id="other"))
    with pytest.raises(UsageError, match=r"cpu_model: Example CPU against Other CPU[\s\S]*--force"):
        compare([base, other])
    forced = compare([base, other], force=True)
    assert forced.forced
    text = render_versus(forced, "md", Console())
    assert text is not None and "compared by force" in text


def test_another_scenario_under_the_same_name_is_refused(base: RunFolder, making: Make) -> None:
    changed = making(replace(BASE, scale=0.3, run_id="changed"))
    with pytest.raises(UsageError, match="scenario routing-only: as it was against other windows"):
        compare([base, changed])


def test_runs_with_nothing_in_common_and_single_runs_are_refused(base: RunFolder, making: Make) -> None:
    other = making(replace(BASE, scenarios=("cold-start",), run_id="cold"))
    with pytest.raises(UsageError, match="no scenario and target in common"):
        compare([base, other])
    with pytest.raises(UsageError, match="two runs"):
        compare([base])


def test_a_row_that_is_not_valid_has_no_verdict_but_its_reason(base: RunFolder, making: Make) -> None:
    targets = {**BASE.targets, "go": replace(FOUR["go"], late_ratio=0.01)}
    late = making(replace(BASE, targets=targets, run_id="late"))
    found = [e for e in compare([base, late]).effects if e.target == "go"]
    assert found
    assert {(e.comparison, e.note) for e in found} == {(None, "the other run's row is not valid")}


def test_the_table_fits_100_columns(
    base: RunFolder, making: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    console = Console(width=120, soft_wrap=True)
    again = making(replace(BASE, seed=9, run_id="once-more"))
    assert render_versus(compare([base, again]), "table", console) is None
    lines = capsys.readouterr().out.splitlines()
    assert any(" of " in line for line in lines)
    assert max(map(len, lines)) <= 100
