"""The live view: what a running window shows, when it is drawn, and that nobody works for it when nobody looks."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from harness.live import LiveWindow, Reports
from harness.load.plan import LoadPlan
from harness.load.recorder import Recorder
from harness.probes.samples import Row, RowWriter
from harness.progress import Progress, TrialNow, WindowNow, window_text
from harness.stats.histogram import Histogram
from harness.units import BYTES_PER_MIB, NS_PER_MS, NS_PER_S

DEADLINE_S = 60.0
TRIAL = TrialNow(case="routing-4kb/go", round="round 1 of 3, trial 2 of 15", done_ratio=0.1, left_s=600)
WINDOW = WindowNow(
    name="rate-1000",
    second=4,
    length_s=11,
    rate_rps=998,
    p99_ns=1_420_000,
    memory_bytes=int(14.1 * BYTES_PER_MIB),
)


def plan(mode: str) -> LoadPlan:
    steps = ((1_000.0, 11.0),) if mode == "open" else ()
    return LoadPlan(
        run="r",
        host="127.0.0.1",
        port=1,
        requests=None,
        mode="open" if mode == "open" else "closed",
        connections=64,
        duration_s=11.0,
        steps=steps,
    )


def report_of(second: int, times: dict[str, list[int]]) -> str:
    """What a worker tells of one second: `times` by kind, answered after so many ns."""
    recorder = Recorder("r", open_load=True)
    for kind, values in times.items():
        for value_ns in values:
            start_ns = second * NS_PER_S
            recorder.completed(kind, start_ns, start_ns, start_ns, start_ns + value_ns)
    return json.dumps({"worker": "w", **recorder.take_report()}) + "\n"


def samples(path: Path, *rss_bytes: int | None) -> Path:
    with path.open("w", encoding="utf-8") as out:
        writer = RowWriter(out, [0, 1])
        for number, value in enumerate(rss_bytes):
            writer.write(Row(monotonic_ns=number, unix_ns=number, event="", rss_bytes=value))
    return path


# --- what a window shows -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["open", "closed"])
def test_the_figures_are_those_of_the_files(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "reports.jsonl"
    window = LiveWindow("w", plan(mode), path, samples(tmp_path / "samples.csv", 1_000, 2_000, None))
    first = window.now()
    assert (first.rate_rps, first.p99_ns, first.memory_bytes) == (None, None, 2_000), "before any report"
    exact = Histogram()
    counts = {0: 700, 1: 900, 2: 400}
    for second, count in counts.items():
        values = [(1 + second) * NS_PER_MS + 1_000 * n for n in range(count)]
        for value_ns in values:
            exact.record(value_ns)
        with path.open("a", encoding="utf-8") as file:
            file.write(report_of(second, {"accepted": values, "refused": [900 * NS_PER_MS]}))
    now = window.now()
    assert now.rate_rps == counts[1] + 1, "of all kinds; the last second reported may still grow"
    assert now.p99_ns == exact.percentile(99), "only the accepted ones count for the P99"


def test_a_report_is_read_once_and_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "reports.jsonl"
    reports = Reports(path)
    assert list(reports.new()) == []
    text = report_of(0, {"all": [1_000] * 3})
    path.write_text(text + text[:30], encoding="utf-8")
    assert len(list(reports.new())) == 1
    assert list(reports.new()) == []
    path.write_text(text + text, encoding="utf-8")
    assert len(list(reports.new())) == 1


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    window = LiveWindow("w", plan("closed"), tmp_path / "none", tmp_path / "none.csv")
    now = window.now()
    assert (now.rate_rps, now.p99_ns, now.memory_bytes) == (None, None, None)
    (tmp_path / "none.csv").write_text("other,columns\n1,2\n", encoding="utf-8")
    assert window.now().memory_bytes is None
    assert window_text(replace(now, second=3)) == "w  second 3 of 11"


# --- what is drawn -----------------------------------------------------------------------------------------------


def console(*, force_terminal: bool) -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, width=100, force_terminal=force_terminal), text


def until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_a_terminal_shows_the_trial_and_the_figures_of_its_window() -> None:
    terminal, text = console(force_terminal=True)
    with Progress(terminal) as progress:
        progress.trial(TRIAL)
        progress.watch(lambda: WINDOW)
        until(lambda: "P99" in text.getvalue())
    for expected in (
        "routing-4kb/go",
        "round 1 of 3, trial 2 of 15",
        "10 min left",
        "second 4 of 11",
        "998/s",
        "P99 so far 1.42 ms",
        "14.1 MiB",
    ):
        assert expected in text.getvalue()


def test_a_window_that_cannot_be_read_does_not_end_the_view() -> None:
    terminal, text = console(force_terminal=True)
    asked = threading.Event()

    def damaged() -> WindowNow:
        asked.set()
        raise ValueError("cut off")

    with Progress(terminal) as progress:
        progress.trial(TRIAL)
        progress.live("what the trial does")
        progress.watch(damaged)
        until(asked.is_set)
        progress.watch(None)
        until(lambda: "what the trial does" in text.getvalue())


@pytest.mark.parametrize(("terminal", "quiet"), [(False, False), (True, True)])
def test_where_nobody_looks_nothing_is_read_and_nothing_drawn(terminal: bool, quiet: bool) -> None:
    told, text = console(force_terminal=terminal)
    before = threading.active_count()
    with Progress(told, quiet=quiet) as progress:
        progress.trial(TRIAL)
        progress.watch(lambda: pytest.fail("was read"))
        progress.live("what happens")
        progress.line("a step")
        progress.warn("a warning")
        assert threading.active_count() == before
    assert "what happens" not in text.getvalue()
    assert ("a step" in text.getvalue()) is not quiet
    assert "a warning" in text.getvalue()
    assert "\x1b[" not in text.getvalue() or terminal


def test_the_view_is_left_behind_by_nothing() -> None:
    terminal, _ = console(force_terminal=True)
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt), Progress(terminal):
        raise KeyboardInterrupt
    assert threading.active_count() == before


def test_no_color_means_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    terminal, text = console(force_terminal=True)
    with Progress(terminal) as progress:
        progress.trial(TRIAL)
        progress.watch(lambda: WINDOW)
        until(lambda: "P99" in text.getvalue())
    assert "\x1b[3" not in text.getvalue().replace("\x1b[3A", "")
