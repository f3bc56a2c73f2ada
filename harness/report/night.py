"""A night of the guard, shown: terminal, Markdown, JUnit and a page, all from its `gate.json` alone."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.model import JsonObject
from harness.probes.noise import noise_text
from harness.report.markdown import bullets, escaped, table
from harness.report.numbers import significant, value_text
from harness.report.templating import render_page
from harness.store import RunFolder, read_json, write_atomically
from harness.units import change_percent, counted

HEADS = ("target", "figure", "base", "head", "change", "verdict")
_WIDTH = 118
_COLOURS = {"slower": "red", "faster": "green", "same": "", "cannot tell": "yellow"}
_CLASSES = {"slower": "fails", "faster": "meets", "same": "", "cannot tell": ""}


@dataclass(frozen=True, slots=True)
class Line:
    """A metric of a target. `cells` as in HEADS; `word`: slower, faster, same or cannot tell."""

    word: str
    alert: bool
    cells: tuple[str, ...]
    pairs: tuple[str, ...]


def lines(night: JsonObject) -> Iterator[Line]:
    """Every metric of every target in their order."""
    for target in night["targets"]:
        for metric in target["metrics"]:
            unit = f" {metric['display']}"
            yield Line(
                word=metric["word"],
                alert=metric["alert"],
                cells=(
                    target["target"],
                    metric["title"] + (f" ({metric['window']})" if metric["window"] else ""),
                    value_text(metric["base"], metric["display"]) + unit,
                    value_text(metric["head"], metric["display"]) + unit,
                    "–" if metric["ratio"] is None else change_percent(metric["ratio"]),
                    metric["text"],
                ),
                pairs=tuple(
                    change_percent(p["head"] / p["base"]) for p in (*metric["pairs"], *metric["further"])
                ),
            )


def heading(night: JsonObject) -> str:
    """`no change: head 1a2b3c4 against base 5d6e7f8`."""
    return f"{night['verdict']}: head {night['head']['text']} against base {night['base']['text']}"


def how(night: JsonObject) -> str:
    """How the night went, in one line."""
    count = counted(night["rounds"], "round")
    looks = ", ".join(f"after {look['rounds']} at {significant(look['level'])}" for look in night["looks"])
    parts = [count, f"looked at {looks}" if looks else "no look", f"seed {night['seed']}"]
    if night["cut_short"]:
        parts.append("cut short by the budget")
    if night["status"] != "complete":
        parts.insert(0, night["status"])
    return ", ".join(parts)


def remarks(night: JsonObject) -> list[str]:
    found = list(night["reasons"])
    found += [f"skipped {name}: {why}" for name, why in night["skipped"].items()]
    same = [t["target"] for t in night["targets"] if t["same_artifact"]]
    if same:
        found.append(f"both sides are one and the same build of {', '.join(same)}")
    for target in night["targets"]:
        pairs = f"{target['target']}: {counted(target['pairs'], 'pair')}"
        were = "was" if target["lost"] == 1 else "were"
        lost = f", {target['lost']} more {were} lost to invalid trials" if target["lost"] else ""
        stopped = f"; measured no further because of {target['stopped_by']}" if target["stopped_by"] else ""
        found.append(pairs + lost + stopped.replace("because of all the same", "as all was the same"))
    return [*found, *night.get("notes", ()), f"noise before it: {noise_text(night['noise'])}"]


def print_night(console: Console, night: JsonObject) -> None:
    console.print(f"\n{escape(heading(night))}", style="bold", highlight=False)
    console.print(escape(how(night)), style="dim", highlight=False)
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, head in enumerate(HEADS):
        shown.add_column(head, justify="right" if 2 <= place <= 4 else "left")
    for line in lines(night):
        colour = _COLOURS[line.word]
        verdict = escape(line.cells[-1])
        shown.add_row(*map(escape, line.cells[:-1]), f"[{colour}]{verdict}[/]" if colour else verdict)
    if night["targets"]:
        console.print(shown, width=_WIDTH)
    for text in remarks(night):
        console.print(f"  {escape(text)}", style="dim", highlight=False)


def night_markdown(night: JsonObject) -> str:
    parts = [
        f"## Gate: {escaped(heading(night))}",
        "",
        f"Run {escaped(night['run'])}: {escaped(how(night))}.",
    ]
    rows = [
        [
            *map(escaped, line.cells[:-1]),
            f"**{escaped(line.cells[-1])}**" if line.alert else escaped(line.cells[-1]),
        ]
        for line in lines(night)
    ]
    if rows:
        parts += ["", *table(HEADS, rows, left={0, 1, 5})]
    return "\n".join([*parts, *bullets(remarks(night))]) + "\n"


def night_junit(night: JsonObject) -> str:
    """A case for each metric: slower fails, what cannot be told is skipped, all else passes."""
    root = ET.Element("testsuites", name=f"gate {night['run']}")
    for target in night["targets"]:
        suite = ET.SubElement(root, "testsuite", name=target["target"])
        _notes(suite, night)
        words = []
        for metric, line in zip(target["metrics"], lines({"targets": [target]}), strict=True):
            case = ET.SubElement(suite, "testcase", classname=f"gate.{target['target']}", name=line.cells[1])
            words.append(metric["word"])
            if metric["word"] == "slower":
                ET.SubElement(case, "failure", message=metric["text"])
            elif metric["word"] == "cannot tell":
                ET.SubElement(case, "skipped", message=metric["text"])
        suite.set("tests", str(len(words)))
        suite.set("failures", str(words.count("slower")))
        suite.set("skipped", str(words.count("cannot tell")))
    if not night["targets"]:
        suite = ET.SubElement(root, "testsuite", name="gate", tests="1", failures="0", skipped="1")
        _notes(suite, night)
        case = ET.SubElement(suite, "testcase", classname="gate", name="night")
        ET.SubElement(case, "skipped", message="; ".join(night["reasons"]))
    ET.indent(root)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text.decode() + "\n"


def _notes(suite: ET.Element, night: JsonObject) -> None:
    if notes := night.get("notes"):
        properties = ET.SubElement(suite, "properties")
        for note in notes:
            ET.SubElement(properties, "property", name="note", value=note)


def night_page(night: JsonObject) -> str:
    shown: list[dict[str, Any]] = [
        {"cells": line.cells, "kind": _CLASSES[line.word], "pairs": line.pairs} for line in lines(night)
    ]
    return render_page(
        "night.html",
        night=night,
        heading=heading(night),
        how=how(night),
        heads=HEADS,
        lines=shown,
        remarks=remarks(night),
        trials=bool(night["targets"]),
    )


def write_night(run: RunFolder) -> tuple[JsonObject, dict[str, Path]]:
    """Writes `gate.md`, `junit.xml` and `gate.html` beside `gate.json`. Raises StoreError."""
    night = read_night(run)
    files = {
        "md": ("gate.md", night_markdown(night)),
        "junit": ("junit.xml", night_junit(night)),
        "html": ("gate.html", night_page(night)),
    }
    for name, text in files.values():
        write_atomically(run.path / name, text)
    return night, {kind: run.path / name for kind, (name, _) in files.items()}


def read_night(run: RunFolder) -> JsonObject:
    """Raises StoreError where there is none, or one of another schema."""
    return read_json(run.path / "gate.json")
