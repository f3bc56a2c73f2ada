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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from harness.errors import HarnessError, ProbeError
from harness.probes import cgroup
from harness.probes.netstat import NicReader, TcpReader
from harness.probes.procfs import PROC, KeptFile, parse_cores
from harness.probes.samples import Row, RowWriter
from harness.probes.tree import ProcessTree
from harness.units import NS_PER_MS, NS_PER_S

_SLOW_INTERVAL_NS = NS_PER_S  # new children, context switches, kernel counters
Reader = TypeVar("Reader")


@dataclass(frozen=True, slots=True)
class Options:
    """What to watch and how often. None finds what the root runs on: its cores, its own control groups."""

    pid: int
    interval_ns: int
    pss_interval_ns: int
    cores: tuple[int, ...] | None
    cgroups: tuple[Path, ...] | None
    nic: str | None


class Sampler:
    """The readers of one tree. Whatever cannot be read is left out, and `notes` says why."""

    def __init__(self, options: Options) -> None:
        """Raises ProcessLookupError for no such process, ProbeError when it may not be read."""
        self.notes: list[str] = []
        self.tree = ProcessTree(options.pid)
        self.cores = options.cores or tuple(sorted(os.sched_getaffinity(options.pid)))
        folders = self._group_folders(options)
        memory, cpu = folders.memory, folders.cpu
        self._memory = self._try("cgroup memory", lambda: cgroup.MemoryReader(memory)) if memory else None
        self._throttling = self._try("throttling", lambda: cgroup.ThrottlingReader(cpu)) if cpu else None
        self._tcp = self._try("TCP counters", lambda: TcpReader(options.pid))
        nic = options.nic
        self._nic = self._try("interface", lambda: NicReader(nic)) if nic else None
        self._host = KeptFile(PROC / "stat")
        self._pss_refused = False

    def _group_folders(self, options: Options) -> cgroup.Folders:
        if options.cgroups is not None:
            return cgroup.folders_at(list(options.cgroups))
        folders = cgroup.folders_of(options.pid).private_to(cgroup.folders_of(os.getpid()))
        if folders == cgroup.Folders():
            self.notes.append("cgroup figures: the target has no control group of its own")
        return folders

    def _try(self, what: str, make: Callable[[], Reader]) -> Reader | None:
        try:
            return make()
        except (OSError, ProbeError, KeyError) as missing:
            self.notes.append(f"{what}: {missing}")
            return None

    def fast(self) -> dict[str, int]:
        """The figures of every row."""
        tree = self.tree.read()
        cells = {name: getattr(tree, name) for name in tree.__slots__}
        if self._memory:
            try:
                memory = self._memory.read()
                cells |= {"cgroup_memory_bytes": memory.current_bytes, "cgroup_anon_bytes": memory.anon_bytes}
            except OSError:  # the group went with its last process
                self._memory = None
        return cells

    def slow(self) -> dict[str, Any]:
        """The figures of one row a second."""
        self.tree.refresh()
        switches = self.tree.switches()
        cores = parse_cores(self._host.read())
        cells: dict[str, Any] = {
            "voluntary_switches": switches.voluntary,
            "involuntary_switches": switches.involuntary,
            "host_busy_ns": cores[None].busy_ns,
            "host_steal_ns": cores[None].steal_ns,
            "sampler_cpu_ns": time.process_time_ns(),
            "cores": {core: cores[core] for core in self.cores if core in cores},
        }
        return cells | self._throttled() | self._network()

    def _throttled(self) -> dict[str, int]:
        if self._throttling is None:
            return {}
        try:
            throttling = self._throttling.read()
        except OSError:
            self._throttling = None
            return {}
        return {
            "throttled_periods": throttling.throttled_periods,
            "throttled_ns": throttling.throttled_ns,
        }

    def _network(self) -> dict[str, int]:
        cells: dict[str, int] = {}
        if self._tcp:
            try:
                tcp = self._tcp.read()
            except OSError:  # the process whose namespace this is has ended
                self._tcp = None
            else:
                cells |= {
                    "listen_overflows": tcp.listen_overflows,
                    "listen_drops": tcp.listen_drops,
                    "backlog_drops": tcp.backlog_drops,
                    "tcp_timeouts": tcp.timeouts,
                    "syn_retransmits": tcp.syn_retransmits,
                    "loss_probes": tcp.loss_probes,
                }
        if self._nic:
            nic = self._nic.read()
            cells |= {"nic_received_bytes": nic.received_bytes, "nic_sent_bytes": nic.sent_bytes}
        return cells

    def pss(self) -> dict[str, int]:
        """PSS of the tree; none once it has been refused."""
        if self._pss_refused:
            return {}
        try:
            return {"pss_bytes": self.tree.pss_bytes()}
        except ProbeError as refused:
            self._pss_refused = True
            self.notes.append(str(refused))
            return {}


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


