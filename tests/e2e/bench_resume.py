"""Kills a real bench, or night, at many random moments, goes on each time, and tells what each kill cost.

`python tests/e2e/bench_resume.py --kills 20` (`--gate` for a night) prints a line for each kill; ends with 1 when more
than the trial under way was lost, and the like.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from cut_off import Kill, begun_and_ended, complaints, killed_again_and_again, write_rules, write_scenario
from rig import Harness

from harness.catalogue import ROOT
from harness.store import RunFolder


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--targets", default="go")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--gate", action="store_true", help="a night of four rounds in place of a bench")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-resume-") as name:
        folder = Path(name)

        def start(*arguments: str) -> Harness:
            log = folder / "output.log"
            with log.open("wb") as out:
                process = subprocess.Popen(
                    [sys.executable, "-m", "harness", *arguments],
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    cwd=folder,
                    env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
                )
            return Harness(process, log, folder / "results")

        which = ("--target", options.targets, "--driver", "process")
        targets = len(options.targets.split(","))
        if options.gate:
            night = ("gate", "--base", "HEAD", "--quick", "--config", str(write_rules(folder)))
            command: tuple[str, ...] = (*night, *which)
            trials = 4 * 2 * targets - 1
        else:
            command = (
                *("bench", str(write_scenario(folder)), "--quick"),
                *("--rounds", str(options.rounds), *which),
            )
            trials = options.rounds * targets - 1
        kills, harness = killed_again_and_again(
            start, command, options.kills, trials, random.Random(options.seed)
        )
        return report(options.seed, kills, harness)


def report(seed: int, kills: list[Kill], harness: Harness) -> int:
    print(f"seed {seed}\n{'kill':>4} {'after':>7}  {'kept':>4}  {'spoilt':>6}  {'left':>4}  under way")
    for number, kill in enumerate(kills, start=1):
        counts = f"{kill.kept:>4}  {len(kill.spoilt):>6}  {kill.left:>4}"
        print(f"{number:>4} {kill.after_s:>5.1f} s  {counts}  {kill.under_way}")
    run = harness.run_folder()
    begun, _ = begun_and_ended(run)
    print(
        f"{len(kills)} kills, {begun.total() - len(begun)} trials begun again, "
        f"{len(RunFolder(run).trials())} trials kept in the end"
    )
    found = complaints(kills, harness)
    print("\n".join(found) or "nothing but trials under way was lost; the order was the planned one")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
