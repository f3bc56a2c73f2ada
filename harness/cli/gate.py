"""The nightly guard: compare head with base, show a night again, accept a revision."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.asked import NightAsked, absolute
from harness.catalogue import ROOT, read_gate_file
from harness.cli.asking import find_run, given_options
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
from harness.cli.night import begun_night, night_options, place
from harness.cli.options import (
    RESULTS,
    DriverName,
    DriverOption,
    ProfileName,
    Quiet,
    Targets,
    duration_s,
    split,
)
from harness.deadline import deadline
from harness.errors import ExitCode
from harness.model import JsonObject
from harness.progress import Progress
from harness.units import percent

gate_app = typer.Typer(add_completion=False, rich_markup_mode=None)


@gate_app.callback(invoke_without_command=True)
def gate(
    context: typer.Context,
    base: Annotated[
        str | None,
        typer.Option(
            help="git revision, directory or image digest (default: the accepted revision in gate.yaml, else HEAD)"
        ),
    ] = None,
    head: Annotated[str | None, typer.Option(help="the same; default: this checkout as it is")] = None,
    head_runtime: Annotated[
        str | None,
        typer.Option(help="latest: head is the same sources on the newest patch release of their runtime"),
    ] = None,
    target: Targets = None,
    scenario: Annotated[str | None, typer.Option(help="in place of gate.yaml's")] = None,
    driver: DriverOption = DriverName.auto,
    profile: Annotated[ProfileName, typer.Option(help="which cores go to whom")] = ProfileName.auto,
    budget: Annotated[str | None, typer.Option(help="time for everything, such as 60m")] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="of the order within pairs and the arrivals of requests")
    ] = 1,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="one look after four rounds, a short noise probe: not for decisions"),
    ] = False,
    advance: Annotated[
        bool,
        typer.Option(
            "--advance",
            help="accept head in gate.yaml after a whole night of `no change` or `improvement` since the accepted one",
        ),
    ] = False,
    file: Annotated[Path, typer.Option("--config", help="the rules")] = ROOT / "gate.yaml",
    results: Annotated[Path, typer.Option("--out", help="folder of results")] = RESULTS,
    resume: Annotated[
        Path | None,
        typer.Option(help="go on with this night (its folder, or its name in --out) where it was cut off"),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Did head become slower than base? Both are built and measured in pairs, here and now; 1 is a regression."""
    if context.invoked_subcommand:
        return
    put_outcome_in(context, results)
    from harness.compose import run_gate_request
    from harness.gate.accept import advance as advanced
    from harness.gate.session import estimate_text
    from harness.history import append, night_lines, why_left_out
    from harness.report.night import print_night, read_night, write_night
    from harness.report.outputs import write_all

    asked = NightAsked(
        base=place(base),
        head=place(head),
        head_runtime=head_runtime,
        targets=tuple(absolute(t) for t in split(target)),
        scenario=absolute(scenario) if scenario else None,
        driver=driver.value,
        profile=profile.value,
        budget_s=duration_s(budget),
        seed=seed,
        quick=quick,
        config=str(file.resolve()),
    )
    run, begun = None, None
    if resume is not None:
        run = find_run(resume, results)
        results = run.path.parent
        put_outcome_in(context, results)
        asked, begun = begun_night(run, asked.model_dump(include=given_options(context, NightAsked)))
    if run is None or begun is None or begun["status"] != "complete":
        options = night_options(asked, results, run, begun)
        with Progress(err, quiet=quiet) as progress:
            progress.line(
                f"head {options.head.text} against base {options.base.text}, {estimate_text(options)}"
            )
            driver_name = "process" if asked.head_runtime else asked.driver
            run, _ = run_gate_request(options, driver_name, asked.profile, progress)
    with deadline("the report", REPORT_DEADLINE_S):
        if read_night(run)["targets"]:
            write_all(run)
        night, _ = write_night(run)
    if not asked.quick:
        for text in append(results / "history", night_lines(run.read_run(), night)):
            warn(text)
        if left_out := why_left_out(night):
            err.print(left_out, highlight=False, markup=False)
    print_night(out, night)
    add_step_summary(run.path / "gate.md")
    if advance:
        out.print(advanced(Path(asked.config), ROOT, night, asked), highlight=False, markup=False)
    reasons = tuple(night["reasons"]) if night["exit_code"] else ()
    finish("gate", results, ExitCode(night["exit_code"]), reasons, run.run_id)


