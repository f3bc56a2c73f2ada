"""What a run is made of: cases, and the trials of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.model.scenario import Scenario
from harness.model.target import TargetSpec


@dataclass(frozen=True)
class Case:
    """What is measured: one target (with its variant) in one scenario. `twin` marks the blind twin.

    `side`: which of two versions of the target it is, where versions are compared.
    """

    target: TargetSpec
    scenario: Scenario
    twin: bool = False
    side: Literal["base", "head"] | None = None

    @property
    def id(self) -> str:
        """Folder and row name: `routing-4kb/go`, the twin as `routing-4kb/go~twin`, a side as `gate/go~base`."""
        tail = "~twin" if self.twin else f"~{self.side}" if self.side else ""
        return f"{self.scenario.name}/{self.target.id}{tail}"


@dataclass(frozen=True)
class PlannedTrial:
    """One trial to run: a case in a round, at a place in the order."""

    case: Case
    round: int
    position: int
    estimated_s: float
