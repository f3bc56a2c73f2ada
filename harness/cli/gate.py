"""The nightly guard: compare head with base, show a night again, accept a revision."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.catalogue import ROOT, find_scenario, read_gate_file
from harness.cli.ending import add_step_summary, err, finish, out, say, warn
from harness.cli.options import (
    RESULTS,
    DriverName,
    DriverOption,
    ProfileName,
    Quiet,
    Targets,
    command_line,
    duration_s,
    targets_named,
)
from harness.errors import ExitCode, UsageError
from harness.gate_file import GateFile
from harness.model import JsonObject
from harness.progress import Progress

gate_app = typer.Typer(add_completion=False, rich_markup_mode=None)

_PROBE_S = 20.0
_QUICK_PROBE_S = 4.0
_QUICK_LOOKS = (4,)


_RUNTIME_USE = (
    "--head-runtime knows only `latest`, has the runtime in use as its base, and builds on this machine: "
    "leave out --base and --driver docker"
)


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
        bool, typer.Option("--advance", help="accept head in gate.yaml after `no change` or `improvement`")
    ] = False,
    file: Annotated[Path, typer.Option("--config", help="the rules")] = ROOT / "gate.yaml",
    results: Annotated[Path, typer.Option("--out", help="folder of results")] = RESULTS,
    quiet: Quiet = False,
) -> None:
    """Did head become slower than base? Both are built and measured in pairs, here and now; 1 is a regression."""
    if context.invoked_subcommand:
        return
    from harness.compose import BUILDS, run_gate_request
    from harness.gate.accept import advance as advanced
    from harness.gate.runtimes import sides, upgrades
    from harness.gate.session import GateOptions, estimate_text
    from harness.gate.sources import find_side, resolve, working_tree
    from harness.history import append, night_lines
    from harness.report.night import print_night, write_night
    from harness.report.outputs import write_all

    rules = read_gate_file(file)
    if quick:
        rules = rules.model_copy(update={"looks": _QUICK_LOOKS})
    own = targets_named(target or list(rules.targets), None)
    now = resolve(head, ROOT, BUILDS / "gate") if head else working_tree(ROOT)
    if head_runtime is not None:
        if head_runtime != "latest" or base is not None or driver is DriverName.docker:
            raise UsageError(_RUNTIME_USE)
        driver = DriverName.process
        found = upgrades([find_side(now, t.id, t) for t in own], BUILDS / "gate" / "runtimes")
        pairs = [u for u in found.upgrades if u.newest != u.pinned]
        for line in found.left_out:
            err.print(line, highlight=False, markup=False)
        if not pairs:
            code = ExitCode.DONE if found.upgrades else ExitCode.USAGE
            finish("gate", results, code, ("no target has a newer runtime that it could be compared with",))
        before, now = sides(pairs, now)
        both = [(p.base, p.head) for p in pairs]
    else:
        before = resolve(base or _usual_base(rules), ROOT, BUILDS / "gate")
        both = [(find_side(before, t.id, t), find_side(now, t.id, t)) for t in own]
    options = GateOptions(
        file=rules,
        scenario=find_scenario(scenario or rules.scenario),
        base=before,
        head=now,
        base_targets=[b for b, _ in both],
        head_targets=[h for _, h in both],
        budget_s=duration_s(budget) or rules.budget,
        seed=seed,
        probe_s=_QUICK_PROBE_S if quick else _PROBE_S,
        results=results,
        workspace=BUILDS,
        argv=command_line(),
    )
    with Progress(err, quiet=quiet) as progress:
        progress.line(f"head {now.text} against base {before.text}, at most about {estimate_text(options)}")
        run, night = run_gate_request(options, driver.value, profile.value, progress)
        progress.live("writing the report")
        write_night(run)
        if night["targets"]:
            write_all(run)
            write_night(run)
    if not quick:
        for text in append(results / "history", night_lines(run.read_run(), night)):
            warn(text)
    print_night(out, night)
    add_step_summary(run.path / "gate.md")
    if advance:
        out.print(advanced(file, ROOT, night), highlight=False, markup=False)
    reasons = tuple(night["reasons"]) if night["exit_code"] else ()
    finish("gate", results, ExitCode(night["exit_code"]), reasons, run.run_id)


def _usual_base(rules: GateFile) -> str:
    """The accepted revision; before there is one, this checkout's own commit, and what to do about that."""
    if rules.accepted is not None:
        return rules.accepted.revision
    err.print(
        "no revision is accepted yet, so base is HEAD: a checkout without changes shows how much noise there is here. "
        'Then type: harness gate accept HEAD --reason "the first night"   (or another: --base REV)',
        highlight=False,
        markup=False,
    )
    return "HEAD"


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
        typer.Argument(help="nights whose sides were one artifact (gate --base HEAD), or files of --keep"),
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
    from harness.report.night import read_night
    from harness.store import open_run, read_json, write_json

    given: list[JsonObject] = []
    for run in runs:
        given += read_json(run)["nights"] if run.is_file() else [read_night(open_run(run))]
    material = material_of(given)
    if keep is not None:
        write_json(keep, material_json(given))
    found = rehearse(material, rules_of(read_gate_file(file)), nights, seed)
    listed = ", ".join(
        f"{t}: {n} trials of {len(material.sessions[t])} nights" for t, n in material.trials.items()
    )
    say(f"drawn from {listed}; metrics: {', '.join(material.metrics)}")
    say(f"nights with any false alarm, of {nights:,}: {found.alarms.text}")
    table = Table(box=None)
    for heading in ("metric", "change", "found, 95 % bounds", *(f"{n} pairs" for n in CURVE_PAIRS)):
        table.add_column(heading, justify="left" if heading == "metric" else "right")
    for one in found.detections:
        shares = [f"{found.curve[one.metric, one.effect_ratio, n]:.0%}" for n in CURVE_PAIRS]
        table.add_row(one.metric, f"{one.effect_ratio:.0%}", one.rate.text, *shares)
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
