"""The commands about targets and the machine: do they keep the contract, what is here, what was left."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from harness.catalogue import ROOT, all_targets
from harness.cli.ending import err, finish, out, put_outcome_in, say
from harness.cli.options import RESULTS, DriverName, DriverOption, Quiet, Targets, Variants, targets_named
from harness.conformance import Difference
from harness.errors import ExitCode, worst
from harness.progress import Progress
from harness.units import counted

if TYPE_CHECKING:
    from harness.verify import Report

_SHOWN_DIFFERENCES = 30


def verify(
    ctx: typer.Context,
    target: Targets = None,
    variant: Variants = None,
    driver: DriverOption = DriverName.auto,
    url: Annotated[str | None, typer.Option(help="check a service that already runs")] = None,
    kit: Annotated[
        Path | None,
        typer.Option(help="with --url: the kit (harness kit --signing-keys) the service was started with"),
    ] = None,
    cases: Annotated[
        list[Path] | None, typer.Option(help="your own cases in place of the contract's (contract/README.md)")
    ] = None,
    results: Annotated[Path, typer.Option("--out", help="folder of results")] = RESULTS,
    everything: Annotated[
        bool,
        typer.Option("--all", help=f"show every difference, not the first {_SHOWN_DIFFERENCES} of a target"),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Check that targets keep the contract; no load is offered."""
    from harness.building import of_the_skipped
    from harness.compose import verify_targets, verify_url

    put_outcome_in(ctx, results)
    code = ExitCode.DONE
    reasons: list[str] = []
    with Progress(err, quiet=quiet) as progress:
        if url:
            reports = [verify_url(url, kit, list(cases or []), progress)]
        else:
            reports, built = verify_targets(
                targets_named(target, variant), driver.value, list(cases or []), progress
            )
            code, reasons = of_the_skipped(built.skipped, built.faults, named=bool(target))
    for report in reports:
        _tell(report, everything=everything)
        found, why = _outcome(report)
        code, reasons = worst(code, found), reasons + why
    if not reports:
        code = worst(code, ExitCode.TOO_FEW_TRIALS)
        reasons.append("no target was verified")
    finish("verify", results, code, tuple(reasons))


def _tell(report: Report, *, everything: bool) -> None:
    """A report on standard output: a line for all of it, one for each case that differs, one for what was left out."""
    marks = [counted(report.checked, "case")] if report.checked else []
    if report.cases_that_differ:
        marks.append(f"differs in {len(report.cases_that_differ)}")
    if report.not_started is not None:
        marks.append("did not start again" if report.checked else "did not start")
    if report.ok:
        marks.append("keeps the contract")
    say(f"{report.target}: {', '.join(marks)}")
    for line in _lines(report.differences, everything=everything):
        say(f"  {line}")
    for text in report.left_out:
        say(f"  left out: {text}")


def _outcome(report: Report) -> tuple[ExitCode, list[str]]:
    """What a report means for the command: its exit code, and a sentence for each reason."""
    codes, reasons = [], []
    if count := len(report.cases_that_differ):
        codes.append(ExitCode.BROKEN_PROMISE)
        reasons.append(f"{report.target} differs from the contract in {counted(count, 'case')}")
    if report.not_started is not None:
        codes.append(ExitCode.INFRASTRUCTURE)
        reasons.append(f"{report.target} did not start: {report.not_started}")
    return worst(*codes), reasons


def _lines(differences: Sequence[Difference], *, everything: bool) -> list[str]:
    """A line for each case, whatever number of settings it differs in alike."""
    alike: dict[tuple[str, str, str], list[str]] = {}
    for d in differences:
        alike.setdefault((d.case, d.expected, d.got), []).append(d.setting)
    lines = [
        f"{case} [{', '.join(dict.fromkeys(settings))}]: expected {expected}, got {got}"
        for (case, expected, got), settings in alike.items()
    ]
    if everything or len(lines) <= _SHOWN_DIFFERENCES:
        return lines
    return [
        *lines[:_SHOWN_DIFFERENCES],
        f"and {len(lines) - _SHOWN_DIFFERENCES} more cases; --all shows them",
    ]


def targets() -> None:
    """List the targets and their variants."""
    for found in all_targets():
        out.print(Text.assemble((found.name, "bold"), f"  {found.label}; payload {found.payload}"))
        for name, variant in found.variants.items():
            say(f"  {found.name}+{name}  {variant.reason}")


def doctor() -> None:
    """Say what this machine can do, what is missing and how to get it."""
    from harness.compose import make_drivers
    from harness.doctor import examine

    colour = {"ok": "green", "missing": "red", "note": "yellow"}
    for finding in examine(all_targets(), make_drivers(), ROOT):
        mark = {"ok": "ok", "missing": "missing", "note": "note"}[finding.state]
        advice = f"\n           {finding.advice}" if finding.advice else ""
        out.print(f"[{colour[finding.state]}]{mark:>8}[/]  ", end="")
        out.print(f"{finding.subject}: {finding.text}{advice}", markup=False, highlight=False)


def clean() -> None:
    """End and remove what crashed runs left behind, found by run id and label only."""
    from harness.compose import remove_leftovers

    removed = remove_leftovers()
    for text in removed:
        say(f"removed {text}")
    if not removed:
        out.print("nothing was left behind")


def kit(
    folder: Annotated[Path, typer.Option("--out", help="folder to write to")],
    signing_keys: Annotated[
        bool, typer.Option("--signing-keys", help="also write the private keys, for verify --url")
    ] = False,
) -> None:
    """Write keys, routing table, messages and cases, for a target's own tests or a service started by hand."""
    from harness.kit.kit import Kit

    made = Kit.make()
    made.write(folder)
    if signing_keys:
        made.write_signing_keys(folder)
    say(f"written to {folder}; tokens are good for six hours")


def schemas(
    folder: Annotated[Path, typer.Option("--out", help="folder to write to")] = ROOT / "contract" / "schemas",
) -> None:
    """Write the JSON Schemas of scenario, target and case files, for editors."""
    from harness.schemas import write_schemas

    for path in write_schemas(folder):
        say(str(path))
