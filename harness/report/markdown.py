"""The summary as Markdown, for a comment on a pull request or a step summary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.report import wording
from harness.report.model import Column, Panel, Row, ScenarioSummary, Summary
from harness.report.numbers import figure_text, spread_text


def to_markdown(summary: Summary) -> str:
    """The whole run; ends in a newline."""
    parts = [
        f"## Run {escaped(summary.run)}",
        "",
        f"{wording.run_text(summary)}. {wording.machine_text(summary.machine)}.",
    ]
    for caution in wording.cautions(summary):
        parts += ["", f"> **{escaped(caution)}**"]
    for scenario in summary.scenarios:
        parts += _scenario(scenario)
    remarks = [f"skipped {name}: {wording.gist(why)}" for name, why in summary.skipped.items()]
    parts += bullets([*wording.reload_texts(summary), *remarks, *summary.notes])
    return "\n".join(parts) + "\n"


def _scenario(scenario: ScenarioSummary) -> list[str]:
    parts = ["", f"### {scenario.name}", "", escaped(scenario.question)]
    for panel in scenario.panels:
        parts += [
            "",
            f"**{escaped(panel.title)}** – {escaped(panel.note)}",
            "",
            *panel_table(scenario, panel),
        ]
    if scenario.promises:
        parts += ["", "**Promises**", "", *_promises(scenario)]
    ruler = wording.ruler_text(scenario)
    remarks = [f"noise: {ruler}"] if ruler else []
    remarks += wording.best_texts(scenario)
    remarks += [f"{target}: {text}" for target, text in wording.row_remarks(scenario)]
    remarks += [f"– {column}: {reason}" for column, reason in wording.missing_remarks(scenario)]
    return parts + bullets(remarks)


def panel_table(scenario: ScenarioSummary, panel: Panel) -> list[str]:
    """The lines of one table."""
    columns = [scenario.columns[key] for key in panel.columns]
    heads = ["target", *(f"{c.title} ({c.display})" if c.display else c.title for c in columns)]
    tail = ["payload", "trials valid"] if panel.kind == "service" else []
    rows = []
    for row in scenario.rows:
        cells = [escaped(wording.target_text(row)), *(_cell(row, c) for c in columns)]
        if tail:
            cells += [row.facts.get("payload", "–"), wording.valid_text(row)]
        rows.append(cells)
    return table([*heads, *tail], rows, left={0, *range(len(heads), len(heads) + len(tail))})


def _cell(row: Row, column: Column) -> str:
    figure = row.figures[column.key]
    text = figure_text(figure, column.display)
    text = f"**{text}**" if figure.best else text
    spread = spread_text(figure) if column.ranked and column.headline and row.valid else ""
    text = f"{text} {spread}" if spread else text
    return text if row.valid else f"_{text}_"


def _promises(scenario: ScenarioSummary) -> list[str]:
    names = {row.case: row.target for row in scenario.rows}
    rows = [[escaped(c) for c in (p.item, names[p.row], *wording.promise_text(p))] for p in scenario.promises]
    return table(["item", "target", "measured", "promised", "met"], rows, left=set(range(5)))


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], left: set[int]) -> list[str]:
    rule = [":--" if i in left else "--:" for i in range(len(heads))]
    return [f"| {' | '.join(line)} |" for line in (heads, rule, *rows)]


def bullets(texts: Sequence[str]) -> list[str]:
    return ["", *(f"- {escaped(t)}" for t in texts)] if texts else []


def escaped(text: str) -> str:
    """What Markdown or HTML within it would take for markup."""
    for sign in "\\`*_[]<>|":
        text = text.replace(sign, f"\\{sign}" if sign not in "<>" else {"<": "&lt;", ">": "&gt;"}[sign])
    return text
