"""The upgrade question: the same sources, built with the runtime in use and with its newest patch release."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.drivers.content import NEVER_SOURCES
from harness.drivers.placeholders import fill
from harness.drivers.toolchain import Found, find
from harness.errors import ToolchainMissing, UsageError
from harness.gate.sources import Source
from harness.model import NewestRuntime, TargetSpec

_DEADLINE_S = 120.0


@dataclass(frozen=True)
class Upgrade:
    """Both sides of a target; versions as the runtime writes them."""

    base: TargetSpec
    head: TargetSpec
    pinned: str
    newest: str


@dataclass(frozen=True)
class Upgrades:
    """upgrades: of each target that can be built with another runtime; `newest` is `pinned` where there is none newer.

    refused: target → why it cannot.
    """

    upgrades: tuple[Upgrade, ...]
    refused: Mapping[str, str]

    @property
    def left_out(self) -> list[str]:
        """A line for each target that is not compared."""
        current = [u for u in self.upgrades if u.newest == u.pinned]
        return [
            *(f"{u.base.id} is left out: {u.pinned} is the newest patch release" for u in current),
            *(f"{name} is left out: {why}" for name, why in self.refused.items()),
        ]


def upgrades(targets: Sequence[TargetSpec], workspace: Path) -> Upgrades:
    """Asks each runtime's registry. Raises nothing for a target that cannot: others may."""
    found, refused = [], {}
    for target in targets:
        try:
            found.append(_upgrade(target, workspace))
        except (UsageError, ToolchainMissing) as error:
            refused[target.id] = str(error)
    return Upgrades(tuple(found), refused)


def sides(found: Sequence[Upgrade], sources: Source) -> tuple[Source, Source]:
    """(base, head) as a night calls them: `go on 1.26.8` against `go on 1.26.11`, of the same sources."""
    base, head = (
        ", ".join(f"{u.base.id} on {version}" for u, version in zip(found, versions, strict=True))
        for versions in ([u.pinned for u in found], [u.newest for u in found])
    )
    return replace(sources, name=base, revision=None), replace(sources, name=head, revision=None)


def newest_patch(pinned: str, releases: Sequence[str]) -> str:
    """The highest release that differs from `pinned` in its last number alone; `pinned` where none is higher."""
    *line, _ = _numbers(pinned)
    same_line = [r for r in releases if _numbers(r)[:-1] == tuple(line)]
    return max([pinned, *same_line], key=_numbers)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _upgrade(target: TargetSpec, workspace: Path) -> Upgrade:
    spec = target.newest_runtime
    if target.process is None or spec is None:
        raise UsageError(
            "its target.yaml does not say how to build it with another runtime (`newest_runtime`)"
        )
    if spec.missing_because is not None:
        raise UsageError(spec.missing_because)
    commands = _commands(target)
    pinned = _versions(target, spec, spec.pinned, commands)
    if not pinned:
        raise UsageError(f"`{' '.join(spec.pinned)}` names no version")
    newest = newest_patch(pinned[0], _versions(target, spec, spec.releases, commands))
    base = target.model_copy(update={"docker": None})
    head = base if newest == pinned[0] else _with_runtime(base, spec, newest, commands, workspace)
    return Upgrade(base, head, pinned[0], newest)


def _commands(target: TargetSpec) -> dict[str, str]:
    found = [find(t, target.folder, os.environ) for t in target.toolchain]
    if missing := [str(f) for f in found if not isinstance(f, Found)]:
        raise ToolchainMissing("; ".join(missing))
    return {"python": sys.executable} | {f.command: str(f.path) for f in found if isinstance(f, Found)}


def _versions(
    target: TargetSpec, spec: NewestRuntime, argv: Sequence[str], commands: Mapping[str, str]
) -> list[str]:
    said = _run(fill(argv, commands, f"target {target.id}, newest_runtime"), target.folder)
    return [found[1] for found in re.finditer(spec.pattern, said) if found[1]]


def _with_runtime(
    base: TargetSpec, spec: NewestRuntime, version: str, commands: Mapping[str, str], workspace: Path
) -> TargetSpec:
    """The target as it is built with that release; its folder is a copy where sources have to change."""
    assert base.process is not None
    where = f"target {base.id}, newest_runtime"
    values = {**commands, "version": version}
    folder = base.folder
    if spec.update:
        folder = workspace / f"{base.name}-{version}"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(base.folder, folder, ignore=shutil.ignore_patterns(*NEVER_SOURCES))
        _run(fill(spec.update, values, where), folder)
    settings = fill([f"{name}={text}" for name, text in spec.environment.items()], values, where)
    build = base.process.build
    if settings:
        build = tuple(("env", *settings, *argv) for argv in build)
    process = base.process.model_copy(update={"build": build})
    return base.model_copy(update={"folder": folder, "process": process})


def _run(argv: Sequence[str], folder: Path) -> str:
    """What the command prints. Raises UsageError with its complaint when it fails or takes too long."""
    try:
        done = subprocess.run(
            argv, cwd=folder, capture_output=True, text=True, check=True, timeout=_DEADLINE_S
        )
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no message"])[-1]
        raise UsageError(f"`{' '.join(argv)}` failed: {last}") from error
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f"`{' '.join(argv)}` failed: {error}") from error
    return done.stdout
