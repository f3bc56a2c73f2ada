"""The final table on a terminal, within 100 columns; plain where colours are not wanted."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from harness.model import JsonObject
from harness.report import wording
from harness.report.glance import deciding
from harness.report.model import Column, Panel, Row, ScenarioSummary, Summary, from_json
from harness.report.numbers import figure_text, spread_text

WIDTH = 100
_HEAD_LETTERS = 12


def print_summary(console: Console, summary: JsonObject, paths: Mapping[str, Path]) -> None:
    """Prints what `write_all` gave. Raises StoreError when `summary` is none."""
    print_tables(console, from_json(summary))
    if "html" in paths:
        _line(console, f"\nReport: {_near(paths['html'])}", style="bold")


def print_tables(console: Console, summary: Summary) -> None:
    """Every scenario's panels with the remarks that belong to them."""
    console.print()
    for text in (f"{summary.run}: {wording.run_text(summary)}", wording.machine_text(summary.machine)):
        _remark(console, text, indent="")
    for caution in wording.cautions(summary):
        _remark(console, caution, style="yellow", indent="")
    for scenario in summary.scenarios:
        _scenario(console, scenario)
    _line(console, "")
    for text in wording.reload_texts(summary):
        _remark(console, text, indent="")
    for name, why in summary.skipped.items():
        _remark(console, f"skipped {name}: {wording.gist(why)}", style="yellow", indent="")
    for note in summary.notes:
        _remark(console, f"note: {note}", indent="")
    if summary.scenarios:
        console.print()
        console.print(_at_a_glance(summary.scenarios[0]), width=WIDTH)
        rows = [row for scenario in summary.scenarios for row in scenario.rows]
        if any(figure.best for row in rows for figure in row.figures.values()):
            _remark(console, "★ better than every other, as far as the trials tell")
        if not all(row.valid for row in rows):
            _remark(console, "* not valid, so not ranked")


def _scenario(console: Console, scenario: ScenarioSummary) -> None:
    console.print()
    _remark(console, f"{scenario.name}: {scenario.question}", style="bold", indent="")
    for panel in scenario.panels:
        console.print(_panel(scenario, panel), width=WIDTH)
    if scenario.promises:
        console.print(_promises(scenario), width=WIDTH)
    ruler = wording.ruler_text(scenario)
    if ruler:
        _remark(console, f"noise: {ruler}")
    for text in wording.best_texts(scenario):
        _remark(console, text)
    for target, text in wording.row_remarks(scenario):
        invalid = text.startswith("invalid")
        mark = "* " if invalid else ""
        _remark(console, f"{mark}{target}: {text}", style="yellow" if invalid else "dim")
    for column, reason in wording.missing_remarks(scenario):
        _remark(console, f"– {column}: {reason}")


def _panel(scenario: ScenarioSummary, panel: Panel) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), title=panel.title, title_justify="left"
    )
    table.title_style = "italic"
    table.add_column("target", no_wrap=True, overflow="ellipsis", max_width=24)
    columns = [scenario.columns[key] for key in panel.columns]
    for column in columns:
        table.add_column(_head(column), justify="right", no_wrap=True)
    if panel.kind == "service":
        table.add_column("payload")
        table.add_column("valid\ntrials", no_wrap=True)
    for row in scenario.rows:
        cells = [_cell(row, c) for c in columns]
        if panel.kind == "service":
            cells += [Text(row.facts.get("payload", "–")), Text(wording.valid_text(row))]
        style = "dim" if not row.valid or row.twin else ""
        table.add_row(_name(row), *cells, style=style)
    return table


def _at_a_glance(scenario: ScenarioSummary) -> Table:
    """The few figures that decide, last, where they are seen first."""
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        title=f"At a glance: {scenario.name}",
        title_justify="left",
    )
    table.title_style = "bold"
    table.add_column("target", no_wrap=True, overflow="ellipsis", max_width=24, vertical="bottom")
    columns = list(deciding(scenario))
    for title, column in columns:
        unit = "" if column.display == "/s" else column.display
        head = "\n".join([*textwrap.wrap(title, _HEAD_LETTERS), unit])
        table.add_column(head, justify="right", no_wrap=True, vertical="bottom")
    table.add_column("valid\ntrials", no_wrap=True, vertical="bottom")
    for row in scenario.rows:
        cells = [_cell(row, column) for _, column in columns]
        style = "dim" if not row.valid or row.twin else ""
        table.add_row(_name(row), *cells, Text(wording.valid_text(row)), style=style)
    return table


def _name(row: Row) -> Text:
    """A row that is not valid is marked in words too: not everybody sees the colours."""
    return Text(wording.target_text(row) + ("" if row.valid else " *"))


def _head(column: Column) -> str:
    """Title over unit; a long title takes two lines."""
    title = column.title.replace(" ", "\n") if len(column.title) > 8 else column.title
    return f"{title}\n{column.display}"


def _cell(row: Row, column: Column) -> Text:
    figure = row.figures[column.key]
    star = "★ " if figure.best else ""
    text = Text(star + figure_text(figure, column.display), style="bold green" if star else "")
    spread = spread_text(figure) if column.ranked and column.headline and row.valid else ""
    return text.append(f" {spread}", style="dim not bold") if spread else text


def _promises(scenario: ScenarioSummary) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), title="Promises", title_justify="left"
    )
    names = {row.case: row.target for row in scenario.rows}
    for heading in ("item", "target", "measured", "promised", "met"):
        table.add_column(heading)
    for promise in scenario.promises:
        cells = (promise.item, names[promise.row], *wording.promise_text(promise))
        style = {True: "", False: "red", None: "dim"}[promise.met]
        table.add_row(*(Text(c) for c in cells), style=style)
    return table


def _remark(console: Console, text: str, style: str = "dim", indent: str = "  ") -> None:
    """What is longer than a line goes on a little further in."""
    for line in textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  ", break_on_hyphens=False
    ):
        _line(console, line, style)


def _line(console: Console, text: str, style: str = "") -> None:
    console.print(escape(text), style=style, highlight=False, soft_wrap=True)


def _near(path: Path) -> str:
    """Relative to where we are, if it lies below."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
