"""What a run leaves in history: valid rows of whole runs, each once, in the file of what it may be compared with."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gate.made import CPU, METRICS, RULES, night, pairs
from report.made import FOUR, Making, made_tools

from harness import MEASUREMENT
from harness.asked import NightAsked
from harness.catalogue import find_scenario, find_target
from harness.drivers.base import Artifact
from harness.gate.document import Built, night_document, run_document, source_json
from harness.gate.judge import night_word, verdicts
from harness.gate.model import TargetNight
from harness.gate.runtimes import Upgrade, sides
from harness.gate.sources import Source
from harness.history import append, comparability, file_name, history_lines, night_lines, why_left_out
from harness.ledger import Ledger
from harness.report.outputs import read
from harness.store import RunFolder

GO = find_target("go")


def lines_of(run: RunFolder, **changed: Any) -> list[tuple[str, Any]]:
    shown = read(run)
    return history_lines({**shown.document, **changed}, shown.summary)


def test_each_valid_row_has_a_line_with_its_figures(small_run: RunFolder) -> None:
    shown = read(small_run)
    lines = lines_of(small_run)
    rows = {(s.name, r.target): r for s in shown.summary.scenarios for r in s.rows if not r.twin}
    kept = {(e["key"]["scenario"], e["key"]["target"]): e for _, e in lines}
    assert kept
    assert all(rows[place].valid for place in kept)
    assert not any(target == "wrong" for _, target in kept)
    for place, entry in kept.items():
        for name, figure in entry["figures"].items():
            assert rows[place].figures[name].centre == figure["centre"]
            assert list(rows[place].figures[name].trials) == figure["trials"]
            assert not rows[place].figures[name].at_least


def test_the_blind_twin_is_in_no_history(making: Callable[[Making], RunFolder]) -> None:
    targets = {name: FOUR[name] for name in ("go", "rust-axum")}
    run = making(Making(targets=targets, scenarios=("routing-4kb",), rounds=2, scale=0.12))
    assert any(r.twin for s in read(run).summary.scenarios for r in s.rows)
    assert sorted(e["key"]["target"] for _, e in lines_of(run)) == ["go", "rust-axum"]


@pytest.mark.parametrize("status", ["interrupted", "broken off", "running"])
def test_a_run_that_is_not_whole_leaves_nothing(tiny_run: RunFolder, status: str) -> None:
    assert lines_of(tiny_run)
    assert lines_of(tiny_run, status=status) == []


def test_a_quick_look_leaves_nothing(tiny_run: RunFolder) -> None:
    shown = read(tiny_run)
    assert history_lines(shown.document, replace(shown.summary, stamp="quick look")) == []


def a_night(targets: Sequence[TargetNight], **changed: Any) -> list[tuple[str, Any]]:
    """The lines of a night, by the documents that a gate writes."""
    made = night(targets, **changed)
    tools = made_tools(
        manifest=lambda _: {
            "cpu_model": "x",
            "architecture": "x86_64",
            "cpus_online": [0, 1],
            "kernel": "6.12.1",
        }
    )
    bases, heads = (
        {t.target: Artifact(find_target("go"), f"hash of {side}") for t in targets}
        for side in ("base", "head")
    )
    asked = NightAsked(config="/rules.yaml")
    built = Built(5, asked, [], tools, tools.manifest({}), find_scenario("gate"), bases, heads)
    word = night_word(judged := verdicts(made.targets, METRICS, RULES, RULES.levels[0]))
    document = json.loads(json.dumps(run_document(made, built, "complete")))
    return night_lines(document, night_document("2026-11-25T01-02-03Z-abcd", made, judged, word, "complete"))


def test_a_night_of_the_guard_leaves_what_head_was_measured_as() -> None:
    measured = pairs(7, {CPU.name: 0.2})
    ((name, line),) = a_night([TargetNight("go", measured)])
    assert name.startswith("gate.gate.go.process.")
    assert (line["kind"], line["run"], line["unix_ns"]) == ("gate", "2026-11-25T01-02-03Z-abcd", 5)
    assert line["content_hash"] == "hash of head"
    assert (line["revision"], line["base_revision"]) == (night().head.revision, night().base.revision)
    figure = line["figures"]["rate-1000/cpu_ns_per_request"]
    assert figure["trials"] == [p.head[CPU.name] for p in measured]
    assert figure["low"] < figure["centre"] < figure["high"]
    assert figure["centre"] == pytest.approx(120_000, rel=0.02)
    assert figure["ratio_to_base"] == pytest.approx(1.2, rel=0.02)
    assert set(line["figures"]) == {"rate-1000/cpu_ns_per_request", "peak/throughput_rps", "rate-1000/p99_ns"}


def test_a_target_with_too_few_pairs_and_a_night_that_was_interrupted_leave_nothing() -> None:
    few, enough = TargetNight("bun", pairs(3)), TargetNight("go", pairs(6))
    assert [line["key"]["target"] for _, line in a_night([few, enough])] == ["go"]
    assert night_lines({}, {"status": "interrupted", "targets": [{"enough": True}]}) == []


@pytest.mark.parametrize(
    ("head", "is_ordinary"),
    [
        (Source("directory", ".", Path("/head"), "f" * 40), True),
        (Source("directory", ".", Path("/head"), "f" * 40, clean=False), True),
        (Source("directory", "/other", Path("/other"), None), False),
        (Source("revision", "v0.9", Path("/head"), "f" * 40), False),
        (Source("image", "sha256:" + "a" * 64, None, None), False),
        (sides([Upgrade(GO, GO, "1.26.8", "1.26.11")], Source("directory", ".", Path("/"), None))[1], False),
    ],
)
def test_a_night_of_another_head_than_this_checkout_is_in_no_series(head: Source, is_ordinary: bool) -> None:
    assert bool(a_night([TargetNight("go", pairs(6))], head=head)) is is_ordinary
    why = why_left_out({"head": source_json(head)})
    assert why is None if is_ordinary else head.name in str(why)


def test_nights_of_the_guard_and_benches_share_no_file(tiny_run: RunFolder) -> None:
    document = tiny_run.read_run()
    kinds = [
        file_name(comparability({**document, "kind": k}, "routing-4kb", "go")) for k in ("bench", "gate")
    ]
    assert kinds[0] != kinds[1]
    assert kinds[0] == file_name(comparability(document, "routing-4kb", "go"))


@pytest.mark.parametrize(
    ("part", "change", "same_file"),
    [
        ("driver", "docker", False),
        ("engine", "locust", False),
        ("harness", {"version": "0.1.0", "measurement": MEASUREMENT + 1}, False),
        ("harness", {"version": "9.9.9", "measurement": MEASUREMENT}, True),
        ("manifest", {"cpu_model": "another"}, False),
        ("manifest", {"cpus_online": [0]}, False),
        ("manifest", {"git_revision": "another"}, True),
        ("manifest", {"python": "3.99"}, True),
        ("manifest", {"memory_bytes": 24 * 2**30 + 3_000_000}, True),
        ("manifest", {"memory_bytes": 12 * 2**30}, False),
        ("manifest", {"governor": "powersave"}, False),
        ("manifest", {"turbo": False}, False),
        ("manifest", {"smt_active": True}, False),
        ("manifest", {"virtualisation": "container"}, False),
        ("manifest", {"mitigations": {"spectre_v2": "Vulnerable"}}, False),
        ("manifest", {"transparent_huge_pages": "always"}, False),
        ("manifest", {"clock_source": "hpet"}, False),
        ("manifest", {"cgroup_version": "v1"}, False),
        ("manifest", {"cpus_isolated": [1]}, False),
        ("manifest", {"container_engine": "docker"}, False),
        ("manifest", {"network_mode": "host"}, False),
        ("placement", {"sharing": "direction only"}, False),
        ("seed", 99, True),
    ],
)
def test_only_what_changes_the_scale_begins_a_new_file(
    tiny_run: RunFolder, part: str, change: Any, same_file: bool
) -> None:
    document = tiny_run.read_run()
    other = {**document, part: {**document[part], **change} if isinstance(change, dict) else change}
    one, two = (file_name(comparability(d, "routing-4kb", "go")) for d in (document, other))
    assert (one == two) is same_file


@pytest.mark.parametrize(("release", "same_file"), [("6.8.0-99-generic", True), ("6.9.1", False)])
def test_a_new_kernel_begins_a_new_file_and_its_fixes_do_not(
    tiny_run: RunFolder, release: str, same_file: bool
) -> None:
    document = tiny_run.read_run()
    names = [
        file_name(
            comparability(
                {**document, "manifest": {**document["manifest"], "kernel": k}}, "routing-4kb", "go"
            )
        )
        for k in ("6.8.0-31-generic", release)
    ]
    assert (names[0] == names[1]) is same_file


def test_a_run_is_added_once_however_often_it_is_reported(tiny_run: RunFolder, tmp_path: Path) -> None:
    lines = lines_of(tiny_run)
    assert append(tmp_path, lines) == append(tmp_path, lines) == []
    for name, line in lines:
        assert Ledger(tmp_path / name).read().entries == ({"schema": 1, **line},)


def test_a_torn_line_is_told_of_and_the_night_is_added(tiny_run: RunFolder, tmp_path: Path) -> None:
    name, line = lines_of(tiny_run)[0]
    (tmp_path / name).write_bytes(b'{"schema": 1, "run": "')
    told = append(tmp_path, [(name, line)])
    assert "line 1 is torn" in told[0]
    assert len(Ledger(tmp_path / name).read().entries) == 1


def test_two_branches_that_added_nights_merge_without_conflict(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]

    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    ledger = Ledger(tmp_path / "results" / "history" / "x.jsonl")
    git("init", "-q", "-b", "main")
    (tmp_path / ".gitattributes").write_text((root / ".gitattributes").read_text())
    ledger.append({"n": 0})
    git("add", "-A")
    git("commit", "-qm", "0")
    git("checkout", "-qb", "other")
    ledger.append({"n": 1})
    git("commit", "-qam", "1")
    git("checkout", "-q", "main")
    ledger.append({"n": 2})
    git("commit", "-qam", "2")
    git("merge", "-q", "other", "-m", "both")
    found = ledger.read()
    assert sorted(e["n"] for e in found.entries) == [0, 1, 2]
    assert found.dropped == ()
    assert all(json.loads(text) for text in ledger.path.read_text().splitlines())
