"""Arguments → one call → exit code. The only place that prints results or catches HarnessError."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from harness import __version__
from harness.catalogue import ROOT, all_targets, find_scenario, find_target, merge
from harness.errors import ExitCode, HarnessError, InfrastructureError, UsageError, worst
from harness.model import Scenario, TargetSpec
from harness.progress import Progress, duration_text
from harness.store import write_atomically, write_outcome
from harness.units import parse_duration_s

RESULTS = Path("results")
DEFAULT_SCENARIO = "routing-4kb"

app = typer.Typer(
    name="harness",
    help="Measures the same service in several runtimes, and compares them. Start with: harness bench",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
out = Console(soft_wrap=True, width=None if sys.stdout.isatty() else 100)
err = Console(stderr=True, soft_wrap=True)


_WrongUse: Any = typer.BadParameter.__mro__[2]
"""The root of typer's errors of use (ClickException), which it does not export by name."""


class DriverName(StrEnum):
    auto = "auto"
    docker = "docker"
    process = "process"


class EngineName(StrEnum):
    auto = "auto"
    native = "native"
    locust = "locust"


class ProfileName(StrEnum):
    auto = "auto"
    fixed = "16c32g"


class Format(StrEnum):
    table = "table"
    md = "md"
    csv = "csv"
    json = "json"
    html = "html"
    junit = "junit"


class CompareFormat(StrEnum):
    table = "table"
    md = "md"
    html = "html"


Targets = Annotated[
    list[str] | None,
    typer.Option("--target", "-t", help="target, or target+variant; several, or separated by commas"),
]
Variants = Annotated[
    list[str] | None, typer.Option("--variant", help="variant of each named target, measured beside it")
]
DriverOption = Annotated[
    DriverName, typer.Option("--driver", help="how services run; auto: Docker if it answers")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="only warnings and the result")]
AsJson = Annotated[bool, typer.Option("--json", help="the result as JSON on standard output")]


