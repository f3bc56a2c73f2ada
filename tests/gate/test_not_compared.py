"""Targets that were not compared: one that head broke keeps a night from "no change", a missing toolchain does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from gate.made import METRICS, RULES, night, noise, pairs
from report.made import PLACEMENT, made_tools
from rich.console import Console

from harness.asked import NightAsked
from harness.catalogue import find_scenario, read_gate_file
from harness.drivers.process import ProcessDriver
from harness.gate.judge import look, night_word, not_compared, verdicts
from harness.gate.model import TargetNight
from harness.gate.session import GateOptions, run_gate
from harness.model import JsonObject, ProcessSpec, TargetSpec, Toolchain
from harness.progress import Progress

BROKEN = "sh -c 'exit 1' ended with 1\nand thirty lines of its log"
ABSENT = "no go here"


def target(folder: Path, build: str, toolchain: tuple[Toolchain, ...] = ()) -> TargetSpec:
    (folder / "small").mkdir(exist_ok=True)
    return TargetSpec(
        name="small",
        label="Small",
        language="sh",
        payload="raw",
        reload=None,
        folder=folder / "small",
        toolchain=toolchain,
        process=ProcessSpec(build=(("sh", "-c", build),), run=("true",)),
    )


def a_night(
    folder: Path, monkeypatch: pytest.MonkeyPatch, base: TargetSpec, head: TargetSpec, *, named: bool = False
) -> JsonObject:
    """Both sides built for real; nothing is measured where one of them fails."""
    monkeypatch.setattr("harness.gate.session.measure_noise", lambda *_: noise())
    options = GateOptions(
        file=read_gate_file(),
        scenario=find_scenario("gate"),
        base=night().base,
        head=night().head,
        base_targets=[base],
        head_targets=[head],
        budget_s=60.0,
        seed=7,
        probe_s=1.0,
        asked=NightAsked(config="/rules.yaml", targets=("small",) if named else ()),
        results=folder,
        workspace=folder,
    )
    tools = made_tools(
        placement=replace(PLACEMENT, harness_cpus=()), driver=ProcessDriver(folder / "builds"), boot_id=None
    )
    _, made = run_gate(options, tools, Progress(Console(quiet=True)))
    return made


@pytest.mark.parametrize(
    ("base", "head", "said"),
    [
        ("true", "exit 1", "head could not be built, base could: "),
        ("exit 1", "true", "base could not be built"),
    ],
)
def test_a_side_that_does_not_build_is_told_in_words_and_cannot_be_told(
    base: str, head: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = a_night(tmp_path, monkeypatch, target(tmp_path, base), target(tmp_path, head))
    assert (made["verdict"], made["exit_code"]) == ("cannot tell", 3)
    assert made["reasons"][0].startswith(f"small was not compared: {said}")
    assert "\n" not in made["reasons"][0]
    assert list(made["skipped"]) == ["small"]


@pytest.mark.parametrize("named", [True, False])
def test_a_toolchain_that_is_not_here_is_told_of_where_its_target_was_asked_for(
    named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = Toolchain(command="no-such-command", install="there is none")
    both = target(tmp_path, "true", (absent,))
    made = a_night(tmp_path, monkeypatch, both, both, named=named)
    assert any("small was asked for by name and not compared" in r for r in made["reasons"]) is named


@pytest.mark.parametrize(
    ("head", "base", "named", "word"),
    [
        ({"bun": BROKEN}, {}, False, "cannot tell"),
        ({}, {"bun": BROKEN}, False, "cannot tell"),
        ({"bun": ABSENT}, {"bun": ABSENT}, True, "cannot tell"),
        ({"bun": ABSENT}, {"bun": ABSENT}, False, "no change"),
    ],
)
def test_what_the_other_targets_came_to_does_not_hide_one_that_is_missing(
    head: dict[str, str], base: dict[str, str], named: bool, word: str
) -> None:
    level = RULES.levels[0]
    told = not_compared(head, base, named=named)
    quiet = verdicts(look([TargetNight("go", pairs(6))], METRICS, level), METRICS, RULES, level)
    assert night_word(quiet, told) == word
    assert bool(told) is (word == "cannot tell")


def test_a_regression_stays_one_beside_a_target_that_is_missing() -> None:
    level = RULES.levels[0]
    slow = {"cpu_ns_per_request": 0.2}
    alerted = look([TargetNight("go", pairs(6, slow))], METRICS, level)[0]
    judged = verdicts([replace(alerted, further=pairs(4, slow, seed=5))], METRICS, RULES, level)
    assert night_word(judged, not_compared({"bun": BROKEN}, {}, named=False)) == "regression"
