"""Control groups (v1 or v2) of our own, where this user may make one: one that holds a process tree to a memory limit,
and one whose processes run where nothing else wants to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.drivers.owner import Owner

_NAME = re.compile(r"bench\.(?P<run>.+)\.(?P<owner>\d+-\d+-[0-9a-f]+\.\d+)\.\d+")


@dataclass(frozen=True)
class ControlGroup:
    """One of its own; the watchdog moves the process in and removes the group at its end, having read `events`."""

    folder: Path
    events: Path
    version: int


@dataclass(frozen=True)
class Refusal:
    """Why no control group could be made."""

    reason: str


@dataclass(frozen=True)
class Parent:
    """A group under which others may be made."""

    folder: Path
    version: int


def make_memory_group(limit_bytes: int, run_id: str, owner: Owner) -> ControlGroup | Refusal:
    """A new group with this limit (swap counted in, where the kernel can), or why there is none."""
    parents = list(_parents("memory"))
    if not parents:
        return Refusal("no memory control group is mounted here")
    reason = ""
    for parent in parents:
        try:
            return make_in(parent, limit_bytes, run_id, owner)
        except OSError as error:
            reason = f"{error.strerror}: {parent.folder}"
    return Refusal(f"no control group may be made ({reason})")


def make_idle_group(run_id: str, owner: Owner) -> ControlGroup | Refusal:
    """A new group of the scheduler's idle class, right below the root; or why there is none.

    Further down, it would share the part of the group above it, which is a full one beside other groups.
    """
    reason = "no cpu control group is mounted here"
    for version, mount, _ in _mounted("cpu"):
        try:
            with _fresh_folder(mount, run_id, owner) as folder:
                (folder / "cpu.idle").write_text("1")  # since Linux 5.15
                return ControlGroup(folder, folder / "cpu.stat", version)
        except OSError as error:
            reason = f"no idle control group may be made ({error.strerror}: {mount})"
    return Refusal(reason)


def is_at_the_top(group: ControlGroup) -> bool:
    """Whether it stands right below the machine's root, and not a container's, which looks the same from inside."""
    above = group.folder.parent
    return (
        (above / "release_agent").exists() if group.version == 1 else not (above / "cgroup.events").exists()
    )


def leftover_groups() -> Iterator[tuple[Path, str, Owner | None]]:
    """(folder, run id, owner) of each group that a harness made and that no longer holds a process."""
    for above in dict.fromkeys(
        parent.folder for controller in ("memory", "cpu") for parent in _parents(controller)
    ):
        for folder in above.glob("bench.*"):
            match = _NAME.fullmatch(folder.name)
            if match and _is_empty(folder):
                yield folder, match["run"], Owner.parse(match["owner"])


def _is_empty(group: Path) -> bool:
    """Whether it is there and holds no process: it may be removed by another at any moment."""
    try:
        return not (group / "cgroup.procs").read_text().strip()
    except OSError:
        return False


def memory_groups_of(pid: int) -> tuple[Path, ...]:
    """The folders of the groups that account for a process's memory; none when it has ended."""
    try:
        membership = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return ()
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    found = (mount / own.lstrip("/") for _, mount, own in hierarchies(mounts, membership))
    return tuple(folder for folder in found if folder.is_dir())


def oom_kills(events: str | None) -> int:
    """Processes killed for want of memory: the line `oom_kill N` of memory.events or memory.oom_control."""
    match = re.search(r"^oom_kill (\d+)$", events or "", re.MULTILINE)
    return int(match[1]) if match else 0


def make_in(parent: Parent, limit_bytes: int, run_id: str, owner: Owner) -> ControlGroup:
    """A limited group in a parent; none is left there when the limit cannot be set. Raises OSError."""
    with _fresh_folder(parent.folder, run_id, owner) as folder:
        if parent.version == 1:
            (folder / "memory.limit_in_bytes").write_text(str(limit_bytes))
            swap, swap_limit = folder / "memory.memsw.limit_in_bytes", str(limit_bytes)
        else:
            (folder / "memory.max").write_text(str(limit_bytes))
            swap, swap_limit = folder / "memory.swap.max", "0"
        if swap.exists():
            swap.write_text(swap_limit)
    events = "memory.oom_control" if parent.version == 1 else "memory.events"
    return ControlGroup(folder, folder / events, parent.version)


@contextmanager
def _fresh_folder(parent: Path, run_id: str, owner: Owner) -> Iterator[Path]:
    """A new folder; what fails to make a group of it as it should be leaves none. Raises OSError."""
    folder = _made_folder(parent, run_id, owner)
    try:
        yield folder
    except OSError:
        folder.rmdir()
        raise


def _made_folder(parent: Path, run_id: str, owner: Owner) -> Path:
    number = 0
    while True:
        folder = parent / f"bench.{run_id}.{owner}.{number}"
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            number += 1


def _parents(controller: str) -> Iterator[Parent]:
    """Groups under which one may be made, nearest first; in v2 those that pass the controller on."""
    for version, mount, own in _mounted(controller):
        near = mount / own.lstrip("/")
        for folder in [near, *near.parents]:
            if not folder.is_relative_to(mount):
                break
            if version == 1 or _passes_on(folder, controller):
                yield Parent(folder, version)


def _mounted(controller: str) -> Iterator[tuple[int, Path, str]]:
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    membership = Path("/proc/self/cgroup").read_text().splitlines()
    return hierarchies(mounts, membership, controller)


def _passes_on(folder: Path, controller: str) -> bool:
    control = folder / "cgroup.subtree_control"
    return control.exists() and controller in control.read_text().split()


def hierarchies(
    mounts: Iterable[str], membership: Iterable[str], controller: str = "memory"
) -> Iterator[tuple[int, Path, str]]:
    """(version, mount point, own group) of each hierarchy that may have the controller: proc(5), cgroups(7)."""
    own: dict[str, str] = {}
    for line in membership:
        _, controllers, path = line.split(":", 2)
        own.update(dict.fromkeys(controllers.split(","), path))
    for line in mounts:
        before, _, after = line.partition(" - ")
        root, point = before.split()[3:5]
        kind, _, options = after.split(" ", 2)
        if kind == "cgroup" and controller in options.split(",") and controller in own:
            yield 1, Path(point), _below(own[controller], root)
        elif kind == "cgroup2" and "" in own:
            yield 2, Path(point), _below(own[""], root)


def _below(path: str, root: str) -> str:
    """A group's path below the mount point, when a container sees only a part of the hierarchy."""
    return path.removeprefix(root) if root != "/" else path
