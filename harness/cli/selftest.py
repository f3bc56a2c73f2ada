"""The guard put to the test on this machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from harness.catalogue import ROOT, find_scenario, read_gate_file
from harness.cli.alike import alike
from harness.cli.ending import err, finish, out, put_outcome_in
from harness.cli.options import RESULTS, AsJson, ProfileName, Quiet, command_line, duration_s, split
from harness.errors import ExitCode, worst
from harness.progress import Progress
from harness.report.numbers import MISSING

if TYPE_CHECKING:
    from harness.gate.session import GateOptions
    from harness.model import JsonObject
    from harness.selftest.found import NightFound
    from harness.selftest.tally import Tally
    from harness.stats.proportion import Rate
    from harness.store import RunFolder

selftest_app = typer.Typer(add_completion=False, rich_markup_mode=None)
selftest_app.command()(alike)

_NIGHTS = 1
_BUDGET = "60m"


@selftest_app.callback(invoke_without_command=True)
def selftest(
    context: typer.Context,
    nights: Annotated[
        int,
        typer.Option(min=1, max=200, help="how many, half an hour each"),
    ] = _NIGHTS,
    handicap: Annotated[
        list[str] | None,
        typer.Option(help="these alone, each on a head of its own: cpu-10, cpu-20, tail, memory, start"),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="one look after four rounds, two confirming, no peak, all on one head: four minutes, for CI",
        ),
    ] = False,
    scenario: Annotated[
        str, typer.Option(help="`gate` is what real nights measure; takes longer")
    ] = "selftest",
    profile: Annotated[ProfileName, typer.Option(help="which cores go to whom")] = ProfileName.auto,
    budget: Annotated[str, typer.Option(help="time for all nights")] = _BUDGET,
    seed: Annotated[
        int,
        typer.Option(min=0, help="of the first night; the next ones count on"),
    ] = 1,
    file: Annotated[Path, typer.Option("--config", help="the rules")] = ROOT / "gate.yaml",
    results: Annotated[Path, typer.Option("--out", help="folder of results")] = RESULTS,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Prove the guard here: does it find slowdowns of known size, and leave identical twins alone? 1: it did not."""
    if context.invoked_subcommand:
        return
    from harness.compose import BUILDS, run_gate_request
    from harness.report.night import write_night
    from harness.selftest.handicaps import heads_named
    from harness.selftest.nights import SelftestOptions, run_selftest

    put_outcome_in(context, results)
    options = SelftestOptions(
        heads=heads_named(split(handicap), quick=quick),
        nights=nights,
        quick=quick,
        scenario=find_scenario(scenario),
        rules=read_gate_file(file),
        budget_s=duration_s(budget) or 0.0,
        seed=seed,
        results=results,
        builds=BUILDS,
        argv=tuple(command_line()),
    )
    with Progress(err, quiet=quiet) as progress:

        def night(asked: GateOptions) -> tuple[RunFolder, JsonObject]:
            run, found = run_gate_request(asked, "process", profile.value, progress)
            write_night(run)
            return run, found

        done = list(run_selftest(options, night, progress))
    told = _print(done, as_json=as_json)
    code, texts = worst(*(code for code, _ in told)), tuple(text for _, text in told)
    finish("selftest", results, code, texts, done[-1].run if done else None)


@selftest_app.command()
def show(
    runs: Annotated[list[Path], typer.Argument(help="folders of nights that selftest measured")],
    as_json: AsJson = False,
) -> None:
    """Count nights again, of several calls together; measures nothing. The exit code is that of all of them."""
    from harness.selftest.found import from_json
    from harness.selftest.nights import FILE
    from harness.store import read_json

    told = _print([from_json(read_json(run / FILE)) for run in runs], as_json=as_json)
    code = worst(*(code for code, _ in told))
    if code:
        finish("selftest show", RESULTS, code, tuple(text for _, text in told))


def _print(nights: Sequence[NightFound], *, as_json: bool) -> list[tuple[ExitCode, str]]:
    """Shows the nights together; answers what keeps the guard from being proven."""
    from harness.selftest.tally import reasons, tally_of, to_json

    if as_json:
        out.print_json(json.dumps(to_json(nights)))
    elif any(n.twins for n in nights):
        _print_tally(tally_of(nights))
    return list(reasons(nights))


def _print_tally(tally: Tally) -> None:
    table = Table(box=None)
    for heading in ("handicap", "metric", "arrived", "the guard saw", "in it", "found", "95 % bounds"):
        table.add_column(heading, justify="left" if heading in ("handicap", "metric") else "right")
    for name, tries in tally.tried.items():
        arrived = _span([t.arrived for t in tries], ".3g") + f" {tries[0].unit}"
        seen = _span([None if t.change_ratio is None else 100 * t.change_ratio for t in tries], "+.1f") + " %"
        in_metric, _ = _rate(tally.in_metric[name])
        table.add_row(name, tries[0].metric, arrived, seen, in_metric, *_rate(tally.found[name]))
    out.print(table)
    for what, rate in (
        ("identical twins, nights with a false alarm", tally.by_night),
        ("metrics with a false alarm", tally.by_metric),
        ("metrics called faster", tally.false_improvements),
    ):
        count, bounds = _rate(rate)
        out.print(f"{what}: {count} ({bounds})", highlight=False)


def _span(figures: Sequence[float | None], form: str) -> str:
    """`9.9`, of several `9.9 to 10.4`."""
    known = sorted(f for f in figures if f is not None)
    if not known:
        return MISSING
    return " to ".join(dict.fromkeys(format(f, form) for f in (known[0], known[-1])))


def _rate(rate: Rate) -> tuple[str, str]:
    low, high = rate.bounds
    return (
        f"{rate.happened} of {rate.tries}",
        f"{100 * low:.1f} to {100 * high:.1f} %" if rate.tries else MISSING,
    )
