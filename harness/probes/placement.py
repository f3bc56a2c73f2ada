"""Which cores the target, the load generator and the rest of us run on: a pure function of the topology.

Cores go out whole, both threads of one to the same party, because threads of a core slow each other down.
The lowest cores take interrupts in most machines: the harness gets the lowest, the target the highest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from harness.errors import UsageError
from harness.units import BYTES_PER_GIB

Profile = Literal["auto", "16c32g"]
Sharing = Literal["none", "shared generator core", "direction only"]

LOWEST_NICE = 19
GENERATOR_NICE = -10  # no real-time class: it would starve the kernel's own threads
_FIXED_CPUS = 16
_FIXED_MEMORY_BYTES = 32 * BYTES_PER_GIB


@dataclass(frozen=True, slots=True)
class Core:
    """One physical core: its threads as the kernel numbers them, and its NUMA node."""

    cpus: tuple[int, ...]
    node: int = 0


@dataclass(frozen=True, slots=True)
class Topology:
    """The cores this process may use; cpus that it may not use are left out."""

    cores: tuple[Core, ...]

    @property
    def cpus(self) -> tuple[int, ...]:
        return _cpus(self.cores)


@dataclass(frozen=True, slots=True)
class Placement:
    """Who runs where. `sharing` other than "none" has to stand on everything that is printed.

    A nice value of None leaves that party's as it is. `memory_limit_bytes`: the profile's, for the target.
    `awake_cpus`: those that are kept from halting (harness/awake.py).
    """

    target_cpus: tuple[int, ...]
    generator_cpus: tuple[int, ...]
    harness_cpus: tuple[int, ...]
    sharing: Sharing
    generator_nice: int | None
    harness_nice: int | None
    memory_limit_bytes: int | None
    notes: tuple[str, ...]
    awake_cpus: tuple[int, ...] = ()

    @property
    def cpus(self) -> tuple[int, ...]:
        """All that take part."""
        return tuple(sorted({*self.target_cpus, *self.generator_cpus, *self.harness_cpus}))

    @property
    def loads_target_cpus(self) -> bool:
        """Whether the load is made on cpus of the target's; another thread of the same core is another cpu."""
        return not set(self.target_cpus).isdisjoint(self.generator_cpus)


