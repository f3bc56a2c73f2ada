"""What a comparison of runs holds."""

from __future__ import annotations

from dataclasses import dataclass

from harness.report.model import Column, Summary
from harness.stats.compare import Comparison


@dataclass(frozen=True, slots=True)
class Effect:
    """One figure of one target in another run, against the first run. `note`: why no difference can be told."""

    scenario: str
    target: str
    column: Column
    run: str
    first: float | None
    other: float | None
    comparison: Comparison | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Unlikeness:
    """Something that differs between the first run and another, besides the sources. `grave`: not comparable."""

    run: str
    name: str
    first: str
    other: str
    grave: bool


@dataclass(frozen=True, slots=True)
class Sources:
    """Is what was measured, and what measured it, the same in all the runs? None: not known.

    `revision`, `harness`: the same revision without other changes, the same code that measures. `same`, `other`:
    targets whose builds are the same, and those whose are not.
    """

    revision: bool | None
    harness: bool | None
    same: tuple[str, ...]
    other: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Versus:
    """The comparison of runs, the first of which is the base."""

    runs: tuple[Summary, ...]
    sources: Sources
    unlike: tuple[Unlikeness, ...]
    effects: tuple[Effect, ...]
    forced: bool

    def of(self, scenario: str) -> tuple[Effect, ...]:
        return tuple(e for e in self.effects if e.scenario == scenario)

    @property
    def scenarios(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(e.scenario for e in self.effects))
