"""What the pictures of one scenario are made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.report.metrics import Record
from harness.report.model import Column, Figure, Panel, Row, ScenarioSummary
from harness.report.palette import Look
from harness.report.rows import CaseTrials

FADED = 0.45


@dataclass(frozen=True)
class Material:
    """A scenario's rows and, in the same order, the trials behind each."""

    run_path: Path
    scenario: ScenarioSummary
    chosen: Sequence[CaseTrials]
    looks: Mapping[str, Look]

    def rows(self) -> Iterator[tuple[Row, Sequence[Record], Look]]:
        """Every row but the twins' that has trials to show."""
        for row, chosen in zip(self.scenario.rows, self.chosen, strict=True):
            if not row.twin and chosen.shown:
                yield row, chosen.shown, self.looks[row.target]

    def panels(self, kind: str) -> list[Panel]:
        return [p for p in self.scenario.panels if p.kind == kind]

    def column(self, key: str) -> Column:
        return self.scenario.columns[key]


def known(row: Row, key: str) -> Figure | None:
    """The row's figure, if it has one."""
    figure = row.figures.get(key)
    return figure if figure is not None and figure.centre is not None else None


def alpha(row: Row) -> float:
    """A row that is not valid is drawn faintly, in its own colour all the same."""
    return 1.0 if row.valid else FADED


def name(row: Row) -> str:
    return row.target if row.valid else f"{row.target} (invalid)"
