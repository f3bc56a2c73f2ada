"""The commands that measure, and the one that says what they would do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from harness.asked import Asked, absolute
from harness.cli.asking import find_run, given_options, new_request, resumed_request
from harness.cli.ending import (
    REPORT_DEADLINE_S,
    add_step_summary,
    err,
    finish,
    out,
    put_outcome_in,
    say,
    warn,
)
from harness.cli.options import (
    DEFAULT_SCENARIO,
    RESULTS,
    AsJson,
    DriverName,
    DriverOption,
    EngineName,
    ProfileName,
    Quiet,
    Targets,
    Variants,
    duration_s,
    refuse_with_quick,
    scenarios_named,
    split,
    targets_named,
)
from harness.deadline import deadline
from harness.errors import ExitCode, InfrastructureError, UsageError, worst
from harness.progress import Progress
from harness.units import counted, duration_text, percent


def bench(
    ctx: typer.Context,
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
    until_tight: Annotated[
        bool,
        typer.Option("--until-tight", help="add rounds until intervals are narrow or --budget (1h) is spent"),
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="of the order of trials and the arrivals of requests")] = 1,
    locustfile: Annotated[
        Path | None, typer.Option(help="a Locust file of your own in place of the scenario's requests")
    ] = None,
    web: Annotated[
        int | None,
        typer.Option(min=1, max=65_535, help="port of Locust's own web page, to watch the load"),
    ] = None,
    results: Annotated[Path, typer.Option("--out", help="folder of results")] = RESULTS,
    resume: Annotated[
        Path | None,
        typer.Option(help="go on with this run (its folder, or its name in --out) where it was cut off"),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="with --resume: measure again what had no valid result")
    ] = False,
    enforce_slo: Annotated[
        bool, typer.Option("--enforce-slo", help="end with 1 when a service level of a scenario is broken")
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Build, load and compare targets; print the table and write the report."""
    from harness.compose import run_request
    from harness.history import append, history_lines
    from harness.report.model import from_json
    from harness.report.outputs import broken_promises, write_all
    from harness.report.terminal import print_summary

    put_outcome_in(ctx, results)
    if quick and until_tight:
        raise UsageError("--quick is one short round; it cannot be had together with --until-tight")
    asked = Asked(
        scenarios=tuple(absolute(s) for s in scenario or [DEFAULT_SCENARIO]),
        targets=tuple(absolute(t) for t in split(target)),
        variants=tuple(split(variant)),
        driver=driver.value,
        engine=engine.value,
        url=url,
        profile=profile.value,
        rounds=rounds,
        budget_s=duration_s(budget),
        quick=quick,
        full=full,
        until_tight=until_tight,
        seed=seed,
        locustfile=str(locustfile.resolve()) if locustfile else None,
        web_port=web,
    )
    if resume is None:
        if retry_failed:
            raise UsageError(
                "--retry-failed needs --resume RUN: which run's trials are to be measured again?"
            )
        request = new_request(asked, results)
    else:
        run = find_run(resume, results)
        results = run.path.parent
        put_outcome_in(ctx, results)
        request = resumed_request(run, asked.model_dump(include=given_options(ctx)), retry=retry_failed)
    with Progress(err, quiet=quiet) as progress:
        outcome = run_request(request, progress)
    assert outcome.run is not None
    with deadline("the report", REPORT_DEADLINE_S):
        summary, paths = write_all(outcome.run)
    lines = history_lines(outcome.run.read_run(), from_json(summary))
    for text in append(results / "history", lines):
        warn(text)
    if as_json:
        out.print_json(json.dumps(summary))
    else:
        print_summary(out, summary, paths)
    add_step_summary(paths["md"])
    broken = tuple(broken_promises(from_json(summary))) if enforce_slo else ()
    code = worst(outcome.code, ExitCode.BROKEN_PROMISE) if broken else outcome.code
    finish("bench", results, code, (*outcome.reasons, *broken), run=outcome.run.run_id)


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
    from harness.plan import PlanOptions, budget_note, make_plan

    if quick:
        refuse_with_quick(budget=budget, full=full)
    options = PlanOptions(rounds, seed, duration_s(budget), quick, full)
    made = make_plan(scenarios_named(scenario), targets_named(target, variant), options)
    table = Table(box=None)
    for heading in ("round", "place", "case", "about"):
        table.add_column(heading)
    for trial in made.trials:
        table.add_row(
            str(trial.round), str(trial.position + 1), trial.case.id, duration_text(trial.estimated_s)
        )
    out.print(table)
    shorter = f", windows at {percent(made.scale)} of their length" if made.scale < 1 else ""
    say(
        f"{counted(len(made.trials), 'trial')} in {counted(made.rounds, 'round')}, "
        f"about {duration_text(made.estimated_s)}{shorter}; builds not counted"
    )
    if note := budget_note(made, options):
        warn(note)


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
        say(f"note: {note}")
