"""Whether a session adds a round: intervals, and what the budget allows for."""

import errno
import os
from pathlib import Path
from typing import Any, cast

import pytest
from report.made import made_tools
from rich.console import Console

from harness.asked import Asked
from harness.bench_setup import BenchOptions
from harness.errors import ExitCode
from harness.journal import Journal
from harness.plan import Plan, PlanOptions
from harness.progress import Progress
from harness.session import _another_round, _measure_all, _outcome
from harness.sitting import Sitting, begin
from harness.store import RunFolder, write_json


def a_run(folder: Path, throughputs_rps: list[float]) -> RunFolder:
    run = RunFolder.create(folder, "run")
    for number, rps in enumerate(throughputs_rps, start=1):
        with run.new_trial("s/a", number) as trial:
            windows = [{"name": "peak", "mode": "closed", "throughput_rps": rps}]
            record: dict[str, Any] = {"case": {"id": "s/a"}, "status": "valid", "windows": windows}
            write_json(trial / "trial.json", {"schema": 1, **record})
    return run


@pytest.mark.parametrize(
    ("throughputs_rps", "used_s", "another", "reached", "noted"),
    [
        ([100.0, 100.1, 99.9], 30.0, False, True, False),
        ([100.0, 130.0, 80.0], 30.0, True, False, False),
        ([100.0, 130.0, 80.0], 80.0, False, False, True),  # a fourth would end at 107 s
        ([], 30.0, False, False, False),
    ],
)
def test_a_round_is_added_while_it_is_wanted_and_affordable(
    tmp_path: Path, throughputs_rps: list[float], used_s: float, another: bool, reached: bool, noted: bool
) -> None:
    plan = Plan((), rounds=3, scale=1.0, seed=1)
    wanted = PlanOptions(until_tight=True, budget_s=100.0)
    options = BenchOptions((), (), False, wanted, tmp_path, tmp_path, Asked())
    document: dict[str, Any] = {"notes": []}
    run = a_run(tmp_path, throughputs_rps)
    sitting = Sitting(run, document, Journal.of(run), earlier_s=used_s)
    assert _another_round(options, plan, sitting) is another
    assert (document["tightness"]["rounds"], document["tightness"]["reached"]) == (3, reached)
    assert bool(document["notes"]) is noted


@pytest.mark.parametrize(
    ("skipped", "faults", "named", "interrupted", "code"),
    [
        ([], {}, False, False, ExitCode.DONE),
        (["go"], {}, False, False, ExitCode.DONE),  # its toolchain is not here
        (["go"], {}, True, False, ExitCode.TOO_FEW_TRIALS),
        (["go+fast"], {}, False, False, ExitCode.TOO_FEW_TRIALS),
        (["go"], {"go": 4}, False, False, ExitCode.INFRASTRUCTURE),
        (["go"], {"go": 4}, False, True, ExitCode.INTERRUPTED),
    ],
)
def test_a_target_that_could_not_be_built_decides_how_a_bench_ends(
    tmp_path: Path, skipped: list[str], faults: dict[str, int], named: bool, interrupted: bool, code: ExitCode
) -> None:
    options = BenchOptions((), (), named, PlanOptions(), tmp_path, tmp_path, Asked())
    document = {"skipped": dict.fromkeys(skipped, "why"), "build_faults": faults}
    run, plan = a_run(tmp_path, []), Plan((), rounds=1, scale=1.0, seed=1)
    assert _outcome(options, run, plan, document, interrupted=interrupted).code == code


def test_whatever_breaks_a_run_off_is_noted_in_it(tmp_path: Path) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/somewhere")

    run = a_run(tmp_path / "results", [])
    sitting = begin(run, {"status": "running", "notes": []}, "boot")
    options = BenchOptions((), (), False, PlanOptions(), tmp_path, tmp_path / "work", Asked())
    plan, tools = Plan((), rounds=1, scale=1.0, seed=1), made_tools(calibrate=full, generator=full)
    with pytest.raises(OSError, match="No space left"), Progress(Console(quiet=True)) as progress:
        _measure_all(options, tools, plan, {}, cast(Any, None), sitting, progress)
    told = run.read_run()
    assert told["status"] == "broken off"
    assert "No space left" in told["notes"][-1]
