"""How a command ends: an exit code, at most one message, and `outcome.json` for those who see only make's code."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import typer
from rich.console import Console
from rich.text import Text

from harness import __version__
from harness.cli.options import RESULTS
from harness.errors import ExitCode, HarnessError
from harness.store import refused_by_disk, write_atomically, write_outcome


def _nobody_reads(stream: IO[str]) -> None:
    """A reader that has seen enough (`| head`) ends no command and is no broken promise: the rest goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


class _Console(Console):
    """Rich would end the command with exit code 1 when its reader goes away."""

    def on_broken_pipe(self) -> None:
        _nobody_reads(self.file)


out = _Console(soft_wrap=True, width=None if sys.stdout.isatty() else 100)
err = _Console(stderr=True, soft_wrap=True)

_WrongUse: Any = typer.BadParameter.__mro__[2]
"""The root of typer's errors of use (ClickException), which it does not export by name."""


REPORT_DEADLINE_S = 900.0
_WITH_RESULTS = ("bench", "verify", "gate", "selftest")
"""Commands whose outcome makes a folder of results where there is none; that of others goes only where one is."""


@dataclass
class Ending:
    """Where `outcome.json` of the command under way goes; a command that has `--out` says so as it begins."""

    results: Path = RESULTS


def say(text: str) -> None:
    """A line of result, as it stands: square brackets in it are no markup."""
    out.print(text, markup=False, highlight=False)


def warn(text: str) -> None:
    """What its reader should know, though it is no failure."""
    err.print(Text.assemble(("!", "yellow"), f" {text}"))


def blame(text: str) -> None:
    """What went wrong."""
    err.print(Text.assemble(("✗", "red"), f" {text}".replace("\n", "\n  ")))


def put_outcome_in(ctx: typer.Context, results: Path) -> None:
    """From now on the command's outcome, a failure too, goes to the newest run of this folder."""
    ending = ctx.find_object(Ending)
    if ending is not None:
        ending.results = results


def give(text: str | None, output: Path | None) -> None:
    """To a file or standard output; None was printed already. Raises StoreError."""
    if text is None:
        return
    if output:
        write_atomically(output, text)
        err.print(f"written: {output}", markup=False, highlight=False)
    else:
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            _nobody_reads(sys.stdout)


def add_step_summary(markdown: Path) -> None:
    """On GitHub the table is shown on the page of the job."""
    page = os.environ.get("GITHUB_STEP_SUMMARY")
    if page:
        with Path(page).open("a", encoding="utf-8") as file:
            file.write(markdown.read_text(encoding="utf-8"))


def finish(
    command: str, results: Path, code: ExitCode, reasons: tuple[str, ...], run: str | None = None
) -> None:
    for reason in reasons:
        blame(reason)
    _note_outcome(command, results, code, reasons, run)
    raise typer.Exit(int(code))


def _note_outcome(
    command: str, results: Path, code: ExitCode, reasons: tuple[str, ...], run: str | None
) -> None:
    if command not in _WITH_RESULTS and not results.is_dir():
        return
    try:
        write_outcome(
            results,
            {
                "command": command,
                "exit_code": int(code),
                "meaning": code.name.lower().replace("_", " "),
                "reasons": list(reasons),
                "run": run,
                "ended_unix_ns": time.time_ns(),
            },
        )
    except HarnessError as error:
        warn(str(error))


def guarded(call: Callable[[Ending], object], command: str | None = None) -> int:
    """Runs a command; every way it can end becomes an exit code and at most one message.

    `command` is its name, by default the first word of the command line.
    """
    command = command or next((a for a in sys.argv[1:] if not a.startswith("-")), "harness")
    ending = Ending()
    try:
        code = call(ending)
        return code if isinstance(code, int) else 0
    except typer.Exit as ended:
        return ended.exit_code
    except _WrongUse as wrong:
        wrong.show()
        return _ended(command, ending, ExitCode.USAGE, wrong.format_message())
    except (KeyboardInterrupt, typer.Abort):
        err.print("interrupted", highlight=False)
        return _ended(command, ending, ExitCode.INTERRUPTED, "interrupted")
    except HarnessError as error:
        return _failed(command, ending, error)
    except OSError as error:
        full = refused_by_disk(error)
        return _unexpected(command, ending, error) if full is None else _failed(command, ending, full)
    except Exception as error:
        return _unexpected(command, ending, error)


def _failed(command: str, ending: Ending, error: HarnessError) -> int:
    err.print(str(error), style="red", markup=False, highlight=False)
    return _ended(command, ending, error.exit_code, str(error))


def _ended(command: str, ending: Ending, code: ExitCode, reason: str) -> int:
    _note_outcome(command, ending.results, code, (reason,), None)
    return int(code)


def _unexpected(command: str, ending: Ending, error: Exception) -> int:
    """A fault of ours: one line to the user, the traceback in a file, or beside it where none can be written."""
    details = f"harness {__version__}: {' '.join(sys.argv[1:])}\n\n{traceback.format_exc()}"
    reason = f"unexpected {type(error).__name__}: {error}"
    blame(f"this is a fault of the harness: {reason}\ndetails: {_kept(details)}")
    return _ended(command, ending, ExitCode.INFRASTRUCTURE, reason)


def _kept(details: str) -> str:
    """The name of a new file that holds them; they themselves where there is no room for one."""
    try:
        handle, name = tempfile.mkstemp(prefix="harness-fault-", suffix=".log")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(details)
    except OSError:
        return details
    return name
