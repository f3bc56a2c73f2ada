"""A comparison of runs on a terminal and in Markdown."""

from __future__ import annotations

import textwrap
from collections import Counter

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from harness.report import wording
from harness.report.markdown import bullets, escaped, table
from harness.report.numbers import value_text
from harness.report.versus_model import Effect, Sources, Unlikeness, Versus
from harness.units import counted

HEADS = ("target", "figure", "first", "other", "change with its 95 % interval")


def print_versus(console: Console, versus: Versus) -> None:
    """Differences around the runs on top, then each scenario's figures; within 100 columns."""
    for number, run in enumerate(versus.runs):
        which = "first" if number == 0 else "other"
        _line(console, f"{which}: {run.run}, revision {_short(run.revision)}, {wording.run_text(run)}")
    for caution in cautions(versus):
        _line(console, caution, "yellow")
    _line(console, around_text(versus), "dim")
    for difference in versus.unlike:
        _line(console, unlike_text(difference), "yellow" if difference.grave else "dim")
    for scenario in versus.scenarios:
        console.print(_table(versus, scenario), width=100)
    _line(console, counts_text(versus), "bold")


def _table(versus: Versus, scenario: str) -> Table:
    made = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), title=scenario, title_justify="left"
    )
    for heading in HEADS:
        made.add_column(heading, justify="right" if heading in ("first", "other") else "left")
    for effect in versus.of(scenario):
        verdict = effect.comparison.verdict if effect.comparison else "cannot tell"
        style = {"faster": "green", "slower": "red", "same": "", "cannot tell": "dim"}[verdict]
        made.add_row(*(Text(cell) for cell in cells(effect, versus)), style=style)
    return made


def versus_markdown(versus: Versus) -> str:
    """Ends in a newline."""
    parts = ["## Runs compared", ""]
    parts += [
        f"- {escaped(r.run)}, revision {_short(r.revision)}: {escaped(wording.run_text(r))}"
        for r in versus.runs
    ]
    for caution in cautions(versus):
        parts += ["", f"> **{escaped(caution)}**"]
    parts += ["", escaped(around_text(versus))]
    parts += bullets([unlike_text(u) for u in versus.unlike])
    parts += ["", counts_text(versus)]
    for scenario in versus.scenarios:
        rows = [[escaped(c) for c in cells(e, versus)] for e in versus.of(scenario)]
        parts += ["", f"### {escaped(scenario)}", "", *table(HEADS, rows, left={0, 1, 4})]
    return "\n".join(parts) + "\n"


def cells(effect: Effect, versus: Versus) -> tuple[str, str, str, str, str]:
    """Under `HEADS`; with several others the target's cell names the run."""
    several = len(versus.runs) > 2
    column = effect.column
    unit = f" {column.display}".replace(" /s", "/s") if column.display else ""
    first, other = (
        "–" if value is None else f"{value_text(value, column.display)}{unit}"
        for value in (effect.first, effect.other)
    )
    target = f"{effect.target} in {effect.run}" if several else effect.target
    return target, wording.column_text(column), first, other, wording.effect_text(effect)


def counts_text(versus: Versus) -> str:
    """`Of 24 figures 2 are worse, 1 is better, 9 are the same; of 12 nothing can be told.`"""
    verdicts: Counter[str] = Counter(
        e.comparison.verdict if e.comparison else "cannot tell" for e in versus.effects
    )
    told = [
        f"{count} {'is' if count == 1 else 'are'} {word}"
        for verdict, word in (("slower", "worse"), ("faster", "better"), ("same", "the same"))
        if (count := verdicts[verdict])
    ]
    unknown, figures = verdicts["cannot tell"], len(versus.effects)
    if not told:
        which = "the one figure" if figures == 1 else f"any of the {figures} figures"
        return f"Nothing can be told of {which}."
    rest = f"; of {unknown} nothing can be told" if unknown else ""
    return f"Of {counted(figures, 'figure')} {', '.join(told)}{rest}."


def sources_text(found: Sources) -> str:
    """`Different revisions; the same build of go, another of rust-axum; measured by the same code.`"""
    parts = [
        {
            True: "one and the same revision",
            False: "different revisions",
            None: "revisions unknown, or with changes that are not in them",
        }[found.revision]
    ]
    if found.same and found.other:
        parts.append(
            f"the same build of {wording.listed(found.same)}, another of {wording.listed(found.other)}"
        )
    elif found.same or found.other:
        parts.append(f"every service is {'the same' if found.same else 'another'} build")
    else:
        parts.append("whether the services are the same builds is not known")
    if found.harness is not None:
        parts.append(f"measured by {'the same' if found.harness else 'other'} code")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def around_text(versus: Versus) -> str:
    """What the sources have in common, and the rest where nothing of it differs."""
    found, text = versus.sources, sources_text(versus.sources)
    if versus.unlike:
        return text
    text += " Machine, toolchains, driver, engine, placement and scenarios are the same."
    if found.harness and found.same and not found.other:
        text += " So a difference is noise, or what the machine did meanwhile."
    return text


def cautions(versus: Versus) -> list[str]:
    found = (
        ["compared by force: these runs are unlike, so a difference may be the machine's"]
        if versus.forced
        else []
    )
    for run in versus.runs:
        found += [text for text in wording.cautions(run) if text not in found]
    return found


def unlike_text(difference: Unlikeness) -> str:
    return f"{difference.run}: other {difference.name}: {difference.other}, was {difference.first}"


def _short(revision: str | None) -> str:
    return (revision or "unknown")[:12]


def _line(console: Console, text: str, style: str = "") -> None:
    for line in textwrap.wrap(text, 100, subsequent_indent="  ", break_on_hyphens=False):
        console.print(escape(line), style=style, highlight=False, soft_wrap=True)
