"""Where the programs of a measurement run: as in a bench, only the server has a core of its own."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from rig import Master, NullServer, Worker, ended

from harness.probes.placement import LOWEST_NICE


def add_cpus(parser: argparse.ArgumentParser) -> None:
    """The options that say which CPUs there are: an int or None, and a list of ints or None."""
    parser.add_argument("--server-cpu", type=int)
    parser.add_argument(
        *("--generator-cpus", "--generator-cpu"),
        type=lambda text: [int(part) for part in text.split(",")],
        help="one for each worker in turn, such as 1,2",
    )


def stay_on(cpus: Sequence[int] | None) -> None:
    """Keeps this program, and all that it starts and that asks for no other CPU, on the generator's CPUs."""
    if cpus is not None:
        os.sched_setaffinity(0, cpus)


def server_on(cpu: int | None, folder: Path, *options: str) -> NullServer:
    """A null server on a CPU of its own, if there is one for it."""
    own = [] if cpu is None else ["--cpu", str(cpu)]
    return NullServer(folder, *own, *options)


@contextmanager
def master_with(*names: str) -> Iterator[tuple[Master, list[Worker]]]:
    """A master that steps aside for everybody, and workers of these names that are connected to it."""
    with ExitStack() as programs:
        master = programs.enter_context(ended(Master()))
        os.setpriority(os.PRIO_PROCESS, master.process.pid, LOWEST_NICE)
        workers = [programs.enter_context(ended(Worker(master.port, name))) for name in names]
        for _ in workers:
            master.wait_for("connected")
        yield master, workers
