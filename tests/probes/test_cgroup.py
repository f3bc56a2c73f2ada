"""Control groups: recorded mounts of the three kinds of machine, folders laid out like the kernel's."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest

from harness.probes.cgroup import (
    Folder,
    Folders,
    Memory,
    MemoryReader,
    Mount,
    Throttling,
    ThrottlingReader,
    folders_at,
    folders_of,
    locate,
    parse_flat_keyed,
    parse_membership,
    parse_mounts,
    version,
)

V2 = """24 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
35 24 0:30 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate
"""
V1 = """31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:5 master:2 - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
"""
HYBRID = V1 + "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
SYSTEMD_ONLY = V2 + "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd\n"
IN_CONTAINER = "900 899 0:32 /docker/ab\\040c /sys/fs/cgroup/memory ro,nosuid - cgroup cgroup rw,memory\n"


@pytest.mark.parametrize(
    ("mountinfo", "expected"), [(V2, "v2"), (V1, "v1"), (HYBRID, "hybrid"), (SYSTEMD_ONLY, "v2"), ("", None)]
)
def test_version(mountinfo: str, expected: str | None) -> None:
    assert version(parse_mounts(mountinfo)) == expected


def test_mounts_unescape_their_paths() -> None:
    assert parse_mounts(IN_CONTAINER) == [
        Mount(Path("/sys/fs/cgroup/memory"), PurePosixPath("/docker/ab c"), frozenset({"memory"}))
    ]


@pytest.mark.parametrize(
    ("mountinfo", "membership", "memory", "cpu"),
    [
        (V2, "0::/run/x.scope\n", ("/sys/fs/cgroup/run/x.scope", 2), ("/sys/fs/cgroup/run/x.scope", 2)),
        (
            V1,
            "9:name=systemd:/\n4:memory:/m\n1:cpu,cpuacct:/c\n",
            ("/sys/fs/cgroup/memory/m", 1),
            ("/sys/fs/cgroup/cpu,cpuacct/c", 1),
        ),
        (
            HYBRID,
            "4:memory:/m\n1:cpu,cpuacct:/\n0::/u\n",
            ("/sys/fs/cgroup/memory/m", 1),
            ("/sys/fs/cgroup/cpu,cpuacct", 1),
        ),
        (IN_CONTAINER, "4:memory:/docker/ab c/inner\n", ("/sys/fs/cgroup/memory/inner", 1), None),
        (IN_CONTAINER, "4:memory:/elsewhere\n", None, None),
        ("", "", None, None),
    ],
)
def test_folders_of_a_process(
    mountinfo: str, membership: str, memory: tuple[str, int] | None, cpu: tuple[str, int] | None
) -> None:
    found = locate(parse_membership(membership), parse_mounts(mountinfo))
    for folder, expected in ((found.memory, memory), (found.cpu, cpu)):
        assert (folder and (str(folder.path), folder.version)) == expected


def test_shared_folders_are_left_out() -> None:
    shared, own = Folder(Path("/cpu"), 1), Folder(Path("/memory/own"), 1)
    target = Folders(memory=own, cpu=shared)
    assert target.private_to(Folders(memory=Folder(Path("/memory"), 1), cpu=shared)) == Folders(memory=own)


def group(path: Path, files: dict[str, str]) -> Path:
    path.mkdir()
    for name, text in files.items():
        (path / name).write_text(text)
    return path


def test_readers_of_version_1(tmp_path: Path) -> None:
    memory = group(
        tmp_path / "memory",
        {
            "memory.usage_in_bytes": "37117952\n",
            "memory.stat": "cache 1\nrss 5\ntotal_cache 1\ntotal_rss 26013696\n",
        },
    )
    cpu = group(tmp_path / "cpu", {"cpu.stat": "nr_periods 10\nnr_throttled 3\nthrottled_time 25000000\n"})
    folders = folders_at([memory, cpu])
    assert folders == Folders(Folder(memory, 1), Folder(cpu, 1))
    assert folders.memory is not None and folders.cpu is not None
    assert MemoryReader(folders.memory).read() == Memory(current_bytes=37117952, anon_bytes=26013696)
    assert ThrottlingReader(folders.cpu).read() == Throttling(throttled_periods=3, throttled_ns=25_000_000)


@pytest.mark.parametrize(
    ("cpu_stat", "expected"),
    [
        ("usage_usec 5\nnr_periods 10\nnr_throttled 3\nthrottled_usec 25000\n", Throttling(3, 25_000_000)),
        ("usage_usec 5\nuser_usec 5\nsystem_usec 0\n", Throttling(0, 0)),
    ],
)
def test_readers_of_version_2(tmp_path: Path, cpu_stat: str, expected: Throttling) -> None:
    path = group(
        tmp_path / "g",
        {
            "cgroup.controllers": "cpu memory\n",
            "memory.current": "1000\n",
            "memory.stat": "anon 700\nfile 300\n",
            "cpu.stat": cpu_stat,
        },
    )
    folders = folders_at([path])
    assert folders.memory is not None and folders.cpu is not None
    assert MemoryReader(folders.memory).read() == Memory(current_bytes=1000, anon_bytes=700)
    assert ThrottlingReader(folders.cpu).read() == expected


def test_flat_keyed() -> None:
    assert parse_flat_keyed(b"a 1\nb 22\n") == {"a": 1, "b": 22}


def test_our_own_groups_can_be_read() -> None:
    folders = folders_of(os.getpid())
    if folders.memory is None or not (folders.memory.path / "memory.stat").exists():
        pytest.skip("this machine has no memory controller")
    memory = MemoryReader(folders.memory).read()
    assert 0 < memory.anon_bytes <= memory.current_bytes


def test_no_such_process() -> None:
    with pytest.raises(ProcessLookupError):
        folders_of(2**22 + 1)
