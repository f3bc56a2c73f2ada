"""The real harness as a user starts it, from outside, by its command line."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.drivers.owner import MarkedProcess, marked_processes

LEFT_DEADLINE_S = 60.0
STEP_DEADLINE_S = 2_400.0  # a target may have to be built first, and a busy machine has trials repeated


@dataclass
class Harness:
    """A running `harness` command; its output goes to a file that can be waited on."""

    process: subprocess.Popen[bytes]
    log: Path
    results: Path

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def await_text(self, text: str) -> None:
        """Until the output holds the text; fails when the command ends or the deadline passes first."""
        self.await_condition(lambda: text in self.output, text)

    def await_condition(self, condition: Callable[[], bool], what: str) -> None:
        deadline_s = time.monotonic() + STEP_DEADLINE_S
        while not condition():
            assert self.process.poll() is None, f"ended before {what!r}:\n{self.output}"
            assert time.monotonic() < deadline_s, f"no {what!r} in time:\n{self.output}"
            time.sleep(0.02)

    def exit_code(self) -> int:
        """Of the command, once it has ended by itself."""
        return self.process.wait(STEP_DEADLINE_S)

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(STEP_DEADLINE_S)

    def run_folder(self) -> Path:
        return (self.results / "latest").resolve()

    def run_id(self) -> str:
        return self.run_folder().name

    def working_on(self, part: str) -> Callable[[], bool]:
        """Whether the trial under way has a file or folder of that name by now."""
        return lambda: any(self.run_folder().glob(f"trials/*/*/.*/{part}"))


def left_of(run_id: str) -> list[MarkedProcess]:
    """What still runs of a run once the deadline has passed; empty as soon as nothing does."""
    deadline_s = time.monotonic() + LEFT_DEADLINE_S
    while left := [p for p in marked_processes() if p.run_id == run_id]:
        if time.monotonic() > deadline_s:
            return left
        time.sleep(0.05)
    return []


def children_of(pid: int) -> set[int]:
    """Every descendant of a process."""
    found: set[int] = set()
    unvisited = [pid]
    while unvisited:
        for task in Path(f"/proc/{unvisited.pop()}/task").glob("*/children"):
            new = {int(child) for child in task.read_text().split()} - found
            found |= new
            unvisited += new
    return found


def all_gone(pids: set[int]) -> bool:
    """Whether these processes end within the deadline."""
    deadline_s = time.monotonic() + LEFT_DEADLINE_S
    while any(Path(f"/proc/{pid}").exists() and _state(pid) != "Z" for pid in pids):
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.05)
    return True


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
