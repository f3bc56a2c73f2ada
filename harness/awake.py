"""Keeps the cores of a measurement from halting, where it is a hypervisor that they halt for.

A virtual core with nothing to do is given away, and runs again once the hypervisor has found it a place: 50 µs to some
milliseconds after the request came that it is wanted for. That shows in response times, and is counted as stolen time.
So `keep-awake` (worker/) spins a thread on each of them meanwhile, in the scheduler's idle class and a control group of
that class: whoever else wants the core has it at once (docs/decisions/0012-cores-kept-awake.md).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.drivers.build import tail
from harness.drivers.cgroups import Refusal, is_at_the_top, make_idle_group
from harness.drivers.owner import Owner, marks
from harness.drivers.supervised import Command, Supervised
from harness.errors import InfrastructureError, ProbeError, StartError
from harness.probes import machine
from harness.probes.procfs import PROC, parse_stat

_THREAD = re.compile(rb"\(awake-(\d+)\)")
_START_DEADLINE_S = 10.0


def is_worth_it() -> bool:
    """Not on a machine of one's own: there a core wakes by itself, and one that never rests may slow its neighbours."""
    with suppress(OSError, ProbeError):
        return machine.virtualisation(Path("/")) != "none"
    return True


def why_not(program: Path, *, in_containers: bool) -> str | None:
    """What keeps cores from being kept awake here, tried for real; None: nothing.

    in_containers: what is measured runs in containers, which have groups of their own.
    """
    if not program.is_file():
        return "what keeps them awake comes with the native worker, which is not built"
    group = make_idle_group("probe", Owner.current())
    if isinstance(group, Refusal):
        return group.reason
    try:
        if in_containers and not is_at_the_top(group):
            return "the harness is in a container itself, so its idle group would not be beside those of the services"
    finally:
        group.folder.rmdir()
    return None


class Wakers:
    """The running program."""

    def __init__(self, process: Supervised | None) -> None:
        self._process = process

    def cpu_ns(self) -> Mapping[int, int]:
        """CPU time that it has used on each core so far, its idle time; nothing of one that may halt."""
        if self._process is None:
            return {}
        found = {}
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            for task in (PROC / str(self._process.pid) / "task").iterdir():
                text = (task / "stat").read_bytes()
                if named := _THREAD.search(text):
                    stat = parse_stat(text)
                    found[int(named[1])] = stat.utime_ns + stat.stime_ns
        return found


@contextmanager
def kept_awake(cpus: Sequence[int], program: Path, run_id: str, log: Path) -> Iterator[Wakers]:
    """These cores do not halt meanwhile; none: all may. Raises StartError, and InfrastructureError if they did."""
    if not cpus:
        yield Wakers(None)
        return
    owner = Owner.current()
    group = make_idle_group(run_id, owner)
    if isinstance(group, Refusal):
        raise StartError(f"cores cannot be kept awake any more: {group.reason}")
    log.parent.mkdir(parents=True, exist_ok=True)
    command = Command(
        argv=(str(program), "--cpus", ",".join(map(str, cpus))),
        cwd=program.parent,
        environment=marks(run_id, owner),
        log_path=log,
        cpus=tuple(cpus),
        control_group=group,
    )
    with Supervised(command, marks(run_id, owner)) as process:
        wakers = Wakers(process)
        _await_all(process, wakers, cpus, log)
        yield wakers
        if ended := process.wait(0.0):
            raise InfrastructureError(f"the cores were not kept awake to the end: {program.name} {ended}")


def _await_all(process: Supervised, wakers: Wakers, cpus: Sequence[int], log: Path) -> None:
    """Returns when each core has its thread. Raises StartError."""
    deadline_s = time.monotonic() + _START_DEADLINE_S
    while not wakers.cpu_ns().keys() >= set(cpus):
        if ended := process.wait(0.01):
            raise StartError(f"the cores cannot be kept awake: it {ended}: {tail(log, 1)}")
        if time.monotonic() > deadline_s:
            raise StartError(f"the cores are not kept awake after {_START_DEADLINE_S:.0f} s")
