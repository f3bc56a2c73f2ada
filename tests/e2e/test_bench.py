"""A real bench: every figure can be computed again from the raw files, and every end leaves nothing behind."""

from __future__ import annotations

import csv
import os
import re
import shutil
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rig import Harness, all_gone, children_of, left_of, read_json

from harness.catalogue import ROOT
from harness.load.result import read_latency_log
from harness.stats.histogram import Histogram

Start = Callable[..., Harness]
SMOKE = ("bench", "smoke", "--driver", "process", "--rounds", "1")
QUICK = (*SMOKE, "--quick")
"""With a shorter calibration, for what is not about figures."""


def trials_of(harness: Harness) -> dict[str, Any]:
    return {str(p.parent): read_json(p) for p in sorted(harness.run_folder().glob("trials/*/*/*/trial.json"))}


def test_a_smoke_bench_of_every_target_gives_figures_that_the_raw_files_bear_out(start: Start) -> None:
    harness = start(*SMOKE)
    code = harness.exit_code()
    assert code in (0, 3), harness.output  # 3: a busy machine made trials invalid, which is a result too
    assert "report" in harness.output
    trials = trials_of(harness)
    targets = read_json(harness.run_folder() / "run.json")["targets"]
    assert {t["case"]["target"] for t in trials.values()} == set(targets) != set()
    for folder, trial in trials.items():
        assert trial["status"] != "failed", trial["reasons"]
        assert trial["conformance"]["after"]["differences"] == []
        assert trial["memory"]["idle"]["rss_median_bytes"] > 0
        assert min(trial["start"]["further_ready_ns"]) > 0
        for window in trial["windows"]:
            check_window(Path(folder), window)
    outcome = read_json(harness.run_folder() / "outcome.json")
    assert outcome["exit_code"] == code
    assert left_of(harness.run_id()) == []


def check_window(folder: Path, window: dict[str, Any]) -> None:
    """Recomputes counts, throughput and percentiles from the window's own files."""
    files = folder / window["folder"]
    with (files / "seconds.csv").open(encoding="utf-8") as rows:
        seconds = list(csv.DictReader(rows))
    assert sum(int(s["completed"]) for s in seconds) == window["requests"]["completed"] > 0
    in_time = sum(int(s["completed"]) for s in seconds if int(s["second"]) < window["duration_s"])
    assert window["throughput_rps"] == pytest.approx(in_time / window["duration_s"])
    assert window["cpu"]["cpu_ns_per_request"] == pytest.approx(window["cpu"]["cpu_ns"] / in_time, abs=1)
    assert window["requests"]["answered_by_target"] >= window["requests"]["completed"]
    stolen = next(f for f in window["findings"] if f["name"] == "steal")
    assert stolen["figure"] is not None
    for disturbed in window["disturbed"]:
        assert (folder / disturbed["folder"] / "latency.hlog").is_file()
    headline = window["headline"]
    texts = [
        text
        for key, parts in read_latency_log(files / "latency.hlog").items()
        if (key.kind, key.measure) == (headline["kind"], headline["measure"])
        for text in parts
    ]
    histogram = Histogram.decode_all(texts)
    shown = window["latency"][headline["kind"]][headline["measure"]]
    assert (shown["count"], shown["p50_ns"], shown["p99_ns"]) == (
        histogram.count,
        histogram.percentile(50),
        histogram.percentile(99),
    )


def test_rounds_are_added_until_intervals_are_narrow_or_the_budget_is_spent(start: Start) -> None:
    """Two trials have very wide intervals, so here it is the budget that ends it, unless the machine is very even."""
    budget_s = 150.0
    harness = start(
        *("bench", "smoke", "--driver", "process", "--rounds", "2", "--target", "go"),
        *("--until-tight", "--budget", f"{budget_s:.0f}s"),
    )
    code = harness.exit_code()
    assert code in (0, 3), harness.output
    run = read_json(harness.run_folder() / "run.json")
    found = run["tightness"]
    trials = trials_of(harness)
    assert found["rounds"] == run["rounds"] == max(t["round"] for t in trials.values())
    assert len(run["order"]) == 2 * run["rounds"]  # the target and its twin
    assert {(case, number) for case, number in run["order"]} == {
        (t["case"]["id"], t["round"]) for t in trials.values()
    }
    if found["reached"]:
        assert found["widest"]["half_ratio"] <= found["widest"]["limit_ratio"]
    elif found["widest"] is not None:  # None: a busy machine made every trial invalid
        assert any("not as narrow as was asked for" in note for note in run["notes"])


