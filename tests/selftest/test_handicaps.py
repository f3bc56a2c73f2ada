"""Handicaps: what each asks of the target, and what the target's own accounts say of its size."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import StoreError, UsageError
from harness.model import JsonObject
from harness.selftest.handicaps import (
    APART,
    TOGETHER,
    TWIN,
    Burdened,
    Handicap,
    between,
    cpu,
    heads_named,
    memory,
    read_accounts,
    start,
    tail,
)

BEFORE = {
    "unix_ns": 100,
    "requests": 500,
    "cpu_ns": 9_000_000,
    "burnt_ns": 4_000_000,
    "delayed": 3,
    "waited_ns": 50_000_000,
    "rss_bytes": 22_000,
    "ballast_bytes": 2_000,
    "start_ns": 61_000_000,
}
AFTER = {
    "unix_ns": 300,
    "requests": 1_500,
    "cpu_ns": 10_100_000,
    "burnt_ns": 4_100_000,
    "delayed": 23,
    "waited_ns": 92_000_000,
    "rss_bytes": 33_000,
    "ballast_bytes": 3_000,
    "start_ns": 61_000_000,
}


@pytest.mark.parametrize(
    ("handicap", "size"),
    [(cpu(0.1), 10.0), (tail(0.02, 2.0), 2.1), (memory(0.1), 10.0), (start(60.0), 61.0)],
)
def test_the_accounts_tell_what_arrived_since_the_first_of_them(handicap: Handicap, size: float) -> None:
    assert handicap.arrived([BEFORE, AFTER]) == pytest.approx(size)


def test_waits_that_are_too_few_count_for_less() -> None:
    half = {**AFTER, "delayed": 13, "waited_ns": 71_000_000}
    assert tail(0.02, 2.0).arrived([BEFORE, half]) == pytest.approx(1.05)


@pytest.mark.parametrize("accounts", [[], [BEFORE]])
def test_too_few_accounts_tell_nothing(accounts: list[JsonObject]) -> None:
    assert cpu(0.1).arrived(accounts) is None
    assert tail(0.02, 2.0).arrived(accounts) is None


def test_a_stretch_has_its_accounts_and_the_last_before_it() -> None:
    accounts = [{"unix_ns": at} for at in (100, 200, 300, 400, 500)]
    assert [a["unix_ns"] for a in between(accounts, 250, 400)] == [200, 300, 400]
    assert [a["unix_ns"] for a in between(accounts, 50, 150)] == [100]


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    log = tmp_path / "target.log"
    log.write_text('listening\nhandicap: {"requests": 1}\nhandicap: {"requests": 2}\nhandicap: {"requ')
    assert read_accounts(log) == [{"requests": 1}, {"requests": 2}]
    log.write_text("listening\n")
    assert read_accounts(log) == []
    with pytest.raises(StoreError, match="absent"):
        read_accounts(tmp_path / "absent")


@pytest.mark.parametrize("heads", [APART, (TOGETHER,)])
def test_no_handicap_can_be_taken_for_another(heads: tuple[Burdened, ...]) -> None:
    for head in heads:
        assert len({h.metric for h in head.handicaps}) == len(head.handicaps)
        assert len(head.environment) == sum(len(h.environment) for h in head.handicaps)
        assert all(h.accepted[0] < h.planned < h.accepted[1] for h in head.handicaps)
    names = [h.name for head in heads for h in head.handicaps]
    assert len(set(names)) == len(names)
    assert len({head.name for head in (*heads, TWIN)}) == len(heads) + 1


def test_each_handicap_has_a_head_of_its_own_unless_one_look_is_all() -> None:
    assert heads_named((), quick=False) == APART
    assert all(len(head.handicaps) == 1 for head in APART)
    assert heads_named((), quick=True) == (TOGETHER,)
    chosen = heads_named(("memory", "cpu-10", "memory"), quick=True)
    assert [h.environment for h in chosen] == [
        {"HANDICAP_MEMORY_RATIO": "0.1"},
        {"HANDICAP_CPU_RATIO": "0.1"},
    ]
    with pytest.raises(UsageError, match="cpu-10, cpu-20, tail, memory, start"):
        heads_named(("cpu-30",), quick=False)