def place(
    topology: Topology,
    profile: Profile = "auto",
    *,
    memory_bytes: int | None = None,
    may_raise_priority: bool = False,
    generators_elsewhere: bool = False,
    smaller_is_fine: bool = False,
) -> Placement:
    """Divides the cores.

    memory_bytes: the machine's, if known. generators_elsewhere: other hosts make the load, so only the
    harness keeps a core here. smaller_is_fine: give the profile what there is and note it.
    Raises UsageError when the machine is smaller than the profile, and ValueError for no cores.
    """
    if not topology.cores:
        raise ValueError("there are no cores to place anything on")
    if profile == "16c32g":
        return _fixed(topology, memory_bytes, may_raise_priority, generators_elsewhere, smaller_is_fine)
    if generators_elsewhere:
        return _beside_harness(topology, topology.cores[1:] or topology.cores)
    if len(topology.cores) < 3:
        return _crowded(topology, may_raise_priority)
    harness, rest = topology.cores[:1], topology.cores[1:]
    target = _highest(rest, len(topology.cores) // 2)
    return _disjoint(target, _without(rest, target), harness)


def _crowded(topology: Topology, may_raise_priority: bool) -> Placement:
    """One or two cores: the harness steps aside by its nice value, since no core is left for it."""
    first, last = topology.cores[0], topology.cores[-1]
    notes = ["the harness shares the generator's core, at the lowest priority"]
    sharing: Sharing = "shared generator core"
    target, generator = last.cpus, first.cpus
    if first is last:
        sharing = "direction only"
        notes.append("the target and the generator share one core")
        if len(first.cpus) > 1:
            target, generator = first.cpus[1:], first.cpus[:1]
            notes[-1] += ", each on a hardware thread of its own"
    if not may_raise_priority:
        notes.append("the generator's priority could not be raised: that takes CAP_SYS_NICE")
    return Placement(
        target_cpus=target,
        generator_cpus=generator,
        harness_cpus=generator,
        sharing=sharing,
        generator_nice=GENERATOR_NICE if may_raise_priority else None,
        harness_nice=LOWEST_NICE,
        memory_limit_bytes=None,
        notes=tuple(notes),
    )


def _fixed(
    topology: Topology,
    memory_bytes: int | None,
    may_raise_priority: bool,
    generators_elsewhere: bool,
    smaller_is_fine: bool,
) -> Placement:
    """The article's service host: 16 cpus and 32 GB for the target; a thread of a core counts as a cpu."""
    target = _highest(topology.cores, _FIXED_CPUS, counted_in_cpus=True)
    rest = _without(topology.cores, target)
    enough_cores = len(_cpus(target)) >= _FIXED_CPUS and (generators_elsewhere or len(rest) >= 2)
    # A machine sold with 32 GB shows less, as the firmware and the kernel take theirs first.
    enough_memory = memory_bytes is None or memory_bytes >= 0.9 * _FIXED_MEMORY_BYTES
    lacks = []
    if not enough_cores:
        beside = "" if generators_elsewhere else " and two whole cores beside them for the load"
        lacks.append(f"{_FIXED_CPUS} cpus for the target{beside} (here: {len(topology.cpus)} cpus)")
    if not enough_memory:
        lacks.append(f"32 GB of memory (here: {(memory_bytes or 0) / BYTES_PER_GIB:.1f} GiB)")
    if lacks and not smaller_is_fine:
        raise UsageError(
            f"profile 16c32g needs {' and '.join(lacks)}. "
            "Take a larger machine, a second one for the load (docs/two-hosts.md), or --profile auto"
        )
    if not enough_cores:
        placement = place(
            topology, may_raise_priority=may_raise_priority, generators_elsewhere=generators_elsewhere
        )
    elif generators_elsewhere:
        placement = _beside_harness(topology, target)
    else:
        placement = _disjoint(target, rest[1:], rest[:1])
    return replace(
        placement,
        memory_limit_bytes=min(_FIXED_MEMORY_BYTES, memory_bytes or _FIXED_MEMORY_BYTES),
        notes=tuple(f"profile 16c32g would need {lack}" for lack in lacks) + placement.notes,
    )


def _beside_harness(topology: Topology, target: tuple[Core, ...]) -> Placement:
    """No generator on this machine. When the target fills it, the harness steps aside by its nice value."""
    rest = _without(topology.cores, target)
    if rest:
        return _disjoint(target, (), rest[:1])
    note = "the harness shares the target's cores, at the lowest priority"
    return replace(_disjoint(target, (), target), harness_nice=LOWEST_NICE, notes=(note,))


def _disjoint(target: Iterable[Core], generator: Iterable[Core], harness: Iterable[Core]) -> Placement:
    return Placement(
        target_cpus=_cpus(target),
        generator_cpus=_cpus(generator),
        harness_cpus=_cpus(harness),
        sharing="none",
        generator_nice=None,
        harness_nice=None,
        memory_limit_bytes=None,
        notes=(),
    )


def _highest(cores: tuple[Core, ...], wanted: int, *, counted_in_cpus: bool = False) -> tuple[Core, ...]:
    """The highest cores that give as many as wanted, of one NUMA node if possible; or all there are."""

    def size(some: tuple[Core, ...]) -> int:
        return len(_cpus(some)) if counted_in_cpus else len(some)

    nodes = sorted({core.node for core in cores}, reverse=True)
    for among in [*(tuple(c for c in cores if c.node == node) for node in nodes), cores]:
        for first in range(len(among) - 1, -1, -1):
            if size(among[first:]) >= wanted:
                return among[first:]
    return cores


def _without(cores: tuple[Core, ...], taken: tuple[Core, ...]) -> tuple[Core, ...]:
    return tuple(core for core in cores if core not in taken)


def _cpus(cores: Iterable[Core]) -> tuple[int, ...]:
    return tuple(sorted(cpu for core in cores for cpu in core.cpus))
