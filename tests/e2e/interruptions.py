"""Ends a real bench at random moments, again and again, and looks at what is left: `make interruptions`.

Each time: `harness bench smoke` of one target; after a random time Ctrl-C, SIGTERM or SIGKILL; 10 s later nothing
of it may run (processes, containers), nor lie about (control groups, temporary files, folders of half a trial), and
what was measured until then must be readable. After a SIGKILL files may wait for the next start, so `harness clean`
comes first.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import docker
from rig import LEFT_DEADLINE_S, Harness, all_gone, children_of, read_json

from harness.catalogue import ROOT
from harness.drivers.cgroups import leftover_groups
from harness.drivers.owner import Owner, marked_processes

SIGNALS = {"INT": signal.SIGINT, "TERM": signal.SIGTERM, "KILL": signal.SIGKILL}
BUILDS = ROOT / ".build"
CLEAN_DEADLINE_S = 120.0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--driver", choices=("process", "docker"), default="process")
    parser.add_argument("--signal", choices=tuple(SIGNALS), action="append", help="(INT and KILL)")
    parser.add_argument("--times", type=int, default=20, help="how often each")
    parser.add_argument("--longest-s", type=float, default=25.0, help="the latest moment")
    parser.add_argument("--target", default="go")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    bad = 0
    for name in arguments.signal or ["INT", "KILL"]:
        for number in range(1, arguments.times + 1):
            after_s = rng.uniform(0.05, arguments.longest_s)
            with tempfile.TemporaryDirectory(prefix="interrupted-") as folder:
                problems = list(one(Path(folder), arguments.driver, arguments.target, SIGNALS[name], after_s))
            bad += bool(problems)
            verdict = "; ".join(problems) or "nothing left"
            print(f"{arguments.driver} {name} {number:2d} after {after_s:5.2f} s: {verdict}", flush=True)
    print(f"{bad} of them left something or ended badly" if bad else "all of them left nothing")
    return 1 if bad else 0


def one(folder: Path, driver: str, target: str, number: signal.Signals, after_s: float) -> Iterator[str]:
    """What is wrong after one interruption."""
    harness = start(folder, driver, target)
    deadline_s = time.monotonic() + after_s
    while harness.process.poll() is None and time.monotonic() < deadline_s:
        time.sleep(0.01)
    everyone = children_of(harness.process.pid)
    harness.process.send_signal(number)
    signalled_s = time.monotonic()
    code = harness.process.wait(LEFT_DEADLINE_S * 6)
    took_s = time.monotonic() - signalled_s
    ended_before = code in (0, 3) and number != signal.SIGKILL
    if not ended_before and code not in (130, -number):
        yield f"exit code {code}: {harness.output[-300:]!r}"
    if took_s > LEFT_DEADLINE_S:
        yield f"took {took_s:.1f} s to end"
    if "Traceback" in harness.output or "fault of the harness" in harness.output:
        yield f"not one clear message: {harness.output[-500:]!r}"
    if not all_gone(everyone):
        yield f"processes that survive: {sorted(p for p in everyone if Path(f'/proc/{p}').exists())}"
    if number == signal.SIGKILL:
        yield from until_gone(lambda: [x for x in left_of(harness, driver) if x.startswith("process")])
        cleaned = command(folder, "clean").wait(CLEAN_DEADLINE_S)
        if cleaned:
            yield f"clean ended with {cleaned}"
    yield from until_gone(lambda: sorted(left_of(harness, driver)))
    yield from unreadable(harness, number)


def start(folder: Path, driver: str, target: str) -> Harness:
    process = command(folder, "bench", "smoke", "--quick", "--driver", driver, "--target", target)
    return Harness(process, folder / "output.log", folder / "results")


def command(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    with (folder / "output.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "harness", *arguments],
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
        )


def until_gone(left: Callable[[], list[str]]) -> Iterator[str]:
    deadline_s = time.monotonic() + LEFT_DEADLINE_S
    while found := left():
        if time.monotonic() > deadline_s:
            yield f"left: {found}"
            return
        time.sleep(0.1)


def left_of(harness: Harness, driver: str) -> Iterator[str]:
    """Everything that exists just now and came from that harness."""
    pid = harness.process.pid
    yield from (f"process {p.pid}" for p in marked_processes() if p.owner and p.owner.pid == pid)
    yield from (f"process {p}" for p in working_in(harness.results.parent))
    yield from (f"control group {g}" for g, _, owner in leftover_groups() if owner and owner.pid == pid)
    for note in BUILDS.glob("*/.owner"):
        with suppress(OSError):
            owner = Owner.parse(note.read_text(encoding="utf-8"))
            if owner and owner.pid == pid:
                yield f"folder {note.parent}"
    if driver == "docker":
        client = docker.from_env()
        for container in client.containers.list(all=True, ignore_removed=True):
            owner = Owner.parse(container.labels.get("bench.owner", ""))
            if owner and owner.pid == pid:
                yield f"container {container.name}"
        client.close()


def working_in(folder: Path) -> Iterator[int]:
    """Processes whose working folder it is: the sampler, the load's master and workers."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").readlink() == folder:
                yield int(process.name)


def unreadable(harness: Harness, number: signal.Signals) -> Iterator[str]:
    """What of the results cannot be read, or is only half there."""
    if not (harness.run_folder() / "run.json").is_file():
        return
    run = read_json(harness.run_folder() / "run.json")
    if run["status"] not in (
        ("running", "complete") if number == signal.SIGKILL else ("interrupted", "complete")
    ):
        yield f"run.json says {run['status']!r}"
    for trial in harness.run_folder().glob("trials/*/*/*/trial.json"):
        read_json(trial)
    if number != signal.SIGKILL and (half := [str(p) for p in harness.run_folder().glob("trials/*/*/.*")]):
        yield f"half a trial: {half}"
    with command(harness.results.parent, "report", "results/latest", "--format", "json") as report:
        if report.wait(CLEAN_DEADLINE_S):
            yield f"report cannot read it: {harness.output[-300:]!r}"


if __name__ == "__main__":
    sys.exit(main())