def test_without_cargo_and_docker_load_is_stock_and_every_output_says_so(
    start: Start, tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for folder in map(Path, os.environ["PATH"].split(os.pathsep)):
        for program in folder.iterdir() if folder.is_dir() else ():
            if program.name != "cargo" and not (tools / program.name).exists():
                (tools / program.name).symlink_to(program)
    caches = {
        name: subprocess.run(["go", "env", name], text=True, capture_output=True, check=True).stdout.strip()
        for name in ("GOCACHE", "GOMODCACHE")
    }
    without = {"PATH": str(tools), "HOME": str(tmp_path), "DOCKER_HOST": "unix:///nowhere/docker.sock"}
    harness = start(*SMOKE, "--target", "go", environment=without | caches)
    assert harness.exit_code() in (0, 3), harness.output
    folder = harness.run_folder()
    assert read_json(folder / "run.json")["engine"] == "locust"
    texts = {name: (folder / name).read_text() for name in ("summary.json", "summary.md", "junit.xml")}
    page = re.sub(r"<[^<>]*>", "", (folder / "report.html").read_text())
    for name, text in {"terminal": harness.output, "page": page, **texts}.items():
        assert "oad comes from stock Locust workers (no cargo" in " ".join(text.split()), name
    with (folder / "summary.csv").open() as rows:
        assert {row["engine"] for row in csv.DictReader(rows)} == {"locust"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["start-2.log", "target.log", "warmup", "windows/peak"])
def test_an_interrupt_at_any_moment_leaves_nothing_and_keeps_what_is_done(
    start: Start, number: signal.Signals, moment: str
) -> None:
    harness = start(*QUICK, "--target", "go")
    harness.await_text("results in")
    harness.await_condition(harness.working_on(moment), moment)
    everyone = children_of(harness.process.pid)
    assert harness.end(number) == 130, harness.output
    assert all_gone(everyone)
    assert left_of(harness.run_id()) == []
    assert "Traceback" not in harness.output
    run = read_json(harness.run_folder() / "run.json")
    assert run["status"] == "interrupted"
    assert read_json(harness.run_folder() / "outcome.json")["exit_code"] == 130


@pytest.mark.parametrize("moment", ["start-2.log", "target.log", "windows/peak"])
def test_a_kill_of_the_harness_ends_everything_it_started(start: Start, moment: str) -> None:
    harness = start(*QUICK, "--target", "go")
    harness.await_text("results in")
    harness.await_condition(harness.working_on(moment), moment)
    everyone = children_of(harness.process.pid)
    run_id = harness.run_id()
    harness.process.kill()
    harness.process.wait()
    assert everyone
    assert all_gone(everyone)
    assert left_of(run_id) == []


def test_a_target_that_dies_under_load_is_a_failed_trial_and_the_rest_go_on(start: Start) -> None:
    harness = start(*QUICK, "--target", "go,rust-axum")
    harness.await_text("results in")
    harness.await_condition(harness.working_on("windows/peak"), "windows")
    victim = service_of(harness)
    name = next(harness.run_folder().glob("trials/*/*/.*/windows")).parents[1].name
    os.kill(victim, signal.SIGKILL)
    assert harness.exit_code() in (0, 3), harness.output
    statuses: dict[str, list[str]] = {t["case"]["target"]: [] for t in trials_of(harness).values()}
    for trial in trials_of(harness).values():
        statuses[trial["case"]["target"]].append(trial["status"])
    assert set(statuses) == {"go", "rust-axum"}
    assert "failed" in statuses[name] or "invalid" in statuses[name]
    spoilt = next(t for t in trials_of(harness).values() if t["case"]["target"] == name and t["reasons"])
    assert spoilt["reasons"]
    assert "Traceback" not in harness.output


def service_of(harness: Harness) -> int:
    """The process id of the service under load: the one whose program is a built target."""
    for pid in children_of(harness.process.pid):
        try:
            program = str(Path(f"/proc/{pid}/exe").readlink())
        except OSError:
            continue
        if "/.build/" in program and "worker" not in program:
            return pid
    raise AssertionError("no service runs")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("bench", "smok"), "did you mean 'smoke'"),
        (("bench", "smoke", "--target", "rust"), "rust-axum"),
        (("bench", "smoke", "--variant", "zcg"), "zgc"),
        (("bench", "--budget", "soon"), "10m"),
        (("bench", "--rounds", "0"), "rounds"),
        (("bench", "--no-such-option"), "no-such-option"),
        (("bench", "smoke", "--url", "http://127.0.0.1:9"), "request:"),
        (("bench", "smoke", "--url", "http://127.0.0.1:9", "--target", "go"), "leave out --target"),
        (("bench", "smoke", "--url", "http://127.0.0.1:9", "--variant", "zgc"), "leave out --variant"),
        (("bench", "smoke", "--url", "http://127.0.0.1:9", "--driver", "process"), "leave out --driver"),
        (("bench", "smoke", "--quick", "--budget", "10m"), "together with --budget"),
        (("bench", "smoke", "--quick", "--full"), "together with --full"),
        (("plan", "smoke", "--quick", "--full"), "together with --full"),
        (("bench", "smoke", "--web", "70000"), "--web"),
        (("report", "nowhere"), "holds no run"),
    ],
)
def test_wrong_use_is_told_in_one_message(start: Start, arguments: tuple[str, ...], word: str) -> None:
    harness = start(*arguments)
    code = harness.exit_code()
    assert code in (2, 4)
    assert (code == 4) == (arguments[0] == "report")
    assert word in harness.output
    assert "Traceback" not in harness.output


