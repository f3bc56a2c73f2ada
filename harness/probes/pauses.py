"""A runtime's own log of its garbage collection → the stretches in which it ran nothing else.

Formats: `hotspot`, the JVM's unified logging with time in ms since 1970 in front
(`-Xlog:gc,gc+phases:file=…:timemillis`), and `gctrace`, what Go writes with `GODEBUG=gctrace=1`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.units import NS_PER_MS, NS_PER_S

PauseFormat = Literal["hotspot", "gctrace"]

_HOTSPOT = re.compile(
    r"\[(?P<ms>\d+)ms\].*?GC\(\d+\) (?:[yYoO]: )?(?P<kind>Pause [A-Z][A-Za-z ]*?)"
    r"(?: \(.*\))?(?: \d+[KMG]->\d+[KMG]\(\d+[KMG]\))? (?P<length>\d+\.\d+)ms$"
)
"""A pause is logged at its end: `[1764084000123ms] GC(3) Pause Young (Allocation Failure) 27M->2M(256M) 1.204ms`."""

_GCTRACE = re.compile(
    r"^gc \d+ @(?P<at>\d+\.\d+)s \d+%: (?P<sweep>[\d.]+)\+(?P<mark>[\d.]+)\+(?P<end>[\d.]+) ms clock"
)
"""Seconds since the program's start; the first and third time are pauses, the one between runs beside the program."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch in which the runtime kept the program from running. Instants are unix ns."""

    end_unix_ns: int
    duration_ns: int
    kind: str

    @property
    def start_unix_ns(self) -> int:
        return self.end_unix_ns - self.duration_ns


@dataclass(frozen=True, slots=True)
class PauseFigures:
    """Over a span of time."""

    count: int
    longest_ns: int
    total_ns: int


def read_pauses(lines: Iterable[str], format: PauseFormat, started_unix_ns: int) -> list[Pause]:
    """Every pause of a log, in its order; other lines are passed over. `started_unix_ns`: of the program.

    A gctrace tells its instants from the program's start, so they are as exact as that is known: a few ms.
    """
    reader = _hotspot(lines) if format == "hotspot" else _gctrace(lines, started_unix_ns)
    return list(reader)


def figures(pauses: Sequence[Pause], start_unix_ns: int, end_unix_ns: int) -> PauseFigures:
    """Of the pauses that ended within the span; all 0 when there was none."""
    within = [p.duration_ns for p in pauses if start_unix_ns <= p.end_unix_ns < end_unix_ns]
    return PauseFigures(len(within), max(within, default=0), sum(within))


def _hotspot(lines: Iterable[str]) -> Iterator[Pause]:
    for line in lines:
        if found := _HOTSPOT.search(line.rstrip()):
            length_ns = round(float(found["length"]) * NS_PER_MS)
            yield Pause(int(found["ms"]) * NS_PER_MS, length_ns, found["kind"].removeprefix("Pause "))


def _gctrace(lines: Iterable[str], started_unix_ns: int) -> Iterator[Pause]:
    for line in lines:
        if found := _GCTRACE.match(line):
            sweep_ns, mark_ns, end_ns = (
                round(float(found[name]) * NS_PER_MS) for name in ("sweep", "mark", "end")
            )
            began_ns = started_unix_ns + round(float(found["at"]) * NS_PER_S)
            yield Pause(began_ns + sweep_ns, sweep_ns, "sweep termination")
            yield Pause(began_ns + sweep_ns + mark_ns + end_ns, end_ns, "mark termination")
