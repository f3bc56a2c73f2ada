"""Handicaps: what each asks of the target, and what the target's own accounts say of its size."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import StoreError
from harness.model import JsonObject
from harness.selftest.handicaps import (
    Handicap,
    between,
    burdened,
    cpu,
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


def test_seeds_take_turns_and_every_handicap_has_a_metric_of_its_own() -> None:
    odd, even = burdened(1), burdened(2)
    assert odd.environment["HANDICAP_CPU_RATIO"] == "0.2"
    assert even.environment["HANDICAP_CPU_RATIO"] == "0.1"
    assert len({h.metric for h in odd.handicaps}) == len(odd.handicaps)
    assert all(h.accepted[0] < h.planned < h.accepted[1] for h in (*odd.handicaps, *even.handicaps))