@app.command()
def bench(
    scenario: Annotated[
        list[str] | None, typer.Argument(help=f"scenario names or files (default: {DEFAULT_SCENARIO})")
    ] = None,
    target: Targets = None,
    variant: Variants = None,
    driver: DriverOption = DriverName.auto,
    engine: Annotated[EngineName, typer.Option(help="what offers the load")] = EngineName.auto,
    url: Annotated[
        str | None, typer.Option(help="measure a service that already runs; give a scenario with `request:`")
    ] = None,
    profile: Annotated[ProfileName, typer.Option(help="which cores go to whom")] = ProfileName.auto,
    rounds: Annotated[
        int | None, typer.Option(min=1, max=99, help="trials of each case (3; full: 5)")
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="time for all trials, such as 10m: chooses rounds and window lengths")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="one short round: a first look, not for decisions")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="the whole protocol: five rounds, all windows")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="of the order of trials and the arrivals of requests")] = 1,
    locustfile: Annotated[
        Path | None, typer.Option(help="a Locust file of your own in place of the scenario's requests")
    ] = None,
    web: Annotated[int | None, typer.Option(help="port of Locust's own web page, to watch the load")] = None,
    results: Annotated[Path, typer.Option("--out", help="folder of results")] = RESULTS,
    enforce_slo: Annotated[
        bool, typer.Option("--enforce-slo", help="end with 1 when a service level of a scenario is broken")
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Build, load and compare targets; print the table and write the report."""
    from harness.compose import BenchRequest, run_request
    from harness.report.model import from_json
    from harness.report.outputs import broken_promises, write_all
    from harness.report.terminal import print_summary

    request = BenchRequest(
        scenarios=_scenarios(scenario),
        targets=_targets(target, variant),
        targets_named=bool(target),
        driver=driver.value,
        engine=engine.value,
        profile=profile.value,
        url=url,
        rounds=rounds,
        budget_s=_duration(budget),
        quick=quick,
        full=full,
        seed=seed,
        locustfile=locustfile,
        web_port=web,
        results=results,
        argv=_command_line(),
    )
    with Progress(err, quiet=quiet) as progress:
        outcome = run_request(request, progress)
    assert outcome.run is not None
    summary, paths = write_all(outcome.run)
    if as_json:
        out.print_json(json.dumps(summary))
    else:
        print_summary(out, summary, paths)
    _add_step_summary(paths["md"])
    broken = tuple(broken_promises(from_json(summary))) if enforce_slo else ()
    code = worst(outcome.code, ExitCode.BROKEN_PROMISE) if broken else outcome.code
    _finish("bench", results, code, (*outcome.reasons, *broken), run=outcome.run.run_id)


@app.command()
def verify(
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
    quiet: Quiet = False,
) -> None:
    """Check that targets keep the contract; no load is offered."""
    from harness.compose import verify_targets, verify_url

    skipped: dict[str, str] = {}
    with Progress(err, quiet=quiet) as progress:
        if url:
            reports = [verify_url(url, kit, list(cases or []), progress)]
        else:
            reports, skipped = verify_targets(
                _targets(target, variant), driver.value, list(cases or []), progress
            )
    code, reasons = ExitCode.DONE, []
    for report in reports:
        mark = "keeps the contract" if report.ok else f"differs in {len(report.differences)}"
        out.print(f"{report.target}: {report.checked} cases, {mark}", highlight=False)
        for difference in report.differences:
            out.print(f"  {difference}", highlight=False, markup=False)
        if not report.ok:
            code = worst(code, ExitCode.BROKEN_PROMISE)
            reasons.append(f"{report.target} differs from the contract in {len(report.differences)} cases")
    if target and skipped:
        code = worst(code, ExitCode.TOO_FEW_TRIALS)
        reasons += [f"{name} was asked for but is not here: {why}" for name, why in skipped.items()]
    _finish("verify", results, code, tuple(reasons))


@app.command()
def plan(
    scenario: Annotated[list[str] | None, typer.Argument(help="scenario names or files")] = None,
    target: Targets = None,
    variant: Variants = None,
    rounds: Annotated[int | None, typer.Option(min=1, max=99)] = None,
    budget: Annotated[str | None, typer.Option(help="time for all trials, such as 10m")] = None,
    quick: Annotated[bool, typer.Option("--quick")] = False,
    full: Annotated[bool, typer.Option("--full")] = False,
    seed: Annotated[int, typer.Option(min=0)] = 1,
) -> None:
    """Show what `bench` would run and how long it would take; run nothing."""
    from harness.plan import PlanOptions, make_plan

    options = PlanOptions(rounds, seed, _duration(budget), quick, full)
    made = make_plan(_scenarios(scenario), _targets(target, variant), options)
    table = Table(box=None)
    for heading in ("round", "place", "case", "about"):
        table.add_column(heading)
    for trial in made.trials:
        table.add_row(
            str(trial.round), str(trial.position + 1), trial.case.id, duration_text(trial.estimated_s)
        )
    out.print(table)
    shorter = f", windows at {made.scale:.0%} of their length" if made.scale < 1 else ""
    count = "1 round" if made.rounds == 1 else f"{made.rounds} rounds"
    out.print(
        f"{len(made.trials)} trials in {count}, about {duration_text(made.estimated_s)}{shorter}; "
        "builds not counted",
        highlight=False,
    )


@app.command()
def targets() -> None:
    """List the targets and their variants."""
    for found in all_targets():
        out.print(f"[bold]{found.name}[/bold]  {found.label}; payload {found.payload}", highlight=False)
        for name, variant in found.variants.items():
            out.print(f"  {found.name}+{name}  {variant.reason}", highlight=False, markup=False)


@app.command()
def report(
    run: Annotated[Path, typer.Argument(help="a run's folder")] = RESULTS / "latest",
    format: Annotated[Format, typer.Option("--format", "-f", help="what to write")] = Format.table,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="file (default: standard output)")
    ] = None,
    index: Annotated[
        Path | None, typer.Option("--index", help="write index.html of all runs in this folder instead")
    ] = None,
) -> None:
    """Show a run again from its saved results; measures nothing."""
    from harness.report.outputs import render, write_index
    from harness.store import open_run

    if index is not None:
        if not index.is_dir():
            raise UsageError(f"--index {index}: no such folder")
        out.print(f"written: {write_index(index)}", highlight=False)
    else:
        _give(render(open_run(run), format.value, out), output)


@app.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(help="folders of two or more runs, the base first")],
    format: Annotated[
        CompareFormat, typer.Option("--format", "-f", help="what to write")
    ] = CompareFormat.table,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="file (default: standard output)")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="compare runs of unlike machines or versions too")
    ] = False,
) -> None:
    """Compare runs with the first of them: effects with intervals, and a verdict for each."""
    from harness.report.outputs import compare as compared
    from harness.report.outputs import render_versus
    from harness.store import open_run

    if len(runs) < 2:
        raise UsageError("compare needs two runs at least: harness compare results/BASE results/OTHER")
    _give(render_versus(compared([open_run(r) for r in runs], force=force), format.value, out), output)


@app.command()
def audit(
    file: Annotated[Path, typer.Argument(help="a table: Markdown, CSV, YAML, or a run's summary.json")],
    cores: Annotated[
        float | None, typer.Option(help="cores of the service, where the table does not say")
    ] = None,
    connections: Annotated[int | None, typer.Option(help="concurrent callers, likewise")] = None,
    body_bytes: Annotated[int | None, typer.Option(help="size of a body, likewise")] = None,
    permits: Annotated[int | None, typer.Option(help="checks allowed at once, likewise")] = None,
) -> None:
    """Check a published table by arithmetic; ends with 1 when something in it cannot be."""
    from harness.report.audit import audit_file, audit_text
    from harness.report.audit_tables import Workload

    assumed = Workload(cores=cores, connections=connections, body_bytes=body_bytes, permits=permits)
    found = audit_file(file, assumed)
    out.print(audit_text(found), markup=False, highlight=False)
    if found.contradictions:
        raise typer.Exit(int(ExitCode.BROKEN_PROMISE))


@app.command()
def calibrate(
    engine: Annotated[EngineName, typer.Option(help="what offers the load")] = EngineName.auto,
    profile: Annotated[ProfileName, typer.Option(help="which cores go to whom")] = ProfileName.auto,
    quick: Annotated[bool, typer.Option("--quick", help="two bouts in six seconds")] = False,
    as_json: AsJson = False,
) -> None:
    """Measure the load generator against a server whose delays are known."""
    from harness.calibrate import COLUMNS, calibration_rows
    from harness.compose import calibrate_engine

    with Progress(err) as progress:
        found = calibrate_engine(engine.value, profile.value, progress, quick=quick)
    if as_json:
        out.print_json(json.dumps(found))
        return
    if found["missing_because"]:
        raise InfrastructureError(f"no calibration: {found['missing_because']}")
    table = Table(box=None)
    for column in COLUMNS:
        table.add_column(column, justify="left" if column == COLUMNS[0] else "right")
    for row in calibration_rows(found):
        table.add_row(*row)
    out.print(table)
    for note in found["notes"]:
        out.print(f"note: {note}", markup=False, highlight=False)


@app.command()
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


@app.command()
def clean() -> None:
    """End and remove what crashed runs left behind, found by run id and label only."""
    from harness.compose import make_drivers

    removed = [
        text for driver in make_drivers().values() if driver.available().ok for text in driver.cleanup(None)
    ]
    for text in removed:
        out.print(f"removed {text}", highlight=False)
    if not removed:
        out.print("nothing was left behind")


@app.command()
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
    out.print(f"written to {folder}; tokens are good for six hours", highlight=False)


@app.command()
def schemas(
    folder: Annotated[Path, typer.Option("--out", help="folder to write to")] = ROOT / "contract" / "schemas",
) -> None:
    """Write the JSON Schemas of scenario, target and case files, for editors."""
    from harness.schemas import write_schemas

    for path in write_schemas(folder):
        out.print(str(path), highlight=False)


# --- from arguments to data ----------------------------------------------------------------------------------


def _scenarios(names: list[str] | None) -> list[Scenario]:
    return [find_scenario(name) for name in names or [DEFAULT_SCENARIO]]


def _targets(names: list[str] | None, variants: list[str] | None) -> list[TargetSpec]:
    """The targets named (or all), each also in the variants named. Raises UsageError."""
    wanted = [n.strip() for entry in names or [] for n in entry.split(",") if n.strip()]
    found = [find_target(n) for n in wanted]
    if not wanted:
        found = [merge(t, None, ROOT / "targets" / t.name) for t in all_targets()]
    for variant in (v.strip() for entry in variants or [] for v in entry.split(",")):
        having = [t for t in all_targets() if variant in t.variants]
        wanted_names = {t.name for t in found}
        chosen = [t for t in having if t.name in wanted_names]
        if not chosen:
            known = sorted({v for t in all_targets() if t.name in wanted_names for v in t.variants})
            raise UsageError(f"none of the targets has a variant {variant!r}. There are: {', '.join(known)}")
        found += [merge(t, variant, ROOT / "targets" / t.name) for t in chosen]
    unique = {t.id: t for t in found}
    return list(unique.values())


def _duration(text: str | None) -> float | None:
    try:
        return parse_duration_s(text) if text else None
    except ValueError as error:
        raise UsageError(str(error)) from error


def _command_line() -> list[str]:
    return ["harness", *sys.argv[1:]]


# --- how it ends ---------------------------------------------------------------------------------------------


def _give(text: str | None, output: Path | None) -> None:
    """To a file or standard output; None was printed already. Raises StoreError."""
    if text is None:
        return
    if output:
        write_atomically(output, text)
        err.print(f"written: {output}", highlight=False)
    else:
        sys.stdout.write(text)


def _add_step_summary(markdown: Path) -> None:
    """On GitHub the table is shown on the page of the job."""
    page = os.environ.get("GITHUB_STEP_SUMMARY")
    if page:
        with Path(page).open("a", encoding="utf-8") as file:
            file.write(markdown.read_text(encoding="utf-8"))


def _finish(
    command: str, results: Path, code: ExitCode, reasons: tuple[str, ...], run: str | None = None
) -> None:
    for reason in reasons:
        err.print(f"[red]✗[/red] {reason}".replace("\n", "\n  "), highlight=False)
    _note_outcome(command, results, code, reasons, run)
    raise typer.Exit(int(code))


def _note_outcome(
    command: str, results: Path, code: ExitCode, reasons: tuple[str, ...], run: str | None
) -> None:
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
        err.print(f"[yellow]![/yellow] {error}", highlight=False)


def main() -> None:
    """The `harness` command."""
    signal.signal(signal.SIGTERM, _as_interrupt)
    sys.exit(guarded(lambda: app(standalone_mode=False)))


def _as_interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def guarded(call: Callable[[], object]) -> int:
    """Runs a command; every way it can end becomes an exit code and at most one message."""
    command = next((a for a in sys.argv[1:] if not a.startswith("-")), "harness")
    try:
        code = call()
        return code if isinstance(code, int) else 0
    except typer.Exit as ended:
        return ended.exit_code
    except _WrongUse as wrong:
        wrong.show()
        return int(ExitCode.USAGE)
    except (KeyboardInterrupt, typer.Abort):
        err.print("interrupted", highlight=False)
        return _ended(command, ExitCode.INTERRUPTED, "interrupted")
    except HarnessError as error:
        err.print(str(error), style="red", markup=False, highlight=False)
        return _ended(command, error.exit_code, str(error))
    except Exception as error:
        return _unexpected(command, error)


def _ended(command: str, code: ExitCode, reason: str) -> int:
    _note_outcome(command, RESULTS, code, (reason,), None)
    return int(code)


def _unexpected(command: str, error: Exception) -> int:
    """A fault of ours: one line to the user, the traceback in a file."""
    handle, name = tempfile.mkstemp(prefix="harness-fault-", suffix=".log")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"harness {__version__}: {' '.join(sys.argv[1:])}\n\n{traceback.format_exc()}")
    reason = f"unexpected {type(error).__name__}: {error}"
    err.print(f"[red]✗[/red] this is a fault of the harness: {reason}\n  details: {name}", highlight=False)
    return _ended(command, ExitCode.INFRASTRUCTURE, reason)
