"""A run's results → the files that show it. Nothing is measured; the same results give the same bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from harness.model import JsonObject
from harness.report import terminal
from harness.report.html import Page, make_page
from harness.report.markdown import to_markdown
from harness.report.metrics import Record
from harness.report.model import Summary, to_json
from harness.report.summary import summarise
from harness.report.tidy_csv import to_csv
from harness.store import RunFolder, write_atomically


@dataclass(frozen=True)
class Shown:
    """A run read once: its documents and the summary made of them."""

    run: RunFolder
    document: JsonObject
    trials: list[Record]
    summary: Summary


def read(run: RunFolder) -> Shown:
    """Raises StoreError when the results cannot be read."""
    document = run.read_run()
    trials: list[Record] = list(run.trials())
    return Shown(run, document, trials, summarise(document, trials, run.run_id))


def write_all(run: RunFolder) -> tuple[JsonObject, dict[str, Path]]:
    """Writes every format into the run's folder: (the summary as JSON, format → path). Raises StoreError."""
    shown = read(run)
    texts = {"json": _json(shown), "md": to_markdown(shown.summary), "csv": _csv(shown)}
    paths = {}
    for name, text in texts.items():
        paths[name] = run.path / f"summary.{name}"
        write_atomically(paths[name], text)
    made = _page(shown)
    paths["html"] = run.path / "report.html"
    write_atomically(paths["html"], made.html)
    for picture in made.pictures:
        write_atomically(run.path / "charts" / f"{picture.name}.svg", picture.svg)
        (run.path / "charts" / f"{picture.name}.png").write_bytes(picture.png)
    return to_json(shown.summary), paths


def render(run: RunFolder, format: str, console: Console) -> str | None:
    """The text of one format; a table is printed to the console, and gives None. Raises StoreError."""
    shown = read(run)
    if format == "md":
        return to_markdown(shown.summary)
    if format == "csv":
        return _csv(shown)
    if format == "json":
        return _json(shown)
    if format == "html":
        return _page(shown).html
    terminal.print_tables(console, shown.summary)
    return None


def _page(shown: Shown) -> Page:
    return make_page(shown.run.path, shown.document, shown.trials, shown.summary)


def _json(shown: Shown) -> str:
    return json.dumps(to_json(shown.summary), indent=1, ensure_ascii=False) + "\n"


def _csv(shown: Shown) -> str:
    return to_csv(shown.document, shown.trials, shown.run.run_id)
