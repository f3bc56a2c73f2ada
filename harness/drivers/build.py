"""Builds a target for the process driver, once per content: sources, commands and toolchains."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from harness.drivers.base import Artifact, OnLine, ToolchainUsed
from harness.drivers.content import content_hash, matching_files
from harness.drivers.owner import Owner, marks
from harness.drivers.placeholders import check_at_start, fill
from harness.drivers.supervised import Command, Supervised
from harness.drivers.toolchain import Found, Missing, find
from harness.errors import BuildError, StartError, ToolchainMissing, UsageError
from harness.model import TargetSpec

SCHEMA = 1
BUILD_RUN_ID = "build"
TAIL_LINES = 30
TAIL_BYTES = 65_536
LOOK_EVERY_S = 0.1


def build(target: TargetSpec, builds_folder: Path, on_line: OnLine) -> Artifact:
    """Builds in `builds_folder/NAME/HASH/`; variants with the same build share it, two harnesses take turns.

    Raises ToolchainMissing, BuildError (with the log's tail), UsageError for a manifest without `process`.
    """
    spec = target.process
    if spec is None:
        raise UsageError(f"target {target.id} has no `process` section in its target.yaml")
    tools = _toolchains(target)
    files = matching_files(target.folder, spec.sources or ("**/*",))
    if spec.sources and not files:
        raise BuildError(
            f"{target.id}: no file matches its `sources` {list(spec.sources)} in {target.folder}"
        )
    versions = {t.command: [t.version, str(t.path), dict(t.exports)] for t in tools}
    digest = content_hash(target.folder, files, SCHEMA, [list(argv) for argv in spec.build], versions)
    output = builds_folder / target.name / digest
    values = {t.command: str(t.path) for t in tools} | {
        "python": sys.executable,
        "build": str(output),
        "target": str(target.folder),
    }
    exports = {name: text for t in tools for name, text in t.exports.items()}
    commands = tuple(fill(argv, values, f"target {target.id}, process.build") for argv in spec.build)
    check_at_start(spec.run, values, f"target {target.id}, process.run")
    job = _Job(target, commands, {**os.environ, **exports}, output, on_line)
    with _locked(output.with_suffix(".lock"), on_line):
        build_s = job.run_unless_done() if commands else None
    return Artifact(
        target=target,
        content_hash=digest,
        values=values,
        exports=exports,
        toolchains=tuple(ToolchainUsed(t.command, t.path, t.version) for t in tools),
        build_s=build_s,
        build_log=job.log if commands else None,
        is_ready_made=not commands,
    )


def tail(log: Path, lines: int) -> str:
    """The last lines of a file, at most 64 KB of it; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def _toolchains(target: TargetSpec) -> list[Found]:
    results = [find(toolchain, target.folder, os.environ) for toolchain in target.toolchain]
    missing = [str(r) for r in results if isinstance(r, Missing)]
    if missing:
        raise ToolchainMissing(f"{target.id}: " + "; ".join(missing))
    return [r for r in results if isinstance(r, Found)]


@dataclass(frozen=True)
class _Job:
    """The commands of one build and the folder they fill; beside it a log and, when done, a record."""

    target: TargetSpec
    commands: tuple[tuple[str, ...], ...]
    environment: Mapping[str, str]
    output: Path
    on_line: OnLine

    @property
    def log(self) -> Path:
        return self.output.with_suffix(".log")

    def run_unless_done(self) -> float | None:
        """Seconds the build took; None if it was there. What a broken build left is removed first."""
        record = self.output.with_suffix(".json")
        if record.exists() and self.output.is_dir():
            return None
        record.unlink(missing_ok=True)
        self.log.unlink(missing_ok=True)
        shutil.rmtree(self.output, ignore_errors=True)
        self.output.mkdir(parents=True)
        began = time.monotonic()
        for argv in self.commands:
            self._run(argv)
        build_s = time.monotonic() - began
        part = record.with_suffix(".part")
        facts = {"schema": SCHEMA, "build_s": build_s, "commands": self.commands}
        part.write_text(json.dumps(facts, indent=1) + "\n")
        part.replace(record)
        return build_s

    def _run(self, argv: tuple[str, ...]) -> None:
        """One command in the target's folder, under a watchdog: it may be a whole tree of processes."""
        marked = marks(BUILD_RUN_ID, Owner.current())
        command = Command(argv, self.target.folder, {**self.environment, **marked}, self.log)
        with self.log.open("a") as writer:
            writer.write(f"$ {' '.join(argv)}\n")
        try:
            process = Supervised(command, marked)
        except StartError as error:
            raise BuildError(f"{self.target.id}: {error}") from None
        with self.log.open(errors="replace") as reader, process:
            while (result := process.wait(LOOK_EVERY_S)) is None:
                self._pass_on(reader)
            self._pass_on(reader)
        if result.exit_code != 0:
            what = f"{self.target.id}: the build command `{' '.join(argv)}` {result}"
            raise BuildError(f"{what}. The end of {self.log}:\n{tail(self.log, TAIL_LINES)}")

    def _pass_on(self, reader: TextIO) -> None:
        for line in reader:
            self.on_line(line.rstrip("\n"))


@contextmanager
def _locked(path: Path, on_line: OnLine) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_line("another harness is building this; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