def test_a_taken_port_of_the_web_page_is_told_before_anything_is_built(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        harness = start(*QUICK, "--web", str(port))
        assert harness.exit_code() == 2, harness.output
    assert f"--web {port}: that port is in use" in harness.output
    assert not list((harness.results).glob("*/run.json"))


def test_the_address_of_the_web_page_is_told_when_it_is_there(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    harness = start(*QUICK, "--target", "go", "--web", str(port))
    harness.await_text(f"Locust's own page: http://127.0.0.1:{port}/")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
        assert answer.status == 200
    assert harness.end(signal.SIGINT) == 130, harness.output


def test_a_variant_of_a_target_that_is_named_by_its_folder_is_found(start: Start) -> None:
    harness = start("plan", "smoke", "--target", str(ROOT / "targets" / "go"), "--variant", "gogc-50")
    assert harness.exit_code() == 0, harness.output
    assert "smoke/go+gogc-50" in harness.output


def test_a_typo_in_a_scenario_names_file_line_and_nearest_key(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("schema: 1\nname: mine\nquestion: x\nwindws: []\n", encoding="utf-8")
    harness = start("bench", str(path))
    assert harness.exit_code() == 2
    assert f"{path}:4" in harness.output
    assert "did you mean 'windows'" in harness.output


def test_a_missing_toolchain_is_named_with_the_line_that_installs_it(start: Start, tmp_path: Path) -> None:
    empty = tmp_path / "bin"
    empty.mkdir()
    for needed in ("env", "sh", "git"):
        found = shutil.which(needed)
        assert found
        (empty / needed).symlink_to(found)
    harness = start(*QUICK, "--target", "ts-elysia", environment={"PATH": str(empty)})
    assert harness.exit_code() == 3, harness.output
    assert "nodejs" in harness.output
    assert "harness doctor" in harness.output


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_ends_with_one_clear_message(start: Start, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", disk], check=False).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        harness = start(*QUICK, "--target", "go", "--out", str(disk / "results"))
        assert harness.exit_code() == 4, harness.output
        assert "No space left" in harness.output
        assert "Traceback" not in harness.output
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
