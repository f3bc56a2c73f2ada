"""The commands that show what was measured, again or beside something else; they measure nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.ending import finish, give, out, say, warn
from harness.cli.options import RESULTS, CompareFormat, Format, TrendFormat, split
from harness.errors import ExitCode, UsageError
from harness.units import counted


def report(
    run: Annotated[Path, typer.Argument(help="a run's folder")] = RESULTS / "latest",
    format: Annotated[Format, typer.Option("--format", "-f", help="what to write")] = Format.table,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="file (default: standard output)")
    ] = None,
    index: Annotated[
        Path | None, typer.Option("--index", help="write index.html and trend.html of this folder instead")
    ] = None,
) -> None:
    """Show a run again from its saved results; measures nothing."""
    from harness.report.outputs import render, write_index
    from harness.store import open_run

    if index is not None:
        if not index.is_dir():
            raise UsageError(f"--index {index}: no such folder")
        say(f"written: {write_index(index)}")
    else:
        give(render(open_run(run), format.value, out), output)


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
    give(render_versus(compared([open_run(r) for r in runs], force=force), format.value, out), output)


def trend(
    target: Annotated[
        list[str] | None, typer.Option("--target", "-t", help="of these alone; several, or with commas")
    ] = None,
    scenario: Annotated[list[str] | None, typer.Option("--scenario", help="the same of scenarios")] = None,
    format: Annotated[TrendFormat, typer.Option("--format", "-f", help="what to write")] = TrendFormat.table,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="file (default: standard output)")
    ] = None,
    history: Annotated[Path, typer.Option(help="folder of history")] = RESULTS / "history",
) -> None:
    """Since which night is a figure another one, by how much, between which revisions? From results/history/."""
    from harness.report.outputs import render_trend, trend_of

    if not history.is_dir() and history != RESULTS / "history":
        raise UsageError(f"--history {history}: no such folder")
    found = trend_of(history, split(target), split(scenario))
    for text in found.dropped:
        warn(text)
    give(render_trend(found, format.value, out), output)


def audit(
    file: Annotated[Path, typer.Argument(help="a table: Markdown, CSV, YAML, or a run's summary.json")],
    cores: Annotated[
        float | None, typer.Option(help="cores of the service, where the table does not say")
    ] = None,
    connections: Annotated[int | None, typer.Option(help="concurrent callers, likewise")] = None,
    body_bytes: Annotated[int | None, typer.Option(help="size of a body, likewise")] = None,
    permits: Annotated[int | None, typer.Option(help="checks allowed at once, likewise")] = None,
    link_gbit_s: Annotated[float | None, typer.Option(help="speed of the network, likewise")] = None,
) -> None:
    """Check a published table by arithmetic; ends with 1 when something in it cannot be."""
    from harness.report.audit import audit_file, audit_text
    from harness.report.audit_tables import Workload

    assumed = Workload(
        cores=cores,
        connections=connections,
        body_bytes=body_bytes,
        permits=permits,
        link_gbit_s=link_gbit_s,
    )
    found = audit_file(file, assumed)
    out.print(audit_text(found), markup=False, highlight=False)
    if found.contradictions:
        reason = f"{file}: {counted(len(found.contradictions), 'contradiction')}"
        finish("audit", RESULTS, ExitCode.BROKEN_PROMISE, (reason,))
