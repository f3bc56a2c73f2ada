"""What `harness bench` prints and how it ends, once it has measured: here the results are made up."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cli import make_app
from harness.cli.ending import guarded
from harness.errors import ExitCode
from harness.report.model import from_json
from harness.session import Outcome
from harness.store import RunFolder, read_json

Bench = Callable[..., int]


@pytest.fixture
def bench(own_copy: RunFolder, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Ends a bench whose run is the made-up one; gives its exit code."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)

    def ended(*options: str, code: ExitCode = ExitCode.DONE) -> int:
        outcome = Outcome(own_copy, code, ())
        monkeypatch.setattr("harness.compose.run_request", lambda *_: outcome)
        arguments = ["bench", "--out", str(own_copy.path.parent), *options]
        return guarded(lambda ending: make_app()(arguments, standalone_mode=False, obj=ending))

    return ended


def promise(run: RunFolder, **limits: float) -> None:
    """A service level for the P50 of every target at the common rate, in ms."""
    document = run.read_run()
    bounds = {"at_most": None, "at_least": None, **limits}
    document["scenarios"]["routing-4kb"]["promises"] = [
        {"metric": "response_p50_ms", "window": "rate-1000", **bounds}
    ]
    document.pop("schema")
    run.write_run(document)


def test_a_broken_promise_ends_with_1_only_where_it_is_enforced(bench: Bench, own_copy: RunFolder) -> None:
    promise(own_copy, at_most=0.001)
    assert bench() == 0
    assert bench("--enforce-slo") == 1
    outcome = read_json(own_copy.path.parent / "latest" / "outcome.json")
    assert outcome["exit_code"] == 1
    assert "go: P50 latency of rate-1000 was promised and not kept" in " ".join(outcome["reasons"])


def test_a_kept_promise_ends_with_0(bench: Bench, own_copy: RunFolder) -> None:
    promise(own_copy, at_most=10_000)
    assert bench("--enforce-slo") == 0


def test_what_is_worse_than_a_broken_promise_comes_first(bench: Bench, own_copy: RunFolder) -> None:
    promise(own_copy, at_most=0.001)
    assert bench("--enforce-slo", code=ExitCode.TOO_FEW_TRIALS) == 3


def test_json_is_all_that_standard_output_holds(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("--json", "--quiet") == 0
    summary = from_json(json.loads(capsys.readouterr().out))
    assert [s.name for s in summary.scenarios] == ["routing-4kb"]


def test_the_step_summary_gets_the_tables(
    bench: Bench, own_copy: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "step.md"
    page.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    assert bench("--quiet") == 0
    assert page.read_text(encoding="utf-8") == "before\n" + (own_copy.path / "summary.md").read_text("utf-8")
