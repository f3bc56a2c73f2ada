"""A run's results → the files that show it. Nothing is measured; the same results give the same bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from harness.errors import HarnessError, StoreError, UsageError
from harness.model import JsonObject
from harness.report import terminal, trend_text, versus_text, wording
from harness.report.html import Page, index_page, make_page, versus_page
from harness.report.index import Listed, page_link
from harness.report.junit import to_junit
from harness.report.markdown import to_markdown
from harness.report.metrics import Record
from harness.report.model import Summary, from_json, to_json
from harness.report.summary import summarise
from harness.report.tidy_csv import to_csv
from harness.report.trend import chosen, read_trend
from harness.report.trend_model import Trend
from harness.report.trend_page import trend_page
from harness.report.versus import RunRead, compare_runs
from harness.report.versus_model import Versus
from harness.store import RunFolder, open_run, read_json, write_atomically


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
    page = _page(shown)
    files = {
        "json": ("summary.json", _json(shown)),
        "md": ("summary.md", to_markdown(shown.summary)),
        "csv": ("summary.csv", _csv(shown)),
        "junit": ("junit.xml", to_junit(shown.summary)),
        "html": ("report.html", page.html),
    }
    for name, text in files.values():
        write_atomically(run.path / name, text)
    remark = ". ".join([wording.machine_text(shown.summary.machine), *wording.cautions(shown.summary)])
    for picture in page.pictures:
        svg, png = picture.alone(remark)
        write_atomically(run.path / "charts" / f"{picture.name}.svg", svg)
        _write_bytes(run.path / "charts" / f"{picture.name}.png", png)
    return to_json(shown.summary), {kind: run.path / name for kind, (name, _) in files.items()}


def render(run: RunFolder, format: str, console: Console) -> str | None:
    """The text of one format (table, md, csv, json, html, junit); a table is printed to the console, and gives None.

    Raises StoreError.
    """
    shown = read(run)
    if format == "table":
        terminal.print_tables(console, shown.summary)
        return None
    makers = {
        "md": lambda: to_markdown(shown.summary),
        "csv": lambda: _csv(shown),
        "json": lambda: _json(shown),
        "html": lambda: _page(shown).html,
        "junit": lambda: to_junit(shown.summary),
    }
    return makers[format]()


def broken_promises(summary: Summary) -> list[str]:
    """A sentence for each service level that a run broke; what cannot be told is not broken."""
    return [
        f"{promise.row}: {promise.item} was promised and not kept"
        for scenario in summary.scenarios
        for promise in scenario.promises
        if promise.met is False
    ]


# --- several runs ----------------------------------------------------------------------------------------------


def compare(runs: Sequence[RunFolder], *, force: bool = False) -> Versus:
    """The runs against the first of them. Raises UsageError for unlike ones unless forced, StoreError."""
    read_runs = [read(run) for run in runs]
    return compare_runs([RunRead(s.document, s.trials, s.summary) for s in read_runs], force=force)


def render_versus(versus: Versus, format: str, console: Console) -> str | None:
    """The text of one format (table, md, html); a table is printed to the console, and gives None."""
    if format == "table":
        versus_text.print_versus(console, versus)
        return None
    return versus_text.versus_markdown(versus) if format == "md" else versus_page(versus)


def trend_of(history: Path, targets: Sequence[str] = (), scenarios: Sequence[str] = ()) -> Trend:
    """The trend of those named (none: of all). Raises UsageError for a name without history, StoreError."""
    trend = read_trend(history)
    for wanted, known, what in (
        (targets, {s.target for s in trend.series}, "target"),
        (scenarios, {s.scenario for s in trend.series}, "scenario"),
    ):
        for name in wanted:
            if trend.series and name not in known:
                raise UsageError(
                    f"no night of {what} {name!r} in {history}; there are: {', '.join(sorted(known))}"
                )
    return chosen(trend, targets, scenarios)


def render_trend(trend: Trend, format: str, console: Console) -> str | None:
    """The text of one format (table, md, json); a table is printed to the console, and gives None."""
    if format == "table":
        trend_text.print_trend(console, trend)
        return None
    if format == "md":
        return trend_text.trend_markdown(trend)
    return json.dumps(trend_text.trend_json(trend), indent=1, ensure_ascii=False) + "\n"


def write_index(results: Path) -> Path:
    """Writes `index.html` of all runs in the folder, and `trend.html` of its history, which it links to.

    Runs that cannot be read are named in it. Raises StoreError.
    """
    listed, unread = [], []
    for folder in sorted(p.parent for p in results.glob("*/run.json") if not p.parent.is_symlink()):
        try:
            listed.append(Listed(_summary_of(folder), page_link(folder, results), _night_word(folder)))
        except (HarnessError, LookupError, TypeError, ValueError, AttributeError) as error:
            unread.append(f"{folder.name}: {error or type(error).__name__}")
    write_atomically(results / "trend.html", trend_page(read_trend(results / "history")))
    path = results / "index.html"
    write_atomically(path, index_page(listed, unread))
    return path


def _night_word(folder: Path) -> str | None:
    """What a night of the guard came to; None for a bench."""
    night = folder / "gate.json"
    return str(read_json(night)["verdict"]) if night.is_file() else None


def _summary_of(folder: Path) -> Summary:
    """The saved summary, or one made anew where there is none of this version."""
    saved = folder / "summary.json"
    if saved.is_file():
        try:
            return from_json(read_json(saved))
        except StoreError:
            pass
    return read(open_run(folder)).summary


# --- one format each -------------------------------------------------------------------------------------------


def _page(shown: Shown) -> Page:
    return make_page(shown.run.path, shown.document, shown.trials, shown.summary)


def _json(shown: Shown) -> str:
    return json.dumps(to_json(shown.summary), indent=1, ensure_ascii=False) + "\n"


def _csv(shown: Shown) -> str:
    return to_csv(shown.document, shown.trials, shown.run.run_id)


def _write_bytes(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error
