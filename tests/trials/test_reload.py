"""What the changes of a routing table cost, from made-up markers and a real latency log."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from harness.load.plan import LoadPlan
from harness.load.result import Key, Recording, write_latency_log
from harness.load.supervise import LoadResult
from harness.model import Reload, Window
from harness.stats.histogram import Histogram
from harness.trials.reload import Change, Changer, RoutingTable, reload_figures
from harness.trials.under_load import Offered
from harness.units import NS_PER_MS, NS_PER_S

START = 1_000 * NS_PER_S
SPEC = Reload(changes=2, every=2.0, rate_rps=1_000)


def constant(value_ns: int) -> str:
    histogram = Histogram()
    histogram.record(value_ns, 1_000)
    return histogram.encode()


def offered(folder: Path, markers: dict[str, dict[str, int]], slow_seconds: set[int]) -> Offered:
    texts = {
        Key(s, "accepted", "response"): (constant(50 * NS_PER_MS if s in slow_seconds else NS_PER_MS),)
        for s in range(6)
    }
    write_latency_log(folder / "latency.hlog", Recording(texts, (), {}, {}), START)
    plan = LoadPlan("w", "127.0.0.1", 1, None, "open", 1, 6.0, steps=((1_000.0, 6.0),))
    totals: dict[str, Any] = {"w": {"completed": 6_000, "failed": {"reset": 2}, "dropped": 1}}
    result = LoadResult(plan, START, None, {}, totals, markers, (), folder / "reports.jsonl")
    window = Window(name="reload", mode="open", rate_rps=1_000, duration=6)
    return Offered(window, 1, plan, result, folder, None, START + 6 * NS_PER_S)


def seen(first_ns: int, last_ns: int) -> dict[str, int]:
    return {"count": 1, "first_unix_ns": START + first_ns, "last_unix_ns": START + last_ns}


def test_figures_of_two_changes(tmp_path: Path) -> None:
    markers = {
        "1": seen(0, 1_010 * NS_PER_MS),
        "2": seen(1_004 * NS_PER_MS, 4_300 * NS_PER_MS),
        "3": seen(4_290 * NS_PER_MS, 6_000 * NS_PER_MS),
    }
    changes = [
        Change(2, "signal", START + NS_PER_S, 50),
        Change(3, "file", START + 3_900 * NS_PER_MS, 60),
    ]
    found = reload_figures(offered(tmp_path, markers, {1, 3, 4}), changes, SPEC)
    first, second = found["changes"]
    assert (first["first_new_ns"], first["last_old_ns"]) == (4 * NS_PER_MS, 10 * NS_PER_MS)
    assert (second["first_new_ns"], second["last_old_ns"]) == (390 * NS_PER_MS, 400 * NS_PER_MS)
    assert (found["taken_up"], found["failures"], found["completed"]) == (2, 3, 6_000)
    assert found["seconds_around"] == [1, 3, 4]
    assert found["p99_around_ns"] == pytest.approx(50 * NS_PER_MS, rel=0.01)
    assert found["p99_rest_ns"] == pytest.approx(NS_PER_MS, rel=0.01)


def test_a_table_that_was_never_taken_up_has_no_figures(tmp_path: Path) -> None:
    markers = {"1": seen(0, 6_000 * NS_PER_MS)}
    found = reload_figures(offered(tmp_path, markers, set()), [Change(2, "file", START + NS_PER_S, 1)], SPEC)
    assert found["taken_up"] == 0
    assert found["changes"][0]["first_new_ns"] is None
    assert found["changes"][0]["last_old_ns"] == 5 * NS_PER_S
    assert found["seconds_around"] == [1, 2, 3, 4, 5]
    assert found["p99_rest_ns"] is not None


class Service:
    """Takes down what it is sent."""

    url = "http://127.0.0.1:1"

    def __init__(self) -> None:
        self.signals: list[signal.Signals] = []

    def signal(self, number: signal.Signals) -> None:
        self.signals.append(number)


def test_the_table_is_replaced_whole_and_told_every_other_time(tmp_path: Path) -> None:
    path = tmp_path / "routes.json"
    path.write_text('{"version": 7, "rules": ["kept"]}')
    inode = path.stat().st_ino
    service = Service()
    table = RoutingTable(path, service)  # type: ignore[arg-type]
    with Changer(table, Reload(changes=3, every=0.001)) as changer:
        changer.on_progress(None)  # type: ignore[arg-type]
        changer._thread.join(10)
    assert [(c.version, c.told) for c in changer.changes] == [(8, "signal"), (9, "file"), (10, "signal")]
    assert service.signals == [signal.SIGHUP, signal.SIGHUP]
    assert json.loads(path.read_text()) == {"version": 10, "rules": ["kept"]}
    assert path.stat().st_ino != inode
    assert list(tmp_path.iterdir()) == [path]


def test_changes_end_with_the_load(tmp_path: Path) -> None:
    path = tmp_path / "routes.json"
    path.write_text('{"version": 1}')
    with Changer(RoutingTable(path, Service()), Reload(changes=5, every=3_600)) as changer:  # type: ignore[arg-type]
        changer.on_progress(None)  # type: ignore[arg-type]
    assert len(changer.changes) <= 1
