"""`harness doctor`: what this machine can do, what is missing, and how to get it."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness import awake
from harness.catalogue import merge
from harness.drivers.base import Driver
from harness.drivers.cargo import find_cargo
from harness.drivers.toolchain import Missing, find
from harness.model import TargetFile, TargetSpec

State = Literal["ok", "missing", "note"]
_MACHINES = ("x86_64", "aarch64")
_DISK_NEEDED_BYTES = 4 * 10**9
_WORKER_DOWNLOAD_BYTES = 10_000_000


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report; `advice` says how to get what is missing."""

    subject: str
    state: State
    text: str
    advice: str = ""


def examine(targets: Sequence[TargetFile], drivers: dict[str, Driver], root: Path) -> list[Finding]:
    """Looks at the machine; starts, builds and downloads nothing. Off Linux nothing more is looked at."""
    system = _system()
    if system.state == "missing":
        return [system]
    findings = [system, _cores(), _idle_cores(root), _disk(root), _worker(root), _downloads(targets, root)]
    for name, driver in drivers.items():
        found = driver.available()
        advice = (
            "" if found.ok else "the process driver is used instead; install and start Docker for containers"
        )
        findings.append(Finding(f"driver {name}", "ok" if found.ok else "note", found.reason, advice))
    for target in targets:
        findings += _target(merge(target, None, root / "targets" / target.name))
    return findings


def _system() -> Finding:
    text = (
        f"{platform.system()} {platform.release()}, {platform.machine()}, Python {platform.python_version()}"
    )
    if platform.system() != "Linux" or platform.machine() not in _MACHINES:
        return Finding(
            "system", "missing", text, "measure on Linux (x86-64 or arm64), on a host or virtual machine"
        )
    return Finding("system", "ok", text)


def _cores() -> Finding:
    cores = len(os.sched_getaffinity(0))
    if cores == 1:
        return Finding("cores", "note", "1: target and generator share it, so only directions can be told")
    if cores == 2:
        return Finding("cores", "note", "2: one for the target, one for the generator and everything else")
    return Finding("cores", "ok", f"{cores}")


def _idle_cores(root: Path) -> Finding:
    if not awake.is_worth_it():
        return Finding("idle cores", "ok", "may halt: no hypervisor takes them")
    if reason := awake.why_not(_worker_binary(root).with_name("keep-awake"), in_containers=False):
        advice = "response times scatter more; it takes the native worker, and the right to make a control group (root)"
        return Finding("idle cores", "note", f"halt: {reason}", advice)
    return Finding("idle cores", "ok", "kept from halting while something is measured")


def _disk(root: Path) -> Finding:
    free_bytes = shutil.disk_usage(root).free
    text = f"{free_bytes / 1e9:.0f} GB free; what is built takes about 2 GB"
    if free_bytes < _DISK_NEEDED_BYTES:
        return Finding("disk", "missing", text, "free some space, or clone to a larger disk")
    return Finding("disk", "ok", text)


def _worker_binary(root: Path) -> Path:
    """Where there is no cargo, its image's is used, and not what cargo may have left."""
    return root / ".build" / ("worker/release" if find_cargo() else "worker-image") / "bench-worker"


def _worker(root: Path) -> Finding:
    if _worker_binary(root).is_file():
        return Finding("native worker", "ok", "built" if find_cargo() else "out of its Docker image")
    if find_cargo():
        return Finding("native worker", "ok", "not built yet; `make bench` builds it (about a minute)")
    return Finding(
        "native worker",
        "note",
        "no cargo: built in its Docker image where an engine answers; else loads come from stock Locust workers, "
        "which cannot saturate the fast targets",
        "apt-get install cargo, or see rust-lang.org/tools/install",
    )


def _downloads(targets: Sequence[TargetFile], root: Path) -> Finding:
    """What the first build fetches: of targets that can be built here and were not yet, and of the worker."""
    sizes_bytes = {t.name: t.download for t in targets if t.download and _will_be_fetched(t, root)}
    if find_cargo() and not _worker_binary(root).is_file():
        sizes_bytes["native worker"] = _WORKER_DOWNLOAD_BYTES
    if not sizes_bytes:
        return Finding("downloads", "ok", "none: everything that can be built here was built before")
    parts = ", ".join(f"{name} {size / 1e6:.0f}" for name, size in sizes_bytes.items())
    text = f"about {sum(sizes_bytes.values()) / 1e6:.0f} MB for the first build ({parts})"
    return Finding("downloads", "ok", f"{text}; in containers the base images of the Dockerfiles besides")


def _will_be_fetched(target: TargetFile, root: Path) -> bool:
    folder = root / "targets" / target.name
    here = all(not isinstance(find(t, folder, os.environ), Missing) for t in target.toolchain)
    return here and not any((root / ".build" / target.name).glob("*.json"))


def _target(target: TargetSpec) -> list[Finding]:
    if target.process is None:
        return [Finding(f"target {target.id}", "note", "runs in containers only")]
    findings = []
    for toolchain in target.toolchain:
        found = find(toolchain, target.folder, os.environ)
        subject = f"target {target.id}"
        if isinstance(found, Missing):
            findings.append(Finding(subject, "missing", found.what, toolchain.install))
        else:
            findings.append(Finding(subject, "ok", f"{found.command} {found.version} ({found.path})"))
    return findings or [Finding(f"target {target.id}", "ok", "needs no toolchain")]
