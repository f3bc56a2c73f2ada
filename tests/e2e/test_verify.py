"""Conformance of every target for real, and that a service which differs is found out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rig import Harness

from harness.catalogue import all_targets

Start = Callable[..., Harness]


@pytest.mark.parametrize("target", [t.name for t in all_targets()])
def test_a_target_keeps_the_contract(start: Start, target: str) -> None:
    harness = start("verify", "--driver", "process", "--target", target)
    code = harness.exit_code()
    if code == 3:
        pytest.skip(harness.output)
    assert code == 0, harness.output
    assert "keeps the contract" in harness.output


def test_a_case_that_no_target_fulfils_is_shown_with_expected_and_got(start: Start, tmp_path: Path) -> None:
    cases = tmp_path / "cases.yaml"
    cases.write_text(
        "schema: 1\ncases:\n"
        "  - {name: mine/teapot, settings: [es256], request: {expect: {status: 418}}}\n"
        "  - {name: mine/plain, settings: [es256], request: {}}\n",
        encoding="utf-8",
    )
    harness = start("verify", "--driver", "process", "--target", "go", "--cases", str(cases))
    assert harness.exit_code() == 1
    assert "mine/teapot [es256]: expected status 418, got status 200" in harness.output
    assert "mine/plain" not in harness.output
