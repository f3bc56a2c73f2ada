"""The sampler beside a running target: started, told what to mark, and read after it has ended."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.drivers.base import RunningTarget
from harness.errors import ProbeError
from harness.priority import set_nice
from harness.probes.samples import Row, read_rows

_END_DEADLINE_S = 3.0
_FIRST_ROW_DEADLINE_S = 10.0


class Sampler:
    """A running sampler whose rows go to `path`."""

    def __init__(self, process: subprocess.Popen[str], path: Path) -> None:
        self._process = process
        self.path = path

    def mark(self, name: str) -> None:
        """Puts a named mark between the samples."""
        self._tell(f"mark {name}")

    def pss(self, on: bool) -> None:
        """PSS is dear to read, so it is only read outside the windows whose latency counts."""
        self._tell(f"pss {'on' if on else 'off'}")

    def rows(self) -> list[Row]:
        """What was sampled until now. Raises StoreError for rows that cannot be read."""
        with self.path.open(encoding="utf-8") as file:
            return read_rows(file)

    def _tell(self, command: str) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(command + "\n")
            self._process.stdin.flush()


@contextmanager
def sampling(
    target: RunningTarget, path: Path, *, watched: Sequence[int], cpus: Sequence[int], nice: int
) -> Iterator[Sampler | None]:
    """Samples the target's process tree, and the cores `watched`, into `path` (CSV), from the cores `cpus`.

    None where the target's pid cannot be seen from here.
    """
    if target.pid is None:
        yield None
        return
    argv = [sys.executable, "-m", "harness.probes.sampler", "--pid", str(target.pid)]
    for group in target.cgroups:
        argv += ["--cgroup", str(group)]
    if watched:
        argv += ["--cpus", ",".join(map(str, watched))]
    if cpus:
        argv += ["--run-on", ",".join(map(str, cpus))]
    log = path.with_suffix(".log")
    with path.open("w", encoding="utf-8") as out, log.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=out, stderr=errors, text=True, start_new_session=True
        )
    set_nice(process.pid, nice)
    try:
        _await_first_row(process, path, log)
        yield Sampler(process, path)
    finally:
        _end(process)
        if log.is_file() and not log.stat().st_size:
            log.unlink()


def _await_first_row(process: subprocess.Popen[str], path: Path, log: Path) -> None:
    deadline_s = time.monotonic() + _FIRST_ROW_DEADLINE_S
    while path.read_bytes().count(b"\n") < 2:
        if process.poll() is not None:
            raise ProbeError(f"the sampler ended at once: {log.read_text(encoding='utf-8')[-500:]}")
        if time.monotonic() > deadline_s:
            raise ProbeError("the sampler gave no sample in time")
        time.sleep(0.01)


def _end(process: subprocess.Popen[str]) -> None:
    with suppress(OSError):
        if process.stdin:
            process.stdin.close()
    try:
        process.wait(_END_DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
