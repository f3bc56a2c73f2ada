"""The cores of a machine as the kernel lists them below /sys."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path

from harness.probes.placement import Core, Topology

ROOT = Path("/")
_NODE = re.compile(r"node(\d+)")


def read_numbers(text: str) -> tuple[int, ...]:
    """The kernel's lists of numbers, `0-3,8` → (0, 1, 2, 3, 8). Raises ValueError for anything else."""
    numbers: list[int] = []
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return tuple(numbers)


def read_topology(root: Path = ROOT, allowed: Collection[int] | None = None) -> Topology:
    """The cores made of the cpus that may be used (None: by this process), lowest first.

    A cpu of which the kernel does not tell its siblings counts as a core of its own.
    """
    usable = os.sched_getaffinity(0) if allowed is None else set(allowed)
    cores = {}
    for cpu in sorted(usable):
        folder = root / f"sys/devices/system/cpu/cpu{cpu}"
        siblings = folder / "topology/thread_siblings_list"
        threads = set(read_numbers(siblings.read_text())) & usable if siblings.exists() else {cpu}
        nodes = [int(match[1]) for entry in folder.glob("node*") if (match := _NODE.fullmatch(entry.name))]
        cores[min(threads)] = Core(tuple(sorted(threads)), nodes[0] if nodes else 0)
    return Topology(tuple(cores[first] for first in sorted(cores)))
