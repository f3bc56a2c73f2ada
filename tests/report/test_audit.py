"""The audit: known sums for the published table, contradictions found, our own table held to the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.report.audit import Step, audit, audit_file, audit_text
from harness.report.audit_tables import Line, Workload, read_table
from harness.report.claims import read_published
from harness.report.model import Summary, to_json

PUBLISHED = Path(__file__).parents[2] / "contract" / "published.yaml"


def steps(rule: str, workload: Workload | None = None, **line: float) -> list[Step]:
    found = audit("x", workload or Workload(), [Line(label="a", **line)])  # type: ignore[arg-type]
    return [s for s in found.steps if s.rule == rule]


def test_the_published_table_implies_what_can_be_computed_by_hand() -> None:
    text = audit_text(audit_file(PUBLISHED))
    assert "50 permits at 62,700/s allow each to be held for a mean of 0.797 ms" in text
    assert "4,096 bytes × 62,700/s are 2.05 Gb/s each way" in text
    assert "1,000,000 a day are 11.6 a second" in text
    assert "16 cores ÷ 62,700/s are at most 255 µs" in text
    assert "connections or requests in flight" in text.splitlines()[-1], "what is not given is said"


def test_every_row_of_the_published_table_is_audited() -> None:
    published = read_published()
    assert published is not None
    labels = {row["label"] for row in published["headline"]["rows"]}
    assert labels <= {s.about for s in audit_file(PUBLISHED).steps}


@pytest.mark.parametrize(
    ("p99_ms", "verdict"),
    [(12.0, "holds"), (9.9, "holds"), (5.0, "implies")],
)
def test_callers_over_throughput_is_the_mean_response_time(p99_ms: float, verdict: str) -> None:
    """100 callers at 10,000/s wait 10 ms on average (Little, 1961)."""
    (step,) = steps("Little's law", throughput_rps=10_000, connections=100, p99_ms=p99_ms)
    assert step.verdict == verdict
    assert "10.0 ms" in step.text


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        ({"max_ms": 400}, "contradiction"),
        ({"max_ms": 600}, "implies"),
        ({"duration_s": 0.4}, "contradiction"),
        ({"duration_s": 30}, "implies"),
        ({"max_ms": 600, "duration_s": 0.4}, "implies"),
    ],
)
def test_a_mean_beyond_the_p99_needs_a_tail_that_can_be(given: dict[str, float], verdict: str) -> None:
    """With a mean of 10 ms and 99 % within 5 ms, the other 1 % take 505 ms on average."""
    (step,) = steps("Little's law", None, throughput_rps=10_000, connections=100, p99_ms=5.0, **given)
    assert step.verdict == verdict
    assert "the slowest 1 % take 505 ms on average" in step.text


def test_more_in_flight_than_connections_is_a_contradiction() -> None:
    (step,) = steps("Little's law", throughput_rps=10_000, connections=64, mean_ms=10)
    assert step.verdict == "contradiction"


@pytest.mark.parametrize(("cpu_us", "verdict"), [(100, "holds"), (150, "contradiction")])
def test_cpu_time_must_fit_the_cores(cpu_us: float, verdict: str) -> None:
    (step,) = steps("CPU", Workload(cores=1), throughput_rps=10_000, cpu_us_per_request=cpu_us)
    assert step.verdict == verdict


@pytest.mark.parametrize(("link", "verdict"), [(None, "implies"), (10.0, "holds"), (1.0, "contradiction")])
def test_bytes_must_fit_the_link(link: float | None, verdict: str) -> None:
    (step,) = steps("bandwidth", Workload(body_bytes=4_096, link_gbit_s=link), throughput_rps=50_000)
    assert step.verdict == verdict


@pytest.mark.parametrize(
    ("figures", "text"),
    [
        ({"p50_ms": 12, "p99_ms": 3}, "P50 12.0 ms > P99 3.00 ms"),
        ({"p90_ms": 1, "p95_ms": 9, "p99_ms": 4}, "P90 1.00 ms ≤ P95 9.00 ms > P99 4.00 ms"),
        ({"p99_ms": 4, "max_ms": 3}, "P99 4.00 ms > the longest 3.00 ms"),
    ],
)
def test_percentiles_must_rise(figures: dict[str, float], text: str) -> None:
    (step,) = steps("percentiles rise", None, throughput_rps=1, **figures)
    assert (step.verdict, step.text) == ("contradiction", text)


def test_few_in_flight_on_many_connections_is_told() -> None:
    (step,) = steps("Little's law", throughput_rps=120_000, connections=256, mean_ms=0.04)
    assert step.verdict == "implies" and "4.80 requests in flight, on 256 connections" in step.text
    (step,) = steps("Little's law", throughput_rps=120_000, connections=256, mean_ms=0.04, closed=False)
    assert step.verdict == "holds", "open load needs but a few"


def test_nobody_answers_more_than_was_asked() -> None:
    (step,) = steps(
        "answered ≤ offered", throughput_rps=1_300, offered_rps=1_000, duration_s=10, closed=False
    )
    assert step.verdict == "contradiction"
    (step,) = steps(
        "answered ≤ offered", throughput_rps=1_010, offered_rps=1_000, duration_s=10, closed=False
    )
    assert step.verdict == "holds", "arrivals at random vary"


def test_our_own_tables_pass(small: Summary, tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(to_json(small)), encoding="utf-8")
    found = audit_file(path)
    assert not found.contradictions
    assert {s.rule for s in found.steps} >= {"Little's law", "CPU", "percentiles rise", "answered ≤ offered"}


def test_a_run_without_a_valid_row_is_refused_by_that_name(small: Summary, tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(to_json(replace(small, scenarios=()))), encoding="utf-8")
    with pytest.raises(UsageError, match="no row of this run is valid"):
        audit_file(path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "t.md",
            "| x | Requests/s | P99 | Median |\n|---|--:|--:|--:|\n| a | **62.7k** | 31 ms | 900 µs |\n",
        ),
        ("t.csv", "x,throughput (rps),p99 (ms),p50 (ms)\na,62700,31,0.9\n"),
        ("t.yaml", "rows:\n  - {label: a, throughput_rps: 62700, p99_ms: 31, p50_ms: 0.9}\n"),
    ],
)
def test_tables_are_read_as_people_publish_them(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    found = audit_text(audit_file(path, Workload(connections=256)))
    assert "256 callers ÷ 62,700/s is a mean response time of 4.08 ms, under its P99 of 31.0 ms" in found
    assert "P50 0.900 ms ≤ P99 31.0 ms" in found


@pytest.mark.parametrize(
    ("name", "text", "rps", "p99_ms"),
    [
        ("t.md", "x | Req/Sec | P99 (s)\n--|--|--\na | 80 000 | 0.5\n", 80_000, 500),
        ("t.md", "| x | krps | 99th (µs) |\n|-|-|-|\n| a | 1,200 | 300 |\n", 1_200_000, 0.3),
        ("t.md", "| x | Requests | Throughput (MB/s) | p99 |\n|-|-|-|-|\n| a | 900 | 12 | 5ms |\n", 900, 5),
        ("t.csv", "x;Req/Sec;Requests;P99 (ms)\na;50000;1000000;4\n", 50_000, 4),
        ("t.csv", "x\tRequests per second\t99%\na\t1.5M\t4,5\n", 1_500_000, 4.5),
        ("t.csv", "x,Max memory,Avg CPU,rps,p99,Max connections\na,900,80,50,7,64\n", 50, 7),
        ("t.yaml", "workload: 5\nrows: [{label: a, throughput_rps: '62,700', p99_ms: 31 ms}]\n", 62_700, 31),
    ],
)
def test_figures_are_read_as_people_write_them(
    tmp_path: Path, name: str, text: str, rps: float, p99_ms: float
) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    _, (line,) = read_table(path)
    assert (line.label, line.throughput_rps) == ("a", rps)
    assert line.p99_ms == pytest.approx(p99_ms)


def test_rows_that_have_no_throughput_are_none(tmp_path: Path) -> None:
    path = tmp_path / "t.md"
    path.write_text(
        "| x | rps | P99 |\n|-|-|-|\n| a | - | 1 |\n| b | 0 | 1 |\n| c | -5 | 1 |\n| d | 9 | 1 |\n"
    )
    _, lines = read_table(path)
    assert [line.label for line in lines] == ["d"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.md", "no table"),
        ("t.csv", "a,b\n1,2\n"),
        ("t.json", "[]"),
        ("t.yaml", "- 1\n"),
        ("t.yaml", "a: ["),
        ("t.yaml", "rows: {a: 1}\n"),
        ("t.md", "| x | Transfer (MB/s) |\n|-|-|\n| a | 5 |\n"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=name):
        audit_file(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.md"):
        audit_file(tmp_path / "nowhere.md")


def test_a_file_that_is_no_summary_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text('{"schema": 1, "scenarios": {}}')
    with pytest.raises(
        UsageError, match=r"is no summary.json of ours: \d+ fields missing or wrong, the first is"
    ) as e:
        read_table(path)
    assert "\n" not in str(e.value) and "pydantic" not in str(e.value)
