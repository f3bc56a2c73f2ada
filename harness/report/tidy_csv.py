"""One line per trial × metric: what spreadsheets, R and pandas like to read."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from harness.report.metrics import Record
from harness.report.rows import Measured
from harness.report.summary import panels_of, pauses_known

COLUMNS = (
    "run",
    "engine",
    "scenario",
    "target",
    "twin",
    "round",
    "attempt",
    "status",
    "window",
    "mode",
    "metric",
    "unit",
    "value",
)


def to_csv(run: Mapping[str, Any], trials: Sequence[Record], run_id: str) -> str:
    """Every trial, valid or not (`status` tells); a figure that is missing has an empty value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    measured = {
        name: [
            (panel.kind, m)
            for panel, group in panels_of(scenario, pauses=pauses_known(_of(name, trials)))
            for m in group
        ]
        for name, scenario in run["scenarios"].items()
    }
    for trial in trials:
        for kind, one in measured[trial["case"]["scenario"]]:
            writer.writerow([run_id, run["engine"], *_line(trial, kind, one)])
    return text.getvalue()


def _of(scenario: str, trials: Sequence[Record]) -> list[Record]:
    return [t for t in trials if t["case"]["scenario"] == scenario]


def _line(trial: Record, kind: str, one: Measured) -> list[object]:
    case = trial["case"]
    value = one.read(trial)
    return [
        case["scenario"],
        case["target"],
        str(case["twin"]).lower(),
        trial["round"],
        trial.get("attempt", 1),
        trial["status"],
        one.column.window or "",
        kind,
        one.metric.name,
        one.metric.unit,
        "" if value is None else repr(value),
    ]
