"""Owners and control groups: the texts they are read from."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.drivers.cgroups import Parent, hierarchies, make_in, oom_kills
from harness.drivers.owner import Owner

V1_MOUNTS = """\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
36 31 0:33 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
42 31 0:39 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw"""
V1_MEMBERSHIP = "5:cpu,cpuacct:/\n4:memory:/shell/1\n0::/"
V2_MOUNTS = (
    "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot"
)
V2_MEMBERSHIP = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/term.scope"
IN_CONTAINER = "900 890 0:26 /docker/abc /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw"


@pytest.mark.parametrize(
    ("mounts", "membership", "expected"),
    [
        (
            V1_MOUNTS,
            V1_MEMBERSHIP,
            [(1, "/sys/fs/cgroup/memory", "/shell/1"), (2, "/sys/fs/cgroup/unified", "/")],
        ),
        (V2_MOUNTS, V2_MEMBERSHIP, [(2, "/sys/fs/cgroup", V2_MEMBERSHIP.removeprefix("0::"))]),
        (IN_CONTAINER, "0::/docker/abc/child", [(2, "/sys/fs/cgroup", "/child")]),
        ("31 23 0:28 / /proc rw - proc proc rw", "0::/", []),
    ],
)
def test_the_hierarchies_that_limit_memory(
    mounts: str, membership: str, expected: list[tuple[int, str, str]]
) -> None:
    found = hierarchies(mounts.splitlines(), membership.splitlines())
    assert [(version, str(mount), own) for version, mount, own in found] == expected


def test_the_hierarchy_that_shares_out_cores_is_another_one_in_the_first_version() -> None:
    mounts = "30 23 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n" + V1_MOUNTS
    found = list(hierarchies(mounts.splitlines(), ["3:cpu,cpuacct:/batch"], "cpu"))
    assert found == [(1, Path("/sys/fs/cgroup/cpu"), "/batch")]


@pytest.mark.parametrize(
    ("events", "kills"),
    [
        ("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n", 2),
        ("low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\noom_group_kill 0\n", 1),
        ("low 0\noom_kill 0\n", 0),
        (None, 0),
    ],
)
def test_kills_for_want_of_memory_are_read_from_both_versions(events: str | None, kills: int) -> None:
    assert oom_kills(events) == kills


@pytest.mark.parametrize(("version", "limit_file"), [(1, "memory.limit_in_bytes"), (2, "memory.max")])
def test_a_group_is_limited_by_its_versions_file(version: int, limit_file: str, tmp_path: Path) -> None:
    owner = Owner.current()
    first = make_in(Parent(tmp_path, version), 1 << 30, "a-run", owner)
    second = make_in(Parent(tmp_path, version), 1 << 30, "a-run", owner)
    assert (first.folder / limit_file).read_text() == str(1 << 30)
    assert [g.folder.name for g in (first, second)] == [f"bench.a-run.{owner}.{n}" for n in (0, 1)]


def test_an_owner_is_known_again_and_missed_when_gone() -> None:
    me = Owner.current()
    assert Owner.parse(str(me)) == me
    assert me.is_gone() is False
    code = "from harness.drivers.owner import Owner; print(Owner.current())"
    other = Owner.parse(subprocess.check_output([sys.executable, "-c", code], text=True).strip())
    assert other is not None
    assert other.is_gone() is True


def test_a_later_process_with_the_same_id_is_not_the_owner() -> None:
    me = Owner.current()
    assert Owner(os.getpid(), me.start_ticks - 1, me.world).is_gone() is True


def test_an_owner_on_another_machine_cannot_be_judged() -> None:
    assert Owner(1, 1, "0123abcd.4026531836").is_gone() is None


@pytest.mark.parametrize("text", ["", "12", "12-x-y", "x-1-y", "12-3-"])
def test_other_texts_are_no_owner(text: str) -> None:
    assert Owner.parse(text) is None
