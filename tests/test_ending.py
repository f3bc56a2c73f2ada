"""How a command ends: one message and an exit code, whatever that message has in it."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harness.catalogue import ROOT
from harness.cli import make_app
from harness.cli.ending import Ending, finish, guarded
from harness.errors import ExitCode, UsageError
from harness.store import read_json

ODD = "cannot read [/x] of [bold]that[es256] \\[/y]"
"""What Rich would take for markup, and partly for a mistake in it."""


def fail(error: Exception) -> int:
    def command(_: Ending) -> object:
        raise error

    return guarded(command)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(Ending.__init__, "__defaults__", (tmp_path,))


@pytest.mark.parametrize(
    ("error", "code"),
    [(UsageError(ODD), ExitCode.USAGE), (ValueError(ODD), ExitCode.INFRASTRUCTURE)],
)
def test_brackets_in_a_message_are_shown_as_they_are(
    error: Exception, code: ExitCode, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fail(error) == code
    assert ODD in capsys.readouterr().err


def test_brackets_in_a_reason_are_shown_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = guarded(lambda _: finish("verify", tmp_path, ExitCode.BROKEN_PROMISE, (ODD,)))
    assert code == ExitCode.BROKEN_PROMISE
    assert f"✗ {ODD}" in capsys.readouterr().err
    assert read_json(tmp_path / "latest" / "outcome.json")["reasons"] == [ODD]


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some space"),
        (errno.EROFS, "may be written"),
    ],
)
def test_a_disk_that_takes_nothing_is_no_fault_of_the_harness(
    number: int, advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fail(OSError(number, os.strerror(number), "/x/y.log")) == ExitCode.INFRASTRUCTURE
    told = capsys.readouterr().err
    assert f"cannot write /x/y.log: {os.strerror(number)}; " in told and advice in told
    assert "fault of the harness" not in told


def test_a_full_disk_is_told_of_though_writing_names_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    def command(_: Ending) -> object:
        return Path("/dev/full").write_text("x", encoding="utf-8")

    assert guarded(command) == ExitCode.INFRASTRUCTURE
    assert capsys.readouterr().err.startswith("cannot write: No space left on device; free some space")


def test_other_trouble_with_files_stays_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail(FileNotFoundError(errno.ENOENT, "No such file", "x")) == ExitCode.INFRASTRUCTURE
    assert "fault of the harness" in capsys.readouterr().err


@pytest.mark.parametrize("error", [UsageError("wrong"), KeyboardInterrupt(), ValueError("ours")])
def test_an_outcome_that_cannot_be_written_changes_no_ending(
    error: BaseException, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in `--out FILE`, or where the folder is read-only; nor can details of a fault be kept there."""
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setattr("sys.argv", ["harness", "verify"])
    monkeypatch.setattr("tempfile.tempdir", str(file))

    def command(ending: Ending) -> object:
        ending.results = file
        raise error

    code = guarded(command)
    assert code in (ExitCode.USAGE, ExitCode.INTERRUPTED, ExitCode.INFRASTRUCTURE)
    told = capsys.readouterr().err
    assert f"cannot create {file / 'latest'}" in told.replace("\n", "")
    assert ("Traceback" in told) == isinstance(error, ValueError)


@pytest.mark.parametrize(("command", "made"), [("bench", True), ("report", False), ("audit", False)])
def test_a_command_that_only_looks_makes_no_folder_of_results(
    command: str, made: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["harness", command])
    monkeypatch.setattr(Ending.__init__, "__defaults__", (tmp_path / "results",))
    assert fail(UsageError("wrong")) == ExitCode.USAGE
    assert (tmp_path / "results").exists() == made


def test_contradictions_in_a_table_are_an_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "table.csv"
    table.write_text("target,rps,P50 (ms),P99 (ms)\na,1000,12,3\n")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    code = guarded(lambda e: make_app()(["audit", str(table)], standalone_mode=False, obj=e))
    assert code == ExitCode.BROKEN_PROMISE
    outcome = read_json(tmp_path / "results" / "latest" / "outcome.json")
    assert outcome["command"] == "audit" and "table.csv" in outcome["reasons"][0]


def test_brackets_in_a_path_are_shown_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "k[" / "b]"
    code = guarded(lambda e: make_app()(["kit", "--out", str(folder)], standalone_mode=False, obj=e))
    assert code == ExitCode.DONE
    assert f"written to {folder}" in capsys.readouterr().out.replace("\n", "")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [(["--rounds", "0"], "--rounds"), (["--budget", "10x"], "10x"), (["--bogus"], "--bogus")],
)
def test_wrong_options_are_an_outcome_too(
    wrong: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["bench", "--out", str(tmp_path), *wrong]
    code = guarded(lambda e: make_app()(arguments, standalone_mode=False, obj=e))
    assert code == ExitCode.USAGE
    assert told in capsys.readouterr().err
    outcome = read_json(tmp_path / "latest" / "outcome.json")
    assert outcome["exit_code"] == ExitCode.USAGE and told in outcome["reasons"][0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_interrupted_before_it_has_a_run_says_so(
    tmp_path: Path, number: signal.Signals
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        cases = str(ROOT / "contract" / "cases" / "routing.yaml")
        argv = [
            sys.executable,
            "-m",
            "harness",
            "verify",
            "--url",
            url,
            "--cases",
            cases,
            "--out",
            str(tmp_path),
        ]
        with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as process:
            silent.settimeout(60)
            connection, _ = silent.accept()  # it waits for an answer that does not come
            process.send_signal(number)
            _, said = process.communicate(timeout=60)
            connection.close()
    assert process.returncode == ExitCode.INTERRUPTED
    assert said.splitlines()[-1] == "interrupted"
    assert read_json(tmp_path / "latest" / "outcome.json")["exit_code"] == ExitCode.INTERRUPTED


@pytest.mark.parametrize(
    "arguments",
    [["targets"], ["audit", "contract/published.yaml"], ["report", "docs/sample-report", "--format", "md"]],
)
def test_a_reader_that_has_seen_enough_is_no_broken_promise(arguments: list[str]) -> None:
    """As `| head -1` is, which goes before all is written."""
    with subprocess.Popen(
        [sys.executable, "-m", "harness", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        complaints = process.stderr.read().decode()
        assert process.wait() == ExitCode.DONE, complaints
    assert "Broken" not in complaints
