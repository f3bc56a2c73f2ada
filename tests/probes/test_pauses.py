"""What runtimes write of their garbage collection, as they really write it, and what is read off it."""

from __future__ import annotations

import pytest

from harness.probes.pauses import Pause, PauseFormat, figures, read_pauses

SERIAL = """\
[1795620616579ms] Using Serial
[1795620616580ms] GC(0) Pause Young (Allocation Failure) 18M->1M(61M) 0.616ms
[1795620616784ms] GC(134) Pause Full (Allocation Failure) 61M->8M(61M) 3.716ms
[1795620616785ms] GC(134) Phase 1: Mark live objects 1.001ms
"""
G1 = """\
[1795620618168ms] GC(0) Pause Young (Normal) (G1 Evacuation Pause) 15M->1M(64M) 1.185ms
[1795620618168ms] GC(1)   Pre Evacuate Collection Set: 0.08ms
[1795620618200ms] GC(4) Concurrent Mark Cycle 5.2ms
[1795620618201ms] GC(4) Pause Remark 40M->40M(64M) 2.500ms
[1795620618202ms] GC(4) Pause Cleanup 40M->40M(64M) 0.021ms
"""
ZGC = """\
[1795620619709ms] Using The Z Garbage Collector
[1795620619827ms] GC(0) Major Collection (Warmup)
[1795620619828ms] GC(0) Y: Pause Mark Start (Major) 0.032ms
[1795620619834ms] GC(0) Y: Concurrent Mark 5.100ms
[1795620619853ms] GC(0) O: Pause Mark End 0.013ms
[1795620619859ms] GC(1) y: Pause Relocate Start 0.008ms
"""
SHENANDOAH = """\
[1795620621474ms] GC(0) Pause Init Mark (unload classes) 0.017ms
[1795620621480ms] GC(0) Concurrent marking (unload classes) 3.2ms
[1795620621717ms] GC(13) Pause Degenerated GC (Outside of Cycle) 60M->22M(64M) 1.245ms
"""
MS = 1_000_000


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (SERIAL, [(616_580, 616_000, "Young"), (616_784, 3_716_000, "Full")]),
        (
            G1,
            [(618_168, 1_185_000, "Young"), (618_201, 2_500_000, "Remark"), (618_202, 21_000, "Cleanup")],
        ),
        (
            ZGC,
            [
                (619_828, 32_000, "Mark Start"),
                (619_853, 13_000, "Mark End"),
                (619_859, 8_000, "Relocate Start"),
            ],
        ),
        (SHENANDOAH, [(621_474, 17_000, "Init Mark"), (621_717, 1_245_000, "Degenerated GC")]),
    ],
    ids=["serial", "g1", "zgc", "shenandoah"],
)
def test_each_collector_of_the_jvm(log: str, expected: list[tuple[int, int, str]]) -> None:
    found = read_pauses(log.splitlines(keepends=True), "hotspot", 0)
    assert [(p.end_unix_ns // MS - 1_795_620_000_000, p.duration_ns, p.kind) for p in found] == expected


def test_a_collection_of_go_has_two_pauses() -> None:
    log = [
        "listening on 127.0.0.1:8080\n",
        "gc 7 @1.250s 2%: 0.026+0.39+0.010 ms clock, 0.026+0/0.2/0+0.010 ms cpu, 4->4->1 MB, 4 MB goal, 1 P\n",
    ]
    began_ns = 1_000 * MS + 1_250 * MS
    assert read_pauses(log, "gctrace", 1_000 * MS) == [
        Pause(began_ns + 26_000, 26_000, "sweep termination"),
        Pause(began_ns + 426_000, 10_000, "mark termination"),
    ]


@pytest.mark.parametrize("format", ["hotspot", "gctrace"])
def test_lines_that_are_cut_off_or_of_others_are_passed_over(format: PauseFormat) -> None:
    lines = [SERIAL.splitlines()[1][:40], "", "gc 7 @1.2", "GC(0) Pause Young 1.0ms", "[1ms] Pause"]
    assert read_pauses(lines, format, 0) == []


def test_figures_are_of_the_pauses_that_ended_within_the_span() -> None:
    pauses = [Pause(10, 5, "a"), Pause(20, 7, "b"), Pause(30, 1, "c")]
    found = figures(pauses, 10, 30)
    assert (found.count, found.longest_ns, found.total_ns) == (2, 7, 12)
    none = figures(pauses, 40, 50)
    assert (none.count, none.longest_ns, none.total_ns) == (0, 0, 0)
    assert pauses[1].start_unix_ns == 13
