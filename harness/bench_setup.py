"""What a bench is given: its options, and the parts that it works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from harness.asked import Asked
from harness.awake import Wakers
from harness.drivers.base import Artifact, Driver
from harness.load.supervise import LoadGenerator
from harness.model import JsonObject, Scenario, TargetSpec
from harness.plan import PlanOptions
from harness.probes.placement import Placement
from harness.store import RunFolder

KeepAwake = Callable[[str, Path], AbstractContextManager[Wakers]]
"""Given a run's id and a folder for its log: while it is entered, the placement's `awake_cpus` do not halt."""


@dataclass(frozen=True)
class Resumption:
    """A run to go on with. `retry`: trials of it without a valid result are measured again."""

    run: RunFolder
    retry: bool


@dataclass(frozen=True)
class BenchOptions:
    """What `harness bench` was asked for, names already looked up."""

    scenarios: Sequence[Scenario]
    targets: Sequence[TargetSpec]
    targets_named: bool
    plan: PlanOptions
    results: Path
    workspace: Path
    asked: Asked
    argv: Sequence[str] = field(default_factory=tuple)
    resumption: Resumption | None = None

    @property
    def repeats_budget_s(self) -> float | None:
        """For the whole run, where trials that are not valid are measured once more only as far as it has room.

        Not with `--until-tight`, which adds rounds by the budget, nor where a user asks for the repeats themselves.
        """
        retry = self.resumption is not None and self.resumption.retry
        return None if self.plan.until_tight or retry else self.plan.budget_s


@dataclass(frozen=True)
class Tools:
    """The parts that a session works with; `cli` chooses them.

    `harness_hash` changes with whatever of the harness takes part in a measurement, `boot_id` when the machine
    starts anew (None: it does not tell).
    """

    driver: Driver
    driver_name: str
    driver_note: str | None
    placement: Placement
    engine: str
    engine_note: str | None
    workers: int
    own_service: bool
    locustfile: bool
    generator: Callable[[Path], AbstractContextManager[LoadGenerator]]
    calibrate: Callable[[LoadGenerator, Path, bool], JsonObject] | None
    keep_awake: KeepAwake
    manifest: Callable[[Mapping[str, Artifact]], JsonObject]
    harness_hash: str
    boot_id: str | None

    @property
    def notes(self) -> list[str]:
        """What was chosen or found about driver, engine and cores that a reader should know."""
        return [n for n in (self.driver_note, self.engine_note, *self.placement.notes) if n]
