"""Watches a process tree and streams what it sees: `python -m harness.probes.sampler --pid N`.

It runs beside the target, so that over ssh it is the same program. Samples go to standard output as the CSV
of `samples`; commands come by standard input, a line each:

    mark NAME    a whole sample at this instant, named
    pss on|off   PSS once a second, from this instant on (not while latencies are measured: reading PSS
                 holds the lock of the target's memory map)

It ends when standard input is closed, or when the tree has ended. A wrong command is answered by a note.
"""

from __future__ import annotations

import argparse
import os
import select
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, ProbeError
from harness.probes.observer import Observer, Watched
from harness.probes.samples import Row, RowWriter
from harness.units import NS_PER_MS, NS_PER_S

_SLOW_INTERVAL_NS = NS_PER_S


@dataclass(frozen=True, slots=True)
class Intervals:
    """How often to sample, and how often to read PSS while told to."""

    sample_ns: int
    pss_ns: int


class Commands:
    """Lines from a file descriptor, waited for no longer than told."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._partial = b""
        self.closed = False

    def within(self, seconds: float) -> Iterator[str]:
        """Waits for input at most that long, then yields the whole lines that are there."""
        readable, _, _ = select.select([self._fd], [], [], max(seconds, 0.0))
        if not readable:
            return
        data = os.read(self._fd, 4096)
        self.closed = not data
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            yield line.decode(errors="replace").strip()


def next_instant_ns(planned_ns: int, interval_ns: int, now_ns: int) -> int:
    """The first instant of a schedule that is still to come; `planned_ns` itself if it is."""
    if planned_ns > now_ns:
        return planned_ns
    return planned_ns + interval_ns * (1 + (now_ns - planned_ns) // interval_ns)


def stream(observer: Observer, intervals: Intervals, commands: Commands, writer: RowWriter) -> None:
    """Samples on an absolute schedule until the commands end or the tree has ended.

    An instant that was missed is not made up for; how late a sample was stands in its row.
    """
    planned_ns = slow_ns = pss_ns = time.monotonic_ns()
    pss_wanted = False

    def sample(
        event: str = "", late_ns: int | None = None, *, whole: bool = False, pss: bool = False
    ) -> None:
        now: dict[str, Any] = {"monotonic_ns": time.monotonic_ns(), "unix_ns": time.time_ns()}
        cells = observer.slow() if whole else {}
        cells |= observer.fast()
        cells |= observer.pss() if pss else {}
        writer.write(Row(event=event, late_ns=late_ns, **now, **cells))
        while observer.notes:
            writer.write(Row(event=f"note {observer.notes.pop(0)}".replace("\n", " "), **now))

    while observer.tree.pids:
        for command in commands.within((planned_ns - time.monotonic_ns()) / NS_PER_S):
            if command in ("pss on", "pss off"):
                pss_wanted = command == "pss on"
                pss_ns = time.monotonic_ns() + intervals.pss_ns
                sample(command, whole=True, pss=pss_wanted)
            elif command.startswith("mark "):
                sample(command, whole=True)
            else:
                observer.notes.append(f"unknown command {command!r}")
        if commands.closed:
            break
        now_ns = time.monotonic_ns()
        if now_ns < planned_ns:
            continue
        whole, pss = now_ns >= slow_ns, pss_wanted and now_ns >= pss_ns
        sample("", now_ns - planned_ns, whole=whole, pss=pss)
        now_ns = time.monotonic_ns()
        slow_ns = next_instant_ns(slow_ns, _SLOW_INTERVAL_NS, now_ns)
        pss_ns = next_instant_ns(pss_ns, intervals.pss_ns, now_ns)
        planned_ns = next_instant_ns(planned_ns, intervals.sample_ns, now_ns)
    sample("end" if observer.tree.pids else "gone", whole=True)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="sampler", description="Streams the figures of a process tree as CSV."
    )
    parser.add_argument("--pid", type=int, required=True, help="the root of the tree")
    parser.add_argument("--interval-ms", type=int, default=100, help="between samples (100)")
    parser.add_argument("--pss-interval-ms", type=int, default=1000, help="between reads of PSS (1000)")
    parser.add_argument(
        "--cpus", type=_numbers, help="cores whose time to show, as 0,2 (default: those of the root)"
    )
    parser.add_argument(
        "--cgroup",
        type=Path,
        action="append",
        help="a folder of the tree's control group; one per controller in version 1 (default: by pid)",
    )
    parser.add_argument("--nic", help="the interface whose bytes to count")
    parser.add_argument("--run-on", type=_numbers, help="cores this program keeps to itself")
    parser.add_argument("--nice", type=int, default=0, help="added to this program's nice value (0)")
    args = parser.parse_args(arguments)
    if args.interval_ms < 1 or args.pss_interval_ms < 1:
        parser.error("an interval is at least 1 ms")
    return args


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program. Exit codes: 0 done, 2 wrong use, 4 the tree cannot be watched."""
    args = _arguments(arguments)
    cgroups = None if args.cgroup is None else tuple(args.cgroup)
    intervals = Intervals(args.interval_ms * NS_PER_MS, args.pss_interval_ms * NS_PER_MS)
    try:
        if args.run_on:
            os.sched_setaffinity(0, args.run_on)
        os.nice(args.nice)
        observer = Observer(Watched(args.pid, args.cpus, cgroups, args.nic))
        stream(observer, intervals, Commands(sys.stdin.fileno()), RowWriter(sys.stdout, observer.cores))
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # or the interpreter complains at its end
    except ProcessLookupError:
        print(f"sampler: there is no process {args.pid}", file=sys.stderr)
        return int(ProbeError.exit_code)
    except (HarnessError, OSError) as failed:
        print(f"sampler: {failed}", file=sys.stderr)
        return int(ProbeError.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
