"""From reports to what is kept: nothing lost, nothing counted twice, and a cross-check that finds what is wrong."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from harness.errors import StoreError
from harness.load.recorder import Recorder
from harness.load.result import (
    MEASURES,
    Key,
    Recording,
    disagreements,
    read_latency_log,
    read_reports,
    read_seconds,
    write_latency_log,
    write_seconds,
)
from harness.units import NS_PER_MS, NS_PER_S

START_UNIX_NS = 1_795_466_529_619_830_015


def record(recorder: Recorder, kind: str, count: int, latency_ns: int, second: int = 0) -> None:
    at = second * NS_PER_S
    for _ in range(count):
        recorder.intended(at)
        recorder.sent(kind, at, at, backlog=0, inflight=1)
        recorder.completed(kind, at, at, at, at + latency_ns)


@pytest.fixture
def two_workers() -> tuple[Recorder, Recorder]:
    return Recorder("w", open_load=True), Recorder("w", open_load=True)


@pytest.fixture
def reports(tmp_path: Path, two_workers: tuple[Recorder, Recorder]) -> Path:
    """Two workers, two reports each; the second says more about second 0."""
    lines = []
    for number, recorder in enumerate(two_workers, start=1):
        worker = {"worker": f"worker {number}"}
        record(recorder, "accepted", 100 * number, NS_PER_MS)
        lines.append(worker | recorder.take_report())
        record(recorder, "accepted", 10, 9 * NS_PER_MS)
        record(recorder, "refused", 5, 2 * NS_PER_MS, second=1)
        recorder.intended(0)
        recorder.sent("accepted", 0, 0, backlog=7 * number, inflight=3)
        recorder.failed("accepted", "timeout", 0, NS_PER_S)
        recorder.intended(0)
        recorder.dropped(NS_PER_S)
        lines.append(worker | recorder.take_report())
    path = tmp_path / "reports.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_workers_and_reports_are_added_up(reports: Path) -> None:
    recording = read_reports(reports)
    assert recording.completed == {"accepted": 320, "refused": 10}
    assert recording.failed["accepted"] == {"timeout": 2}
    assert recording.kinds == ("accepted", "refused")
    assert recording.histogram("response").count == 330
    assert recording.histogram("response", kinds=["accepted"]).count == 320
    assert recording.histogram("response", seconds=range(1, 2)).count == 10
    assert recording.histogram("service", kinds=["nothing"]).count == 0
    assert [row.second for row in recording.seconds] == [0, 1]
    assert recording.seconds[0].intended == 100 + 200 + 20 + 4
    assert recording.seconds[0].backlog_max == 7 + 14
    assert recording.seconds[1].dropped == 2


def test_the_log_comes_back_as_it_was(reports: Path, tmp_path: Path) -> None:
    recording = read_reports(reports)
    log = tmp_path / "latency.hlog"
    write_latency_log(log, recording, START_UNIX_NS)
    again = Recording(read_latency_log(log), recording.seconds, recording.completed, recording.failed)
    assert again.histograms.keys() == recording.histograms.keys()
    for measure in MEASURES:
        assert again.histogram(measure).encode() == recording.histogram(measure).encode()


def test_other_programs_can_read_the_log(reports: Path, tmp_path: Path) -> None:
    log = tmp_path / "latency.hlog"
    write_latency_log(log, read_reports(reports), START_UNIX_NS)
    reader = HistogramLogReader(str(log), HdrHistogram(1_000, 60_000_000_000, 3))
    found = {}
    while (histogram := reader.get_next_interval_histogram()) is not None:
        second = (histogram.get_start_time_stamp() - START_UNIX_NS / NS_PER_MS) / 1_000
        found[histogram.get_tag(), round(second)] = histogram.get_total_count()
    reader.close()
    assert found["accepted.response", 0] == 320
    assert found["refused.service", 1] == 10


def test_the_log_is_the_same_each_time(reports: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_latency_log(tmp_path / name, read_reports(reports), START_UNIX_NS)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_seconds_come_back_as_they_were(reports: Path, tmp_path: Path) -> None:
    rows = read_reports(reports).seconds
    write_seconds(tmp_path / "seconds.csv", rows)
    assert read_seconds(tmp_path / "seconds.csv") == rows


def test_kinds_may_hold_dots(tmp_path: Path) -> None:
    recorder = Recorder("w", open_load=False)
    record(recorder, "GET_/v1.0/x", 3, NS_PER_MS)
    path = tmp_path / "reports.jsonl"
    path.write_text(json.dumps({"worker": "a"} | recorder.take_report()) + "\n")
    write_latency_log(tmp_path / "log", read_reports(path), START_UNIX_NS)
    assert list(read_latency_log(tmp_path / "log")) == [Key(0, "GET_/v1.0/x", "service")]


def test_counts_that_agree(reports: Path, two_workers: tuple[Recorder, Recorder]) -> None:
    totals = [recorder.totals.as_fields() for recorder in two_workers]
    assert disagreements(read_reports(reports), totals) == []


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("intended", "intended, against sent and dropped"),
        ("sent", "sent in all seconds"),
        ("completed", "sent, against completed and failed"),
        ("dropped", "dropped in all seconds"),
    ],
)
def test_a_worker_that_counts_one_more_is_found_out(
    reports: Path, two_workers: tuple[Recorder, Recorder], name: str, complaint: str
) -> None:
    totals: list[dict[str, Any]] = [copy.deepcopy(recorder.totals.as_fields()) for recorder in two_workers]
    totals[1][name] += 1
    assert any(complaint in found for found in disagreements(read_reports(reports), totals))


def test_a_lost_report_is_found_out(reports: Path, two_workers: tuple[Recorder, Recorder]) -> None:
    totals = [recorder.totals.as_fields() for recorder in two_workers]
    reports.write_text("".join(reports.read_text().splitlines(keepends=True)[:-1]))
    found = disagreements(read_reports(reports), totals)
    assert "accepted completed in reports, against totals: 310 against 320" in found
    assert "refused samples of response, against completed: 5 against 10" in found


def test_a_worker_without_totals_is_found_out(reports: Path, two_workers: tuple[Recorder, Recorder]) -> None:
    assert disagreements(read_reports(reports), [two_workers[0].totals.as_fields()]) != []


@pytest.mark.parametrize("content", ["{", '{"schema": 2}\n', "[]\n"])
def test_what_are_no_reports_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "reports.jsonl"
    path.write_text(content)
    with pytest.raises(StoreError, match=r"reports\.jsonl:1"):
        read_reports(path)


def test_a_damaged_histogram_is_refused(reports: Path) -> None:
    reports.write_text(reports.read_text().replace("HISTFAAA", "HISTFBBB"))
    with pytest.raises(StoreError, match="damaged"):
        read_reports(reports).histogram("response")


@pytest.mark.parametrize("line", ["Tag=a.speed,0.0,1.0,1.0,HIST", "nonsense", "0.0,1.0,1.0,HIST"])
def test_a_damaged_log_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "latency.hlog"
    path.write_text(f"#comment\n{line}\n")
    with pytest.raises(StoreError, match=r"latency\.hlog:2"):
        read_latency_log(path)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for read in (read_reports, read_latency_log, read_seconds):
        with pytest.raises(StoreError, match="nowhere"):
            read(tmp_path / "nowhere")
    with pytest.raises(StoreError, match="nowhere"):
        write_seconds(tmp_path / "nowhere" / "seconds.csv", [])
