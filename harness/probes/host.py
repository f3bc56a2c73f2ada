"""The manifest: what machine and which software a run was measured with, and whether two of them are alike.

What the machine does not tell is None, and `missing` says why.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from harness.errors import ProbeError, StoreError
from harness.probes import machine
from harness.probes.topology import ROOT, read_numbers

SCHEMA = 1
_GIT_DEADLINE_S = 30
_NO_LONGER_WRITTEN = ("runtimes",)  # always empty: what a runtime is, its toolchains or its image say
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Given:
    """What others know better: the driver its engine, the builder its tools, the session its locks."""

    container_engine: str | None = None
    network_mode: str | None = None
    image_digests: Mapping[str, str] = field(default_factory=dict)
    toolchains: Mapping[str, str] = field(default_factory=dict)
    lock_files: tuple[Path, ...] = ()
    repository: Path | None = None
    cpus: tuple[int, ...] | None = None  # those this run may use; None: all that this process may


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One machine with its software. `lock_sha256` is by file name, `nic_bits_per_s` by interface."""

    schema: int = SCHEMA
    cpu_model: str | None
    architecture: str
    cpus_online: tuple[int, ...] | None
    cpus_allowed: tuple[int, ...]
    smt_active: bool | None
    governor: str | None
    turbo: bool | None
    numa_nodes: int | None
    memory_bytes: int | None
    virtualisation: str | None
    kernel: str | None
    cpus_isolated: tuple[int, ...] | None
    clock_source: str | None
    mitigations: dict[str, str] | None
    transparent_huge_pages: str | None
    cgroup_version: str | None
    nic_bits_per_s: dict[str, int] | None
    container_engine: str | None
    network_mode: str | None
    image_digests: dict[str, str]
    toolchains: dict[str, str]
    python: str
    lock_sha256: dict[str, str]
    git_revision: str | None
    git_clean: bool | None
    missing: dict[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """A field in which two manifests differ. `kind`: another machine, or other software on it."""

    name: str
    kind: Literal["machine", "software"]
    one: Any
    other: Any


_MACHINE = (
    "cpu_model",
    "architecture",
    "cpus_allowed",
    "cpus_isolated",
    "smt_active",
    "governor",
    "turbo",
    "numa_nodes",
    "memory_bytes",
    "virtualisation",
    "kernel",
    "clock_source",
    "mitigations",
    "transparent_huge_pages",
    "cgroup_version",
    "container_engine",
    "network_mode",
)
_SOFTWARE = ("image_digests", "toolchains", "python", "lock_sha256")
_SAME_MEMORY_RATIO = 0.02  # kernels of one machine reserve a little more or less


def comparable(one: Manifest, other: Manifest) -> list[Difference]:
    """What makes two runs unlike; empty: they may be compared. The revision is what one means to compare.

    A field that neither could read counts as alike, one that only one could read as different.
    """
    found = []
    for kind, names in (("machine", _MACHINE), ("software", _SOFTWARE)):
        for name in names:
            a, b = getattr(one, name), getattr(other, name)
            if name == "memory_bytes" and a and b and abs(a - b) <= _SAME_MEMORY_RATIO * max(a, b):
                continue
            if a != b:
                found.append(Difference(name, "machine" if kind == "machine" else "software", a, b))
    return found


@dataclass(frozen=True, slots=True)
class GitState:
    """A working tree's commit, and whether it holds nothing else."""

    revision: str
    clean: bool


def git_state(repository: Path) -> GitState:
    """Asked for before and after a run. Raises ProbeError when git is missing or this is no repository."""

    def git(*arguments: str) -> str:
        try:
            command = ["git", "--no-optional-locks", "-C", str(repository), *arguments]
            done = subprocess.run(
                command, capture_output=True, text=True, check=True, timeout=_GIT_DEADLINE_S
            )
        except (OSError, subprocess.SubprocessError) as failed:
            detail = (getattr(failed, "stderr", None) or str(failed)).strip()
            raise ProbeError(f"git {arguments[0]}: {detail}") from failed
        return done.stdout.strip()

    return GitState(git("rev-parse", "HEAD"), git("status", "--porcelain") == "")


def collect(given: Given, root: Path = ROOT) -> Manifest:
    """The manifest of the machine whose / is `root`. What cannot be read raises nothing: see `missing`."""
    missing: dict[str, str] = {}

    def ask(name: str, question: Callable[[], Value]) -> Value | None:
        try:
            return question()
        except ProbeError as reason:
            missing[name] = str(reason)
        except OSError as unreadable:
            missing[name] = f"{unreadable.filename}: {unreadable.strerror}"
        return None

    for name in ("container_engine", "network_mode"):
        if getattr(given, name) is None:
            missing[name] = "no container engine takes part"
    repository, system = given.repository, root / "sys/devices/system"
    cpus, clocks = system / "cpu", system / "clocksource/clocksource0"
    huge_pages = root / "sys/kernel/mm/transparent_hugepage/enabled"
    git = ask("git_revision", lambda: git_state(repository)) if repository else None
    return Manifest(
        cpu_model=ask("cpu_model", lambda: machine.cpu_model(root)),
        architecture=platform.machine(),
        cpus_online=ask("cpus_online", lambda: read_numbers(machine.text(cpus / "online"))),
        cpus_allowed=given.cpus or tuple(sorted(os.sched_getaffinity(0))),
        smt_active=ask("smt_active", lambda: machine.text(cpus / "smt/active") == "1"),
        governor=ask("governor", lambda: machine.governor(root)),
        turbo=ask("turbo", lambda: machine.turbo(root)),
        numa_nodes=ask("numa_nodes", lambda: len(read_numbers(machine.text(system / "node/online")))),
        memory_bytes=ask("memory_bytes", lambda: machine.memory_bytes(root)),
        virtualisation=ask("virtualisation", lambda: machine.virtualisation(root)),
        kernel=ask("kernel", lambda: machine.text(root / "proc/sys/kernel/osrelease")),
        cpus_isolated=ask("cpus_isolated", lambda: read_numbers(machine.text(cpus / "isolated"))),
        clock_source=ask("clock_source", lambda: machine.text(clocks / "current_clocksource")),
        mitigations=ask("mitigations", lambda: machine.mitigations(root)),
        transparent_huge_pages=ask("transparent_huge_pages", lambda: machine.chosen(huge_pages)),
        cgroup_version=ask("cgroup_version", lambda: machine.cgroup_version(root)),
        nic_bits_per_s=ask("nic_bits_per_s", lambda: machine.nic_bits_per_s(root)),
        container_engine=given.container_engine,
        network_mode=given.network_mode,
        image_digests=dict(given.image_digests),
        toolchains=dict(given.toolchains),
        python=platform.python_version(),
        lock_sha256={file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in given.lock_files},
        git_revision=git.revision if git else None,
        git_clean=git.clean if git else None,
        missing=missing,
    )


def to_json(manifest: Manifest) -> dict[str, Any]:
    """For `run.json`: plain lists, objects and figures."""
    return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(manifest).items()}


def from_json(stored: Mapping[str, Any]) -> Manifest:
    """The inverse of `to_json`. Raises StoreError for another schema or other fields."""
    if stored.get("schema") != SCHEMA:
        raise StoreError(f"manifest: schema {stored.get('schema')!r} is unknown; this program knows {SCHEMA}")
    values: dict[str, Any] = {
        name: tuple(v) if isinstance(v, list) else v
        for name, v in stored.items()
        if name not in _NO_LONGER_WRITTEN
    }
    try:
        return Manifest(**values)
    except TypeError as unlike:
        raise StoreError(f"manifest: {unlike}") from unlike