def stream(sampler: Sampler, options: Options, commands: Commands, writer: RowWriter) -> None:
    """Samples on an absolute schedule until the commands end or the tree has ended.

    An instant that was missed is not made up for; how late a sample was stands in its row.
    """
    start_ns = planned_ns = time.monotonic_ns()
    slow_ns = pss_ns = start_ns
    pss_wanted = False

    def sample(
        event: str = "", late_ns: int | None = None, *, whole: bool = False, pss: bool = False
    ) -> None:
        now: dict[str, Any] = {"monotonic_ns": time.monotonic_ns(), "unix_ns": time.time_ns()}
        cells = sampler.slow() if whole else {}
        cells |= sampler.fast()
        cells |= sampler.pss() if pss else {}
        writer.write(Row(event=event, late_ns=late_ns, **now, **cells))
        while sampler.notes:
            writer.write(Row(event=f"note {sampler.notes.pop(0)}".replace("\n", " "), **now))

    while sampler.tree.pids:
        for command in commands.within((planned_ns - time.monotonic_ns()) / NS_PER_S):
            if command in ("pss on", "pss off"):
                pss_wanted = command == "pss on"
                pss_ns = time.monotonic_ns() + options.pss_interval_ns
                sample(command, whole=True, pss=pss_wanted)
            elif command.startswith("mark "):
                sample(command, whole=True)
            else:
                sampler.notes.append(f"unknown command {command!r}")
        if commands.closed:
            break
        now_ns = time.monotonic_ns()
        if now_ns < planned_ns:
            continue
        whole, pss = now_ns >= slow_ns, pss_wanted and now_ns >= pss_ns
        sample("", now_ns - planned_ns, whole=whole, pss=pss)
        slow_ns += _SLOW_INTERVAL_NS * whole
        pss_ns += options.pss_interval_ns * pss
        missed = (time.monotonic_ns() - planned_ns) // options.interval_ns
        planned_ns += options.interval_ns * max(1, missed)
    sample("end" if sampler.tree.pids else "gone", whole=True)


def _options(arguments: Sequence[str] | None) -> tuple[Options, argparse.Namespace]:
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
    groups = None if args.cgroup is None else tuple(args.cgroup)
    return (
        Options(
            pid=args.pid,
            interval_ns=args.interval_ms * NS_PER_MS,
            pss_interval_ns=args.pss_interval_ms * NS_PER_MS,
            cores=args.cpus,
            cgroups=groups,
            nic=args.nic,
        ),
        args,
    )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program. Exit codes: 0 done, 2 wrong use, 4 the tree cannot be watched."""
    options, args = _options(arguments)
    try:
        if args.run_on:
            os.sched_setaffinity(0, args.run_on)
        os.nice(args.nice)
        sampler = Sampler(options)
        stream(sampler, options, Commands(sys.stdin.fileno()), RowWriter(sys.stdout, sampler.cores))
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # or the interpreter complains at its end
    except ProcessLookupError:
        print(f"sampler: there is no process {options.pid}", file=sys.stderr)
        return int(ProbeError.exit_code)
    except (HarnessError, OSError) as failed:
        print(f"sampler: {failed}", file=sys.stderr)
        return int(ProbeError.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
