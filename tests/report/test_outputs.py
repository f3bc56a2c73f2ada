"""The files: as they were approved, the same bytes each time, safe to look at."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from report.made import FOUR, Making, make_run
from rich.console import Console

from harness.model import JsonObject
from harness.report.charts.records import course
from harness.report.html import make_page
from harness.report.junit import to_junit
from harness.report.markdown import to_markdown
from harness.report.model import to_json
from harness.report.outputs import broken_promises, read, render, write_all
from harness.report.summary import summarise
from harness.report.terminal import print_summary, print_tables
from harness.report.tidy_csv import to_csv
from harness.store import RunFolder

GOLDEN = Path(__file__).parent / "golden"
APPROVE = os.environ.get("APPROVE") == "1"
"""`APPROVE=1 pytest tests/report` writes the golden files anew; look at the difference before you keep it."""


def approved(name: str, text: str) -> str:
    path = GOLDEN / name
    if APPROVE:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return path.read_text(encoding="utf-8")


def rendered(run: RunFolder, format: str) -> str:
    text = render(run, format, Console())
    assert text is not None
    return text


GOLDEN_RUN = Making(
    targets={
        "go": FOUR["go"],
        "rust-axum": FOUR["rust-axum"],
        "late": replace(FOUR["ts-elysia"], label="late <b>", late_ratio=0.05),
        "wrong": replace(FOUR["ts-elysia"], label="wrong", broken=True),
    },
    scenarios=("routing-4kb", "million-a-day", "reload", "memory", "cold-start"),
    rounds=2,
    scale=0.12,
    seed=2,
    skipped={"java-webflux": "a JDK of version 25 or newer is needed: apt-get install openjdk-25-jdk"},
)


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> tuple[JsonObject, list[JsonObject]]:
    """run.json and trials as they were when the golden files were approved: other changes do not touch them."""
    made: dict[str, Any] = {}
    if APPROVE:
        run = make_run(tmp_path_factory.mktemp("golden"), GOLDEN_RUN)
        made = {"run": run.read_run(), "trials": run.trials()}
    text = approved("results.json", json.dumps(made, separators=(",", ":")) + "\n")
    stored = json.loads(text)
    return stored["run"], stored["trials"]


def test_markdown_and_junit_are_as_approved(golden: tuple[JsonObject, list[JsonObject]]) -> None:
    summary = summarise(*golden, "golden")
    for name, text in (("summary.md", to_markdown(summary)), ("junit.xml", to_junit(summary))):
        assert text == approved(name, text)


def test_a_note_on_the_run_is_in_every_format(golden: tuple[JsonObject, list[JsonObject]]) -> None:
    run, trials = golden
    summary = summarise({**run, "notes": ["load comes from elsewhere"], "engine": "locust"}, trials, "golden")
    shown = Console(record=True, width=200, file=io.StringIO())
    print_tables(shown, summary)
    texts = (to_markdown(summary), to_junit(summary), json.dumps(to_json(summary)), shown.export_text())
    assert all("load comes from elsewhere" in text for text in texts)
    rows = to_csv({**run, "engine": "locust"}, trials, "golden").splitlines()
    assert rows[0].startswith("run,engine,")
    assert all(row.startswith("golden,locust,") for row in rows[1:])


def test_json_is_as_approved(golden: tuple[JsonObject, list[JsonObject]]) -> None:
    found = to_json(summarise(*golden, "golden"))
    assert_alike(found, json.loads(approved("summary.json", json.dumps(found, indent=1) + "\n")))


def test_csv_is_as_approved(golden: tuple[JsonObject, list[JsonObject]]) -> None:
    text = to_csv(*golden, "golden")
    assert text == approved("summary.csv", text)


def assert_alike(now: Any, then: Any, where: str = "") -> None:
    """Equal, but for the last digits of figures, in which processors differ."""
    if isinstance(now, float) and isinstance(then, float | int):
        assert math.isclose(now, then, rel_tol=1e-9), where
    elif isinstance(now, dict):
        assert list(now) == list(then), where
        for key, value in now.items():
            assert_alike(value, then[key], f"{where}/{key}")
    elif isinstance(now, list):
        assert len(now) == len(then), where
        for number, pair in enumerate(zip(now, then, strict=True)):
            assert_alike(*pair, f"{where}/{number}")
    else:
        assert now == then, where


def test_the_same_results_give_the_same_bytes(own_copy: RunFolder) -> None:
    def files() -> dict[Path, bytes]:
        made = [p for p in own_copy.path.iterdir() if p.is_file()] + list(
            (own_copy.path / "charts").iterdir()
        )
        return {p: p.read_bytes() for p in made}

    write_all(own_copy)
    first = files()
    assert {p.suffix for p in first} == {".json", ".md", ".csv", ".xml", ".html", ".svg", ".png"}
    write_all(own_copy)
    assert files() == first


def test_every_row_of_the_csv_is_a_trial_and_a_metric(small_run: RunFolder) -> None:
    rows = list(csv.DictReader(io.StringIO(rendered(small_run, "csv"))))
    keys = [
        (r["scenario"], r["target"], r["twin"], r["round"], r["attempt"], r["window"], r["metric"])
        for r in rows
    ]
    assert len(set(keys)) == len(keys)
    assert {r["status"] for r in rows} == {"valid", "invalid", "failed"}


def test_no_markup_of_a_target_reaches_the_page(small_html: str) -> None:
    """One of the targets is called `late <script>…`."""
    assert "<script>alert(1)" not in small_html
    assert "&lt;script&gt;alert(1)" in small_html


def test_markdown_has_no_markup_of_a_target(own_copy: RunFolder) -> None:
    document = own_copy.read_run()
    document["scenarios"]["routing-4kb"]["question"] = "a | b <img src=x> *c*?"
    document.pop("schema")
    own_copy.write_run(document)
    text = rendered(own_copy, "md")
    assert r"a \| b &lt;img src=x&gt; \*c\*?" in text


def test_the_page_needs_nothing_else(small_run: RunFolder, small_html: str) -> None:
    links = re.findall(r"(?:src|href)=\"([^\"]*)\"", small_html)
    assert not [link for link in links if re.match(r"(?:https?:)?//", link)]
    assert not re.findall(r"@import|url\((?!#)", small_html)
    local = [link for link in links if not link.startswith(("#", "data:"))]
    written = {"summary.json", "summary.csv", "summary.md", "run.json"}
    assert all(link in written or (small_run.path / link).exists() for link in local)


def test_ids_of_a_page_are_unique(small_html: str) -> None:
    ids = re.findall(r"\sid=\"([^\"]*)\"", small_html)
    assert len(set(ids)) == len(ids)
    references = re.findall(
        r"url\(#([^)]*)\)|(?:href|aria-labelledby|aria-describedby)=\"#?([\w.-]+)\"",
        small_html,
    )
    known = {*ids, "run.json", "summary.json", "summary.csv", "summary.md"}
    assert not [a or b for a, b in references if (a or b) not in known and not (a or b).startswith("trials")]


def test_what_a_log_said_makes_no_junit_that_cannot_be_read(small_run: RunFolder) -> None:
    summary = read(small_run).summary
    (first, *others) = summary.scenarios
    rows = tuple(replace(row, valid=False, reasons=("\x1b[31mred\x00\uffff",)) for row in first.rows)
    root = ET.fromstring(to_junit(replace(summary, scenarios=(replace(first, rows=rows), *others))))
    assert "[31mred" in next(root.iter("skipped")).attrib["message"]


def test_the_page_says_how_to_measure_the_same_again(small_html: str) -> None:
    (command,) = re.findall(r"<h3>To do it again</h3>\s*<p><code>(.*?)</code>", small_html)
    assert command.endswith("harness bench --driver process --engine native --seed 2 --rounds 3")


def test_junit_counts_what_it_holds(small_run: RunFolder) -> None:
    root = ET.fromstring(rendered(small_run, "junit"))
    for suite in root:
        cases = suite.findall("testcase")
        assert int(suite.attrib["tests"]) == len(cases)
        assert int(suite.attrib["skipped"]) == sum(c.find("skipped") is not None for c in cases)
    assert root.find(".//testcase[@classname='routing-4kb.wrong']/skipped") is not None


def test_a_broken_promise_is_named(own_copy: RunFolder) -> None:
    document = own_copy.read_run()
    document["scenarios"]["routing-4kb"]["promises"] = [
        {"metric": "response_p50_ms", "window": "rate-1000", "at_most": 0.001, "at_least": None}
    ]
    document.pop("schema")
    own_copy.write_run(document)
    summary = read(own_copy).summary
    assert broken_promises(summary) == [
        f"routing-4kb/{t}: P50 latency of rate-1000 was promised and not kept" for t in ("go", "rust-axum")
    ]
    failures = ET.fromstring(rendered(own_copy, "junit")).findall(".//failure")
    assert len(failures) == 2


# --- terminal --------------------------------------------------------------------------------------------------


def printed(run: RunFolder, **options: Any) -> str:
    console = Console(file=io.StringIO(), width=160, soft_wrap=True, **options)
    print_summary(console, to_json(read(run).summary), {"html": run.path / "report.html"})
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_tables_fit_100_columns_and_the_report_is_named(small_run: RunFolder) -> None:
    text = printed(small_run)
    *lines, last = text.rstrip().splitlines()
    assert max(map(len, lines)) <= 100
    assert "…" not in text, "nothing is cut off"
    assert last.endswith("report.html")


def test_without_colours_the_best_and_the_invalid_are_marked(small_run: RunFolder) -> None:
    text = printed(small_run)
    assert re.search(r"^ rust-axum .*★ ", text, re.MULTILINE)
    assert not re.search(r"^ (?:go|wrong|slow-start) .*★ ", text, re.MULTILINE)
    assert " wrong * " in text and "* wrong: invalid" in text and " go * " not in text
    assert "* not valid, so not ranked" in text


def test_no_color_means_none(small_run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def codes(text: str) -> set[str]:
        return set(re.findall(r"\x1b\[([\d;]*)m", text))

    assert any(
        "32" in c.split(";") for c in codes(printed(small_run, force_terminal=True, color_system="standard"))
    )
    monkeypatch.setenv("NO_COLOR", "1")
    bare = codes(printed(small_run, force_terminal=True))
    assert not [c for c in bare if re.search(r"(?:^|;)(?:3|4|9)\d", c)]


def test_reasons_and_cautions_are_printed(small_run: RunFolder) -> None:
    text = printed(small_run)
    assert "shared generator core" in text
    assert "wrong: invalid: does not keep the contract" in text
    assert "skipped java-webflux: a JDK" in text


# --- pictures --------------------------------------------------------------------------------------------------


def test_pictures_say_what_they_show(tiny_run: RunFolder) -> None:
    shown = read(tiny_run)
    pictures = make_page(tiny_run.path, shown.document, shown.trials, shown.summary).pictures
    assert {p.name.removeprefix("routing-4kb-") for p in pictures if p.name.startswith("routing-4kb-")} >= {
        "rate-1000-latency",
        "peak-throughput",
        "pareto",
        "rates",
        "memory",
        "memory-over-time",
        "cpu-over-time",
        "warmup",
    }
    for picture in pictures:
        assert picture.title and picture.caption and picture.text
        assert "<dc:date>" not in picture.svg
        svg, png = picture.alone("a remark on the machine")
        assert png.startswith(b"\x89PNG")
        assert picture.title in svg and "a remark on the machine" in svg
        assert picture.alone("a remark on the machine") == (svg, png), "the figure is left as it was"


def test_what_is_shown_over_time_is_the_trial_that_was_disturbed_least(
    small_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = read(small_run)
    for trial in shown.trials:
        if trial["case"]["id"] == "routing-4kb/rust-axum" and trial["round"] == 1:
            trial["windows"][0]["disturbed"] = [{"folder": "windows/peak"}]
    drawn: list[tuple[str, int]] = []

    def noted(run_path: Path, trial: Any) -> Any:
        drawn.append((trial["case"]["id"], trial["round"]))
        return course(run_path, trial)

    monkeypatch.setattr("harness.report.charts.course.course", noted)
    make_page(small_run.path, shown.document, shown.trials, shown.summary)
    assert ("routing-4kb/go", 1) in drawn
    assert ("routing-4kb/rust-axum", 2) in drawn
    assert ("routing-4kb/rust-axum", 1) not in drawn


def test_a_page_without_any_valid_row_still_comes(own_copy: RunFolder) -> None:
    for path in own_copy.path.glob("trials/*/*/*/trial.json"):
        path.unlink()
    html = rendered(own_copy, "html")
    assert "no trial was run" in html
    assert html.count('<h3 id="scenario-') == 1
