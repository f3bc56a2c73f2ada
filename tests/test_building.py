"""What targets that cannot be built mean: for the others nothing, for the exit code something."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from harness.building import Prepared, of_the_skipped, prepare
from harness.cli import make_app
from harness.cli.ending import guarded
from harness.drivers.process import ProcessDriver
from harness.errors import BuildError, ExitCode, ToolchainMissing, UsageError
from harness.model import ProcessSpec, TargetSpec, Toolchain
from harness.progress import Progress
from harness.store import read_json

DONE, FEW, FAULT, USE = (
    ExitCode.DONE,
    ExitCode.TOO_FEW_TRIALS,
    ExitCode.INFRASTRUCTURE,
    ExitCode.USAGE,
)
NOWHERE = Toolchain(command="no-such-compiler", version=("--version",), install="nobody has it")


def a_target(folder: Path, name: str, process: ProcessSpec | None, *toolchain: Toolchain) -> TargetSpec:
    return TargetSpec(
        name=name,
        label=name,
        language="sh",
        payload="raw",
        reload=None,
        folder=folder,
        process=process,
        toolchain=toolchain,
    )


def test_only_a_missing_toolchain_is_no_fault(tmp_path: Path) -> None:
    runs = ProcessSpec(run=("true",))
    built = prepare(
        [
            a_target(tmp_path, "good", runs),
            a_target(tmp_path, "missing", runs, NOWHERE),
            a_target(tmp_path, "broken", ProcessSpec(build=(("false",),), run=("true",))),
            a_target(tmp_path, "manifest", None),
        ],
        ProcessDriver(tmp_path / "builds"),
        Progress(Console(file=io.StringIO())),
    )
    assert list(built.artifacts) == ["good"]
    assert list(built.skipped) == ["missing", "broken", "manifest"]
    assert built.faults == {"broken": FAULT, "manifest": USE}


@pytest.mark.parametrize(
    ("skipped", "faults", "named", "code"),
    [
        ([], {}, True, DONE),
        (["go"], {}, False, DONE),
        (["go"], {}, True, FEW),
        (["java+zgc"], {}, False, FEW),  # a variant is there only where it was asked for
        (["go"], {"go": FAULT}, False, FAULT),
        (["go", "java"], {"go": FAULT}, True, FAULT),
        (["go", "java"], {"go": FAULT, "java": USE}, False, USE),
    ],
)
def test_what_was_not_built_has_its_exit_code_and_reason(
    skipped: list[str], faults: dict[str, ExitCode], named: bool, code: ExitCode
) -> None:
    why = dict.fromkeys(skipped, "the build exited with code 1. The end of /log:\nline\nline")
    found, reasons = of_the_skipped(why, faults, named=named)
    assert found == code
    assert bool(reasons) is (code != DONE)
    assert all(r.endswith("The end of /log") for r in reasons)


@pytest.mark.parametrize(
    ("faults", "kind"),
    [({}, ToolchainMissing), ({"a": FAULT}, BuildError), ({"a": FAULT, "b": USE}, UsageError)],
)
def test_where_nothing_was_built_the_worst_reason_decides(
    faults: dict[str, ExitCode], kind: type[Exception]
) -> None:
    error = Prepared({}, {"a": "why", "b": "why not"}, faults).nothing()
    assert type(error) is kind
    assert "a: why\n  b: why not" in str(error)


@pytest.fixture
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.compose.BUILDS", tmp_path / "builds")


def verified(tmp_path: Path, *arguments: str) -> tuple[int, list[str]]:
    """The exit code and the reasons of `harness verify`."""
    argv = ["verify", "--driver", "process", "--out", str(tmp_path / "results"), *arguments]
    code = guarded(lambda e: make_app()(argv, standalone_mode=False, obj=e))
    return code, read_json(tmp_path / "results" / "latest" / "outcome.json")["reasons"]


@pytest.mark.usefixtures("_elsewhere")
def test_a_build_that_fails_fails_the_verification(tmp_path: Path) -> None:
    manifest = {
        "schema": 1,
        "name": "mine",
        "label": "Mine",
        "language": "sh",
        "contract": 1,
        "payload": "tree",
        "process": {"build": [["false"]], "run": ["true"]},
    }
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "target.yaml").write_text(json.dumps(manifest))
    code, reasons = verified(tmp_path, "--target", str(folder))
    assert code == FAULT
    assert "mine could not be built: the build command `false` exited with code 1" in reasons[0]


@pytest.mark.usefixtures("_elsewhere")
def test_a_verification_of_nothing_is_not_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only = a_target(tmp_path, "missing", ProcessSpec(run=("true",)), NOWHERE)
    monkeypatch.setattr("harness.cli.check.targets_named", lambda names, variants: [only])
    assert verified(tmp_path) == (FEW, ["no target was verified"])
