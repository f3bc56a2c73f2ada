"""The Locusts that the worker is tested against: the oldest it promises to work with, the installed one, the newest.

Those that are not installed get a virtual environment each under .build/locust, made by pip when first needed and
kept: the same tests then run where there is no package registry any more.
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rig import HERE, Master

OLDEST = "2.43.0"
WHICH = ("oldest", "installed", "newest")

_ENVIRONMENTS = HERE.parents[1] / ".build" / "locust"
_REGISTRY_OPTIONS = ("--quiet", "--disable-pip-version-check", "--retries", "1", "--timeout", "15")
_ASK_DEADLINE_S = 60
_INSTALL_DEADLINE_S = 600
_FOR_THE_GOLDEN_MESSAGES = ("hdrhistogram", "pytest", "pytest-timeout")


class Unavailable(Exception):
    """This Locust cannot be had here, or is tested as another of the three; the text says why."""


@dataclass(frozen=True)
class Locust:
    """A version, and an interpreter that has it."""

    version: str
    python: Path

    def master(self, port: int = 0) -> Master:
        """An unmodified master of this version, to be ended by the caller."""
        return Master(port, self.python)


def find(which: str) -> Locust:
    """One of WHICH. Raises Unavailable."""
    installed = Locust(importlib.metadata.version("locust"), Path(sys.executable))
    if which == "installed":
        return installed
    version = OLDEST if which == "oldest" else _newest()
    if version == installed.version:
        raise Unavailable(f"the {which} Locust, {version}, is the installed one")
    return Locust(version, _environment(version))


def _newest() -> str:
    """What the registry would install now."""
    options = ("--dry-run", "--ignore-installed", "--no-deps", "--report", "-", "locust")
    report = json.loads(_pip(sys.executable, options, _ASK_DEADLINE_S))
    return str(report["install"][0]["metadata"]["version"])


def _environment(version: str) -> Path:
    """The interpreter of an environment with this Locust and what the golden messages are read with."""
    folder = _ENVIRONMENTS / version
    python, whole = folder / "bin" / "python", folder / ".whole"
    _ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
    with (_ENVIRONMENTS / f"{version}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run side by side
        if not whole.exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
            _pip(python, (f"locust=={version}", *_FOR_THE_GOLDEN_MESSAGES), _INSTALL_DEADLINE_S)
            whole.touch()
    return python


def _pip(python: str | Path, options: Sequence[str], deadline_s: float) -> str:
    """What `pip install` prints. Raises Unavailable with the last line of its complaint."""
    try:
        done = subprocess.run(
            [python, "-m", "pip", "install", *_REGISTRY_OPTIONS, *options],
            capture_output=True,
            text=True,
            check=False,
            timeout=deadline_s,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"no package registry answered within {deadline_s:.0f} s") from None
    if done.returncode:
        complaint = done.stderr.strip().splitlines()
        raise Unavailable(f"pip cannot get it: {complaint[-1] if complaint else done.returncode}")
    return done.stdout
