"""What the machine itself takes from a program that does nothing but read the clock.

Each core alone, then all at once, interleaved: the share of the time that went by in gaps longer than 60 µs between
two readings. No generator on the same cores can be more exact than this allows.

    python worker/bench/stolen.py --cpus 0,1 --seconds 8 --rounds 3
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time

GAP_NS = 60_000
NICE = -15


def watch(cpu: int, seconds: float) -> None:
    """Prints the nanoseconds that went by in gaps, how many gaps there were, and the longest."""
    os.sched_setaffinity(0, {cpu})
    with contextlib.suppress(PermissionError):
        os.nice(NICE)
    clock = time.perf_counter_ns
    lost_ns, count, longest_ns = 0, 0, 0
    before_ns = clock()
    end_ns = before_ns + int(seconds * 1e9)
    while before_ns < end_ns:
        now_ns = clock()
        if (gap_ns := now_ns - before_ns) > GAP_NS:
            lost_ns, count, longest_ns = lost_ns + gap_ns, count + 1, max(longest_ns, gap_ns)
        before_ns = now_ns
    print(lost_ns, count, longest_ns)


def watched(cpus: list[int], seconds: float) -> dict[int, tuple[int, int, int]]:
    """Of each core: what `watch` prints, all at once."""
    watching = {
        cpu: subprocess.Popen(
            [sys.executable, __file__, "--watch", str(cpu), "--seconds", str(seconds)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for cpu in cpus
    }
    found = {}
    for cpu, process in watching.items():
        lost_ns, count, longest_ns = map(int, process.communicate()[0].split())
        found[cpu] = (lost_ns, count, longest_ns)
    return found


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cpus", default="0,1", help="the cores to look at")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--watch", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.watch is not None:
        watch(options.watch, options.seconds)
        return
    cpus = [int(cpu) for cpu in options.cpus.split(",")]
    groups = [*([cpu] for cpu in cpus), cpus]
    worst: dict[int, list[float]] = {number: [] for number in range(len(groups))}
    print("busy      core   lost in gaps over 60 µs   gaps a second   longest")
    for _ in range(options.rounds):
        for number, group in enumerate(groups):
            found = watched(group, options.seconds)
            for cpu, (lost_ns, count, longest_ns) in found.items():
                name = "alone" if len(group) == 1 else "together"
                share, rate = lost_ns / options.seconds / 1e9, count / options.seconds
                print(f"{name:9} {cpu:4} {share:24.2%} {rate:15.1f} {longest_ns / 1e6:6.2f} ms", flush=True)
            worst[number].append(max(lost_ns for lost_ns, _, _ in found.values()) / options.seconds / 1e9)
    for group, shares in zip(groups, worst.values(), strict=True):
        what = f"core {group[0]} alone" if len(group) == 1 else "the worst core of all at once"
        print(f"{what}: {statistics.median(shares):.2%} (median of {len(shares)})")


if __name__ == "__main__":
    main()