@gate_app.command()
def show(
    run: Annotated[Path, typer.Argument(help="a run's folder")] = RESULTS / "latest",
) -> None:
    """Show a night again from its gate.json, and write its pages anew; measures nothing."""
    from harness.report.night import print_night, write_night
    from harness.store import open_run

    night, paths = write_night(open_run(run))
    print_night(out, night)
    say(f"page: {paths['html']}")


@gate_app.command()
def rehearse(
    runs: Annotated[
        list[Path],
        typer.Argument(
            help="nights whose sides were one artifact (gate --base HEAD), files of --keep, ledgers of selftest alike"
        ),
    ],
    nights: Annotated[int, typer.Option(min=100, max=1_000_000, help="how many to simulate")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="of the simulation")] = 1,
    keep: Annotated[
        Path | None, typer.Option(help="write the figures that are drawn from into this file, to be kept")
    ] = None,
    file: Annotated[Path, typer.Option("--config", help="the rules")] = ROOT / "gate.yaml",
) -> None:
    """How often would the guard cry wolf or miss a change here? Simulated from real nights without one."""
    from rich.table import Table

    from harness.gate.rehearsal import CURVE_PAIRS, material_json, material_of, rehearse
    from harness.gate.session import rules_of
    from harness.ledger import Ledger
    from harness.report.night import read_night
    from harness.store import open_run, read_json, write_json

    given: list[JsonObject] = []
    for run in runs:
        if run.suffix == ".jsonl":
            given += Ledger(run).read().entries
        else:
            given += read_json(run)["nights"] if run.is_file() else [read_night(open_run(run))]
    material = material_of(given)
    if keep is not None:
        write_json(keep, material_json(given))
    found = rehearse(material, rules_of(read_gate_file(file)), nights, seed)
    listed = ", ".join(
        f"{t}: {n} trials of {len(material.sessions[t])} nights" for t, n in material.trials.items()
    )
    say(f"drawn from {listed}; metrics: {', '.join(material.metrics)}")
    if material.lacking:
        say(f"not simulated, because not all of these nights have them: {', '.join(material.lacking)}")
    say(f"nights with any false alarm, of {nights:,}: {found.alarms.text}")
    say(f"changes are put into {found.detections[0].target}")
    table = Table(box=None, padding=(0, 1, 0, 0))
    for heading in ("metric", "change", "found, 95 % bounds", *(f"{n} pairs" for n in CURVE_PAIRS)):
        table.add_column(heading, justify="left" if heading == "metric" else "right", no_wrap=True)
    for one in found.detections:
        shares = [percent(found.curve[one.metric, one.effect_ratio, n]) for n in CURVE_PAIRS]
        table.add_row(one.metric, percent(one.effect_ratio), one.rate.text, *shares)
    out.print(table)


@gate_app.command()
def accept(
    revision: Annotated[str, typer.Argument(help="what the next nights are to be compared with")],
    reason: Annotated[str, typer.Option(help="why, in one sentence")],
    file: Annotated[Path, typer.Option("--config", help="the rules")] = ROOT / "gate.yaml",
) -> None:
    """Make a revision the base of the nights to come: after a regression that is meant, or the first time."""
    from harness.gate.accept import accept as accepted

    done = accepted(file, ROOT, revision, reason)
    out.print(f"accepted {done.revision[:12]}: {done.reason}", highlight=False, markup=False)
