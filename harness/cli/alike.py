"""Nights without a difference: false alarms counted over as many sittings as it takes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from harness.asked import NightAsked, absolute
from harness.catalogue import ROOT
from harness.cli.ending import err, finish, out, put_outcome_in
from harness.cli.night import begun_night, night_options
from harness.cli.options import (
    RESULTS,
    AsJson,
    DriverName,
    DriverOption,
    ProfileName,
    Quiet,
    Targets,
    duration_s,
    split,
)
from harness.errors import ExitCode, UsageError
from harness.ledger import Ledger
from harness.progress import Progress
from harness.store import write_atomically
from harness.units import counted

if TYPE_CHECKING:
    from harness.model import JsonObject
    from harness.store import RunFolder


def alike(
    context: typer.Context,
    nights: Annotated[
        int, typer.Option(min=1, max=1_000, help="how many the ledger is to hold in the end")
    ] = 12,
    target: Targets = None,
    scenario: Annotated[
        str, typer.Option(help="`gate` is what real nights measure; takes twice as long")
    ] = "selftest",
    quick: Annotated[
        bool,
        typer.Option("--quick", help="one look after four rounds, as `gate --quick`: a third of the time"),
    ] = False,
    driver: DriverOption = DriverName.auto,
    profile: Annotated[ProfileName, typer.Option(help="which cores go to whom")] = ProfileName.auto,
    budget: Annotated[
        str, typer.Option(help="time for this call; a night that would not fit is not begun")
    ] = "55m",
    file: Annotated[Path, typer.Option("--config", help="the rules")] = ROOT / "gate.yaml",
    results: Annotated[Path, typer.Option("--out", help="folder of results")] = RESULTS,
    ledger: Annotated[
        Path | None, typer.Option(help="where nights are added up (default: alike.jsonl in --out)")
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="a Markdown page that has a place for what was counted")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """How often does the guard cry wolf here? Nights whose two sides are one artifact; 1: one of these alarmed.

    Stop it at any moment: the same command goes on where it was cut off, and adds to what the ledger holds.
    """
    put_outcome_in(context, results)
    from harness.selftest.alarms import false_alarms
    from harness.selftest.alike import AlikeOptions, run_alike

    asked = NightAsked(
        base="HEAD",
        head="HEAD",
        targets=tuple(absolute(t) for t in split(target)),
        scenario=absolute(scenario),
        driver=driver.value,
        profile=profile.value,
        quick=quick,
        config=str(file.resolve()),
    )
    options = AlikeOptions(
        nights, asked, duration_s(budget) or 0.0, results, Ledger(ledger or results / "alike.jsonl")
    )
    if page is not None:
        _renew(page, options.ledger)  # before anything is measured: is there a place for it?
    alarms: list[str] = []
    measured = []
    with Progress(err, quiet=quiet) as progress:

        def night(wanted: NightAsked, begun: RunFolder | None) -> tuple[RunFolder, JsonObject]:
            return _night(wanted, results, begun, progress)

        for line in run_alike(options, night, progress):
            measured.append(line["run"])
            slower = false_alarms(line["targets"])
            alarms += [f"{line['run']}: false alarm: {text}" for text in slower]
            progress.line(f"{line['run']} is in the ledger: {counted(len(slower), 'false alarm')}")
            if page is not None:
                _renew(page, options.ledger)
    known = options.ledger.read().entries
    _print(known, as_json=as_json)
    if not measured and len(known) < nights:
        finish("selftest", results, ExitCode.TOO_FEW_TRIALS, ("no night could be measured",))
    code = ExitCode.BROKEN_PROMISE if alarms else ExitCode.DONE
    finish("selftest", results, code, tuple(alarms), measured[-1] if measured else None)


def _night(
    asked: NightAsked, results: Path, begun: RunFolder | None, progress: Progress
) -> tuple[RunFolder, JsonObject]:
    """One night by the guard's own session; of one that is complete nothing is measured again."""
    from harness.compose import run_gate_request
    from harness.gate.session import estimate_text
    from harness.report.night import read_night, write_night

    then = None
    if begun is not None:
        asked, then = begun_night(begun, {})
        if then["status"] == "complete":
            return begun, read_night(begun)
    options = night_options(asked, results, begun, then)
    progress.line(f"HEAD against itself, {estimate_text(options)}")
    run, found = run_gate_request(options, asked.driver, asked.profile, progress)
    write_night(run)
    return run, found


def _renew(page: Path, ledger: Ledger) -> None:
    """Raises UsageError when the page has no place for it, StoreError."""
    from harness.selftest.alarms import put_in

    try:
        text = put_in(page.read_text(encoding="utf-8"), ledger.read().entries)
    except (OSError, ValueError) as error:
        raise UsageError(f"{page}: {error}") from error
    write_atomically(page, text)


def _print(nights: Sequence[JsonObject], *, as_json: bool) -> None:
    from harness.selftest.alarms import HEADINGS, alarms_of, cells, kinds_text

    found = alarms_of(nights)
    if as_json:
        told = [
            {**asdict(a), "by_night": a.by_night.to_json(), "by_metric": a.by_metric.to_json()} for a in found
        ]
        out.print_json(json.dumps({"schema": 1, "nights": len(nights), "targets": told}))
        return
    table = Table(box=None)
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading == HEADINGS[0] else "right")
    for one in found:
        table.add_row(*cells(one))
    out.print(table)
    out.print(kinds_text(nights), highlight=False)
