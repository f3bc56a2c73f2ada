"""Finds the commands a target needs, as its manifest describes them; nothing here knows any language."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.drivers.placeholders import fill
from harness.model import Toolchain

VERSION_DEADLINE_S = 30.0
_VARIABLE = re.compile(r"\$\{?(\w+)\}?")


@dataclass(frozen=True)
class Found:
    """A command that will do."""

    command: str
    path: Path
    version: str
    exports: Mapping[str, str]


@dataclass(frozen=True)
class Missing:
    """A command that is not here; `seen` names what was found instead and why it will not do."""

    command: str
    install: str
    minimum: str | None
    seen: tuple[str, ...]

    @property
    def what(self) -> str:
        """What is missing, without how to get it."""
        wanted = f"{self.command} {self.minimum} or later" if self.minimum else self.command
        instead = f" (found only {'; '.join(self.seen)})" if self.seen else ""
        return f"{wanted} is missing{instead}"

    def __str__(self) -> str:
        return f"{self.what}. To get it: {self.install}"


def find(toolchain: Toolchain, target_folder: Path, environment: Mapping[str, str]) -> Found | Missing:
    """The first command, in the order of `search`, that is recent enough and has its companions beside it."""
    seen = []
    for folder in _folders(toolchain.search, target_folder, environment):
        path = folder / toolchain.command
        if not (path.is_file() and os.access(path, os.X_OK)):
            continue
        exports = _exports(toolchain, path)
        version = _version(path, toolchain, target_folder, {**environment, **exports})
        lacking = [name for name in toolchain.together_with if not os.access(folder / name, os.X_OK)]
        if version is None:
            seen.append(f"{path}, which does not tell its version")
        elif toolchain.minimum and _numbers(version) < _numbers(toolchain.minimum):
            seen.append(f"{path} {version}")
        elif lacking:
            seen.append(f"{path} {version} without {', '.join(lacking)}")
        else:
            return Found(toolchain.command, path, version, exports)
    return Missing(toolchain.command, toolchain.install, toolchain.minimum, tuple(seen))


def _folders(search: tuple[str, ...], target_folder: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    """Each folder once. An entry whose variable is not set is left out; relative ones start at the target."""
    given: set[Path] = set()
    for entry in search:
        if entry == "PATH":
            folders = [Path(p) for p in environment.get("PATH", "").split(os.pathsep) if p]
        elif (expanded := _expand(entry, environment)) is None:
            continue
        else:
            pattern = target_folder / Path(expanded).expanduser()
            folders = sorted(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))
        for folder in folders:
            if folder not in given:
                given.add(folder)
                yield folder


def _expand(entry: str, environment: Mapping[str, str]) -> str | None:
    names = _VARIABLE.findall(entry)
    if not all(environment.get(name) for name in names):
        return None
    return _VARIABLE.sub(lambda match: environment[match[1]], entry)


def _version(path: Path, toolchain: Toolchain, cwd: Path, environment: Mapping[str, str]) -> str | None:
    """Asked in the target's folder, where a version manager may choose another one than elsewhere."""
    try:
        run = subprocess.run(
            [path, *toolchain.version],
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=VERSION_DEADLINE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(toolchain.pattern, run.stdout.decode(errors="replace"))
    return match[1] if match else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", version))


def _exports(toolchain: Toolchain, path: Path) -> dict[str, str]:
    """`{home}` follows links, so that a java in /usr/bin leads to the JDK it belongs to."""
    values = {
        "command": str(path),
        "folder": str(path.parent),
        "home": str(path.resolve().parent.parent),
    }
    names = tuple(toolchain.exports)
    texts = fill([toolchain.exports[n] for n in names], values, f"toolchain {toolchain.command}, exports")
    return dict(zip(names, texts, strict=True))
