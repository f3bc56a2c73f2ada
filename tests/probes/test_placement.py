"""Placement on machines of many shapes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

import pytest

from harness.errors import UsageError
from harness.probes.placement import GENERATOR_NICE, LOWEST_NICE, Core, Placement, Topology, place

GIB = 1 << 30


def plain(cores: int, nodes: int = 1) -> Topology:
    """Cores of one thread, the nodes one after the other."""
    return Topology(tuple(Core((i,), i * nodes // cores) for i in range(cores)))


def threaded(cores: int, nodes: int = 1) -> Topology:
    """Cores of two threads, numbered as most machines do: the second threads after all first ones."""
    return Topology(tuple(Core((i, i + cores), i * nodes // cores) for i in range(cores)))


def parties(p: Placement) -> tuple[int, int, int]:
    return len(p.target_cpus), len(p.generator_cpus), len(p.harness_cpus)


@pytest.mark.parametrize(
    ("topology", "expected", "sharing"),
    [
        (plain(1), (1, 1, 1), "direction only"),
        (threaded(1), (1, 1, 1), "direction only"),
        (plain(2), (1, 1, 1), "shared generator core"),
        (threaded(2), (2, 2, 2), "shared generator core"),
        (plain(3), (1, 1, 1), "none"),
        (plain(4), (2, 1, 1), "none"),
        (threaded(4), (4, 2, 2), "none"),
        (plain(8), (4, 3, 1), "none"),
        (plain(32), (16, 15, 1), "none"),
    ],
)
def test_auto(topology: Topology, expected: tuple[int, int, int], sharing: str) -> None:
    placement = place(topology)
    assert parties(placement) == expected
    assert placement.sharing == sharing
    assert placement.memory_limit_bytes is None


@pytest.mark.parametrize("cores", range(3, 65))
@pytest.mark.parametrize("make", [plain, threaded])
@pytest.mark.parametrize("nodes", [1, 2])
def test_with_three_cores_nobody_shares(cores: int, make: Callable[[int, int], Topology], nodes: int) -> None:
    topology = make(cores, nodes)
    placement = place(topology)
    handed_out = [placement.target_cpus, placement.generator_cpus, placement.harness_cpus]
    assert sorted(chain.from_iterable(handed_out)) == sorted(topology.cpus), "every cpu, each once"
    for core in topology.cores:
        assert sum(bool(set(core.cpus) & set(party)) for party in handed_out) == 1, "cores stay whole"
    assert topology.cpus[0] in placement.harness_cpus, "the first core takes the interrupts"
    assert placement.generator_nice is None and placement.harness_nice is None


def test_two_cores_step_aside_by_nice_values() -> None:
    permitted, refused = (place(plain(2), may_raise_priority=may) for may in (True, False))
    assert (permitted.target_cpus, permitted.generator_cpus, permitted.harness_cpus) == ((1,), (0,), (0,))
    assert (permitted.generator_nice, permitted.harness_nice) == (GENERATOR_NICE, LOWEST_NICE)
    assert (refused.generator_nice, refused.harness_nice) == (None, LOWEST_NICE)
    assert any("CAP_SYS_NICE" in note for note in refused.notes)
    assert not any("CAP_SYS_NICE" in note for note in permitted.notes)


def test_threads_of_one_core_are_not_two_cores() -> None:
    placement = place(threaded(1))
    assert (placement.target_cpus, placement.generator_cpus) == ((1,), (0,))
    assert placement.sharing == "direction only"
    assert not placement.loads_target_cpus


def test_one_core_is_shared_by_all() -> None:
    placement = place(plain(1))
    assert placement.target_cpus == placement.generator_cpus == placement.harness_cpus == (0,)
    assert placement.loads_target_cpus


def test_the_target_stays_on_one_node_when_one_is_enough() -> None:
    topology = plain(12, nodes=2)
    placement = place(topology)
    assert {core.node for core in topology.cores if core.cpus[0] in placement.target_cpus} == {1}


@pytest.mark.parametrize(("topology", "expected"), [(plain(20), (16, 3, 1)), (threaded(16), (16, 14, 2))])
def test_16c32g(topology: Topology, expected: tuple[int, int, int]) -> None:
    placement = place(topology, "16c32g", memory_bytes=64 * GIB)
    assert parties(placement) == expected
    assert placement.sharing == "none"
    assert placement.memory_limit_bytes == 32 * GIB
    assert placement.notes == ()


@pytest.mark.parametrize(
    ("cores", "memory_gib", "elsewhere", "reason"),
    [
        (2, 64, False, "16 cpus for the target and two whole cores beside them for the load.*here: 2 cpus"),
        (16, 64, False, "two whole cores beside them"),
        (17, 64, False, "two whole cores beside them"),
        (20, 16, False, "32 GB of memory .here: 16.0 GiB"),
        (8, 16, True, "16 cpus for the target .here: 8 cpus. and 32 GB"),
    ],
)
def test_16c32g_refuses_a_smaller_machine(cores: int, memory_gib: int, elsewhere: bool, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        place(plain(cores), "16c32g", memory_bytes=memory_gib * GIB, generators_elsewhere=elsewhere)


def test_16c32g_with_the_load_from_elsewhere_takes_the_whole_machine() -> None:
    memory_bytes = 31 * GIB  # what a machine of 32 GB shows
    placement = place(plain(16), "16c32g", memory_bytes=memory_bytes, generators_elsewhere=True)
    assert parties(placement) == (16, 0, 16)
    assert placement.harness_nice == LOWEST_NICE
    assert placement.memory_limit_bytes == memory_bytes
    roomy = place(plain(18), "16c32g", generators_elsewhere=True)
    assert parties(roomy) == (16, 0, 1)
    assert not set(roomy.target_cpus) & set(roomy.harness_cpus)


def test_smaller_is_fine_when_told_so() -> None:
    few_cores = place(plain(4), "16c32g", memory_bytes=64 * GIB, smaller_is_fine=True)
    assert parties(few_cores) == (2, 1, 1)
    assert any("16 cpus" in note for note in few_cores.notes)
    little_memory = place(plain(20), "16c32g", memory_bytes=8 * GIB, smaller_is_fine=True)
    assert parties(little_memory) == (16, 3, 1)
    assert little_memory.memory_limit_bytes == 8 * GIB
    two = place(plain(2), "16c32g", memory_bytes=8 * GIB, smaller_is_fine=True)
    assert two.sharing == "shared generator core"


@pytest.mark.parametrize(("cores", "expected"), [(1, (1, 0, 1)), (2, (1, 0, 1)), (4, (3, 0, 1))])
def test_auto_with_the_load_from_elsewhere(cores: int, expected: tuple[int, int, int]) -> None:
    placement = place(plain(cores), generators_elsewhere=True)
    assert parties(placement) == expected
    assert not placement.loads_target_cpus


def test_no_cores() -> None:
    with pytest.raises(ValueError, match="no cores"):
        place(Topology(()))
