"""What history says of each figure: since which night it is another, or that this cannot be told."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from report.nights import CPU_KEY, DAY_NS, READY_KEY, line, scattered, series_key, write_nights
from rich.console import Console

from harness.catalogue import ROOT
from harness.errors import StoreError, UsageError
from harness.history import append, file_name, history_lines
from harness.ledger import Ledger
from harness.report.outputs import read, render_trend, trend_of, write_index
from harness.report.trend import read_trend
from harness.report.trend_model import Series
from harness.report.trend_text import trend_json
from harness.stats.drift import FEWEST_NIGHTS
from harness.store import RunFolder

SLOWER_FROM_12 = scattered({0: 172e3, 12: 182e3}, 24)


def cpu_of(folder: Path) -> Series:
    (found,) = [s for s in read_trend(folder).series if s.column.key == CPU_KEY]
    return found


def text_of(folder: Path, format: str) -> str:
    text = render_trend(read_trend(folder), format, Console())
    assert text is not None
    return text


def harness(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness", *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


# --- changes -------------------------------------------------------------------------------------------------


def test_a_change_tells_its_night_its_size_and_the_revisions_around_it(tmp_path: Path) -> None:
    write_nights(tmp_path, series_key(), SLOWER_FROM_12)
    (shift,) = cpu_of(tmp_path).shifts
    assert shift.first.unix_ns - shift.last.unix_ns == DAY_NS
    assert (shift.index, shift.last.revision[:2], shift.first.revision[:2]) == (12, "03", "04")  # type: ignore[index]
    assert shift.ratio == pytest.approx(182 / 172, rel=0.01)
    for text in (text_of(tmp_path, "md"), text_of(tmp_path, "json")):
        assert "more" in text
    assert "0300000 → 0400000" in text_of(tmp_path, "md")


def test_less_is_told_as_such_and_a_figure_that_did_not_change_is_named(tmp_path: Path) -> None:
    write_nights(tmp_path, series_key(), scattered({0: 182e3, 12: 172e3}, 24))
    text = text_of(tmp_path, "md")
    assert ", less |" in text
    assert "no change in 24 nights: ready" in text


def test_sources_that_are_the_same_and_tools_that_are_not_are_told(tmp_path: Path) -> None:
    key = series_key()
    for night, value in enumerate(SLOWER_FROM_12):
        tools = {"go": "go1.26.7" if night < 12 else "go1.26.8"}
        made = line(key, night, value, content_hash="one", toolchains=tools, revision_clean=night != 12)
        append(tmp_path, [(file_name(key), made)])
    text = text_of(tmp_path, "md")
    assert "0300000 → 0400000+; the target's sources are the same; go go1.26.7 → go1.26.8" in text


def test_below_ten_nights_nothing_is_told(tmp_path: Path) -> None:
    key = series_key()
    write_nights(tmp_path, key, SLOWER_FROM_12[8:16])
    assert len(cpu_of(tmp_path).points) == 8
    assert cpu_of(tmp_path).unknown == "8 nights of the 10 that it takes"
    assert "no change can be told yet" in text_of(tmp_path, "md")
    write_nights(tmp_path, key, SLOWER_FROM_12[16:18], first=8)
    assert len(cpu_of(tmp_path).points) == FEWEST_NIGHTS
    assert [s.index for s in cpu_of(tmp_path).shifts] == [4]


def test_lines_of_before_a_machine_was_told_so_closely_are_read_and_are_a_series_of_their_own(
    tmp_path: Path,
) -> None:
    write_nights(tmp_path, series_key(), SLOWER_FROM_12[:12])
    write_nights(tmp_path, series_key(governor="powersave"), SLOWER_FROM_12[12:18], first=12)
    write_nights(tmp_path, series_key(governor="performance"), SLOWER_FROM_12[18:], first=18)
    found = [s for s in read_trend(tmp_path).series if s.column.key == CPU_KEY]
    assert [len(s.points) for s in found] == [12, 6, 6]
    assert not any(s.shifts for s in found)
    assert "governor unknown → powersave" in text_of(tmp_path, "md")
    assert "governor powersave → performance" in text_of(tmp_path, "md")


def test_unlike_machines_begin_a_new_series_and_it_says_why(tmp_path: Path) -> None:
    write_nights(tmp_path, series_key(), SLOWER_FROM_12[:12])
    write_nights(
        tmp_path, series_key(kernel="6.13", scenario_sha256="cd" * 32), SLOWER_FROM_12[12:], first=12
    )
    one, two = (s for s in read_trend(tmp_path).series if s.column.key == CPU_KEY)
    assert [len(one.points), len(two.points)] == [12, 12]
    assert not one.shifts and not two.shifts and not one.renewals
    assert "a new series since 2026-10-03 14:13 UTC: kernel 6.12 → 6.13; the scenario's file" in text_of(
        tmp_path, "md"
    )


def test_a_night_that_lacks_a_figure_is_missing_in_its_series_alone(tmp_path: Path) -> None:
    key = series_key()
    write_nights(tmp_path, key, SLOWER_FROM_12)
    lacking = line(key, 24, 182e3)
    del lacking["figures"][CPU_KEY]
    append(tmp_path, [(file_name(key), lacking)])
    counts = {s.column.key: len(s.points) for s in read_trend(tmp_path).series}
    assert counts == {CPU_KEY: 24, READY_KEY: 25}


# --- files ---------------------------------------------------------------------------------------------------


def test_what_a_bench_writes_is_read_with_all_its_figures(small_run: RunFolder, tmp_path: Path) -> None:
    shown = read(small_run)
    lines = history_lines(shown.document, shown.summary)
    append(tmp_path, lines)
    found = read_trend(tmp_path)
    assert found.nights == 1
    assert {(s.scenario, s.target, s.column.key): s.points[0].centre for s in found.series} == {
        (entry["key"]["scenario"], entry["key"]["target"], name): figure["centre"]
        for _, entry in lines
        for name, figure in entry["figures"].items()
    }


def test_the_order_of_lines_and_files_does_not_count(tmp_path: Path) -> None:
    for target in ("go", "rust-axum"):
        write_nights(tmp_path / "one", series_key(target), SLOWER_FROM_12)
    further = line(series_key(), 5, 1.0)
    further["figures"][CPU_KEY]["trials"] *= 2
    append(tmp_path / "one", [(file_name(series_key()), further)])
    lines = [text for path in (tmp_path / "one").iterdir() for text in path.read_text().splitlines()]
    random.Random(3).shuffle(lines)
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "all.jsonl").write_text("\n".join(lines) + "\n")
    one, two = (json.dumps(trend_json(read_trend(tmp_path / name))) for name in ("one", "two"))
    assert one == two
    go = next(s for s in read_trend(tmp_path / "two").series if s.target == "go" and s.column.key == CPU_KEY)
    assert len(go.points) == 24
    assert go.points[5].centre == 1.0, "of a run that was measured further the fullest line counts"


def test_a_torn_last_line_is_dropped_and_told_of(tmp_path: Path) -> None:
    path = write_nights(tmp_path / "history", series_key(), SLOWER_FROM_12)
    before = cpu_of(path.parent)
    with path.open("a") as file:
        file.write('{"schema": 1, "run": "2026-09')
    assert cpu_of(path.parent) == before
    ended = harness(tmp_path, "trend", "--history", "history", "--format", "md")
    assert ended.returncode == 0
    assert f"{path.name}, line 25 is torn" in ended.stderr
    assert "line 25 is torn" in ended.stdout
    assert "0300000 → 0400000" in ended.stdout


@pytest.mark.parametrize(
    ("change", "said"),
    [({"figures": {}}, "figures"), ({"unix_ns": "soon"}, "unix_ns"), ({"kind": "look"}, "kind")],
)
def test_a_line_that_is_none_of_history_is_refused(
    tmp_path: Path, change: dict[str, object], said: str
) -> None:
    Ledger(tmp_path / "x.jsonl").append({**line(series_key(), 1, 1.0), **change})
    with pytest.raises(StoreError, match=rf"x\.jsonl: .*{said}"):
        read_trend(tmp_path)


def test_names_choose_and_a_name_without_history_is_wrong_use(tmp_path: Path) -> None:
    for target in ("go", "rust-axum"):
        write_nights(tmp_path, series_key(target), SLOWER_FROM_12)
    assert {s.target for s in trend_of(tmp_path, ["go"]).series} == {"go"}
    assert {s.target for s in trend_of(tmp_path, [], ["routing-4kb"]).series} == {"go", "rust-axum"}
    with pytest.raises(UsageError, match=r"no night of target 'bun'.*go, rust-axum"):
        trend_of(tmp_path, ["bun"])
    with pytest.raises(UsageError, match="no night of scenario 'memory'"):
        trend_of(tmp_path, [], ["memory"])


def test_no_history_is_told_and_is_no_fault(tmp_path: Path) -> None:
    ended = harness(tmp_path, "trend", "--target", "go")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "There is no history yet" in ended.stdout
    (tmp_path / "results" / "history").mkdir(parents=True)
    as_json = harness(tmp_path, "trend", "-f", "json")
    assert json.loads(as_json.stdout) == {"schema": 1, "nights": 0, "series": [], "dropped": []}
    missing = harness(tmp_path, "trend", "--history", "elsewhere")
    assert missing.returncode == 2
    assert "no such folder" in missing.stderr


def test_without_the_library_the_nights_are_shown_and_the_changes_cannot_be_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_nights(tmp_path, series_key(), SLOWER_FROM_12)
    monkeypatch.setitem(sys.modules, "ruptures", None)
    found = cpu_of(tmp_path)
    assert len(found.points) == 24
    assert "ruptures" in (found.unknown or "")


# --- the table and the page ------------------------------------------------------------------------------------


def test_the_table_fits_a_terminal_of_100_columns(tmp_path: Path) -> None:
    write_nights(tmp_path, series_key(), SLOWER_FROM_12)
    printed = io.StringIO()
    assert render_trend(read_trend(tmp_path), "table", Console(width=100, file=printed)) is None
    text = printed.getvalue()
    assert max(map(len, text.splitlines())) <= 100
    assert "1 change in 2 series" in text
    assert "+5." in text


def test_the_index_has_a_page_of_the_trend_and_the_same_history_gives_the_same_bytes(tmp_path: Path) -> None:
    write_nights(tmp_path / "history", series_key(), SLOWER_FROM_12)
    write_nights(tmp_path / "history", series_key("<b>x", kernel="6.13"), SLOWER_FROM_12[:4], first=24)
    index = write_index(tmp_path)
    assert 'href="trend.html"' in index.read_text(encoding="utf-8")
    first = (tmp_path / "trend.html").read_bytes()
    write_index(tmp_path)
    assert (tmp_path / "trend.html").read_bytes() == first
    page = first.decode()
    assert page.count("<figure ") == 4
    assert "<b>x" not in page
    assert "1 change in 4 series" in page


def test_the_page_without_history_says_how_to_get_one(tmp_path: Path) -> None:
    write_index(tmp_path)
    assert "There is no history yet" in (tmp_path / "trend.html").read_text(encoding="utf-8")
