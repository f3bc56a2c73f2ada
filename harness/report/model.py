"""The summary of a run: every figure that tables, pages and files show, in ns, bytes, ratios and counts.

`summary.json` is this model as JSON; `summary.schema.json` beside this file is its schema, made from it by
`python -m harness.report.model`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from harness.errors import StoreError
from harness.model import JsonObject
from harness.units import counted

SCHEMA = 1

Unit = Literal["rps", "ns", "bytes", "ratio", "count", "s"]
Display = Literal["/s", "ms", "µs", "s", "MiB", "KiB", "%", ""]
Direction = Literal["higher", "lower"]
PanelKind = Literal["closed", "open", "capacity", "service", "pauses", "cold-start", "memory", "reload"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What a column holds, in `unit`; people see it in `display`.

    `ranked` False: shown, but nothing of it says that one target beats another. `headline`: one of the few
    that stand for the rest.
    """

    key: str
    metric: str
    title: str
    unit: Unit
    display: Display
    better: Direction | None
    ranked: bool
    headline: bool
    window: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Columns that belong together: those of one window, or of the service as a whole.

    Closed and open windows never share a panel. `rate_rps` and `mean_rate_rps`: the highest and the mean rate that
    an open window offers, where they are the same for all targets. `connections`: of a window that has one number.
    """

    name: str
    title: str
    kind: PanelKind
    note: str
    columns: tuple[str, ...]
    rate_rps: float | None = None
    mean_rate_rps: float | None = None
    duration_s: float | None = None
    connections: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure over a row's trials: centre with its 95 % interval, and each trial's own value.

    `centre` None: missing, and `missing` says why. `at_least`: the generator was the limit, the target could
    do more. `best`: better than every other ranked row, as far as statistics can tell.
    """

    centre: float | None = None
    low: float | None = None
    high: float | None = None
    trials: tuple[float, ...] = ()
    missing: str | None = None
    at_least: bool = False
    best: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One target in one scenario. Not valid: its figures are shown for orientation, and never ranked."""

    case: str
    target: str
    label: str
    twin: bool
    valid: bool
    trials_valid: int
    trials_needed: int
    rounds: int
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    facts: dict[str, str]
    figures: dict[str, Figure]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A row against the best of its column. `ratio` = row ÷ best, within low..high with 95 % confidence."""

    column: str
    best: str
    row: str
    ratio: float
    low: float | None
    high: float | None
    p_value: float | None
    verdict: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseKept:
    """A service level of the scenario and what came of it; `met` None: it could not be told."""

    item: str
    row: str
    measured: float | None
    display: Display
    at_most: float | None
    at_least: float | None
    met: bool | None
    missing: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioSummary:
    """One question and every row that answers it. `ruler_ratio`: by how much the blind twins differ."""

    name: str
    question: str
    kind: str
    columns: dict[str, Column]
    panels: tuple[Panel, ...]
    rows: tuple[Row, ...]
    comparisons: tuple[Comparison, ...]
    ruler_ratio: dict[str, float]
    promises: tuple[PromiseKept, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What ran it all; None where it could not be read."""

    cpu_model: str | None
    cores: int | None
    memory_bytes: int | None
    kernel: str | None
    architecture: str | None
    virtualisation: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A whole run. `stamp` and `sharing_note` go on everything that is printed of it."""

    schema: int = SCHEMA
    run: str
    created_unix_ns: int
    ended_unix_ns: int | None
    status: str
    stamp: str | None
    sharing_note: str | None
    driver: str
    engine: str
    rounds: int
    seed: int
    target_cores: int
    command: tuple[str, ...]
    revision: str | None
    revision_clean: bool | None
    machine: Machine
    notes: tuple[str, ...]
    skipped: dict[str, str] = field(default_factory=dict)
    scenarios: tuple[ScenarioSummary, ...] = ()


_ADAPTER: TypeAdapter[Summary] = TypeAdapter(Summary)


def to_json(summary: Summary) -> JsonObject:
    """The summary as plain JSON data."""
    plain: JsonObject = json.loads(json.dumps(asdict(summary), allow_nan=False))
    return plain


def from_json(data: JsonObject) -> Summary:
    """The summary that `to_json` made. Raises StoreError for anything else."""
    if data.get("schema") != SCHEMA:
        raise StoreError(f"a summary of schema {data.get('schema')!r}; this harness reads {SCHEMA}")
    try:
        return _ADAPTER.validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise StoreError(
            f"{counted(error.error_count(), 'field')} missing or wrong, the first is {where!r}: {first['msg'].lower()}"
        ) from error


def json_schema() -> JsonObject:
    """The JSON Schema of summary.json."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_ADAPTER.json_schema()}


if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=1))
