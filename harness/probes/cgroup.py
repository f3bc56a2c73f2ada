"""Memory and CPU of a control group: version 1, version 2, and both at once (systemd's hybrid mode).

A process is in one folder of the version 2 tree and in one per version 1 controller; `Folders` names, per
figure, the folder that holds it. Where a process only shares the group of whoever started it, the group's
figures say nothing about the process: `private_to` leaves such folders out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from harness.probes.procfs import PROC, KeptFile
from harness.units import NS_PER_US

Version = Literal["v1", "v2", "hybrid"]
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One mounted cgroup tree. `controllers` is empty for version 2; `root` is what the mount point shows."""

    point: Path
    root: PurePosixPath
    controllers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Folder:
    """A group's folder and the version of its files."""

    path: Path
    version: Literal[1, 2]


@dataclass(frozen=True, slots=True)
class Folders:
    """Where a group's figures are; None: no such group is known."""

    memory: Folder | None = None
    cpu: Folder | None = None

    def private_to(self, other: Folders) -> Folders:
        """Only those folders that `other` does not share."""
        return Folders(
            memory=self.memory if self.memory != other.memory else None,
            cpu=self.cpu if self.cpu != other.cpu else None,
        )


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes a group holds. `anon_bytes` leaves out page cache and kernel memory."""

    current_bytes: int
    anon_bytes: int


@dataclass(frozen=True, slots=True)
class Throttling:
    """How often a CPU quota (if any) stopped the group, and for how long, since the group was made."""

    throttled_periods: int
    throttled_ns: int


def parse_mounts(mountinfo: str) -> list[Mount]:
    """/proc/PID/mountinfo → the cgroup mounts, in order. The field layout is in proc_pid_mountinfo(5)."""
    mounts = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind not in ("cgroup", "cgroup2"):
            continue
        root, point = (_OCTAL.sub(lambda m: chr(int(m[1], 8)), field) for field in before.split(" ")[3:5])
        controllers = frozenset(options.split(" ")[-1].split(",")) - {"rw", "ro"} if kind == "cgroup" else ()
        mounts.append(Mount(Path(point), PurePosixPath(root), frozenset(controllers)))
    return mounts


def parse_membership(text: str) -> dict[str, PurePosixPath]:
    """/proc/PID/cgroup → controller → group; the key "" is the version 2 group."""
    groups = {}
    for line in text.splitlines():
        _, controllers, group = line.split(":", 2)
        for controller in controllers.split(","):
            groups[controller] = PurePosixPath(group)
    return groups


def parse_flat_keyed(text: bytes) -> dict[str, int]:
    """Files such as memory.stat and cpu.stat: a name and an integer a line."""
    return {name.decode(): int(value) for name, value in (line.split() for line in text.splitlines())}


def locate(membership: Mapping[str, PurePosixPath], mounts: list[Mount]) -> Folders:
    """Where a process's figures are. A controller is in one tree only: in version 1's, if mounted there."""

    def folder(controller: str) -> Folder | None:
        for mount in mounts:
            version: Literal[1, 2] = 1 if mount.controllers else 2
            group = membership.get(controller if version == 1 else "")
            if group is None or (version == 1 and controller not in mount.controllers):
                continue
            if version == 2 and controller in membership:
                continue
            if group.is_relative_to(mount.root):
                return Folder(mount.point / group.relative_to(mount.root), version)
        return None

    return Folders(memory=folder("memory"), cpu=folder("cpu"))


def folders_of(pid: int) -> Folders:
    """The groups of a process as seen from here. Raises ProcessLookupError for no such process."""
    try:
        membership = parse_membership((PROC / str(pid) / "cgroup").read_text())
    except FileNotFoundError as gone:
        raise ProcessLookupError(pid) from gone
    return locate(membership, parse_mounts((PROC / "self" / "mountinfo").read_text()))


def folders_at(paths: list[Path]) -> Folders:
    """Folders that were named outright; what each holds is told by its files."""
    memory = cpu = None
    for path in paths:
        if (path / "memory.usage_in_bytes").exists():
            memory = Folder(path, 1)
        elif (path / "memory.current").exists():
            memory = Folder(path, 2)
        if (path / "cpu.stat").exists():
            cpu = Folder(path, 2 if (path / "cgroup.controllers").exists() else 1)
    return Folders(memory, cpu)


def version(mounts: list[Mount]) -> Version | None:
    """Which version the machine runs; hybrid: a version 2 tree beside version 1. None: no cgroups."""
    old = any(m.controllers and not any(c.startswith("name=") for c in m.controllers) for m in mounts)
    new = any(not m.controllers for m in mounts)
    if old:
        return "hybrid" if new else "v1"
    return "v2" if new else None


class MemoryReader:
    """A group's memory through files kept open."""

    def __init__(self, folder: Folder) -> None:
        """Raises OSError when the group has no memory controller."""
        current, self._anon_key = (
            ("memory.usage_in_bytes", "total_rss") if folder.version == 1 else ("memory.current", "anon")
        )
        self._current = KeptFile(folder.path / current)
        self._stat = KeptFile(folder.path / "memory.stat")

    def read(self) -> Memory:
        """Raises OSError when the group was removed."""
        return Memory(int(self._current.read()), parse_flat_keyed(self._stat.read())[self._anon_key])


class ThrottlingReader:
    """A group's throttling through a file kept open."""

    def __init__(self, folder: Folder) -> None:
        """Raises OSError when the group has no cpu controller."""
        self._version = folder.version
        self._stat = KeptFile(folder.path / "cpu.stat")

    def read(self) -> Throttling:
        """Zero where no quota was ever set (version 2 omits the lines). Raises OSError when removed."""
        figures = parse_flat_keyed(self._stat.read())
        return Throttling(
            throttled_periods=figures.get("nr_throttled", 0),
            throttled_ns=figures.get("throttled_time", 0)
            if self._version == 1
            else figures.get("throttled_usec", 0) * NS_PER_US,
        )
