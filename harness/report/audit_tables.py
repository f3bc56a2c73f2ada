"""Tables to be audited, read from what people publish: Markdown, CSV, YAML, and our own summary.json."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import yaml

from harness.errors import StoreError, UsageError
from harness.report.model import Panel, Row, ScenarioSummary, from_json
from harness.units import NS_PER_MS, NS_PER_US


@dataclass(frozen=True, slots=True)
class Workload:
    """What holds for all lines of a table; None: not given."""

    cores: float | None = None
    connections: int | None = None
    body_bytes: int | None = None
    permits: int | None = None
    link_gbit_s: float | None = None
    messages_per_day: int | None = None

    def filled(self, other: Workload) -> Workload:
        """This, with what it lacks taken from `other`."""
        lacking = {f.name: getattr(other, f.name) for f in fields(self) if getattr(self, f.name) is None}
        return replace(self, **lacking)

    def given(self) -> list[str]:
        return [f.name for f in fields(self) if getattr(self, f.name) is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a table. `closed`: callers waited for their answers (also assumed where nothing is said)."""

    label: str
    throughput_rps: float
    mean_ms: float | None = None
    p50_ms: float | None = None
    p75_ms: float | None = None
    p90_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    p999_ms: float | None = None
    max_ms: float | None = None
    cpu_us_per_request: float | None = None
    connections: float | None = None
    offered_rps: float | None = None
    duration_s: float | None = None
    closed: bool = True

    def given(self) -> list[str]:
        return [f.name for f in fields(self) if getattr(self, f.name) is not None]


def read_table(path: Path) -> tuple[Workload, list[Line]]:
    """Raises UsageError when the file cannot be read or holds no table with a throughput."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    readers = {".json": _from_json, ".yaml": _from_yaml, ".yml": _from_yaml, ".csv": _from_csv}
    workload, lines = readers.get(path.suffix.lower(), _from_markdown)(text, path)
    if not lines:
        raise UsageError(f"{path}: no table with a column of throughput (requests/s, rps, QPS …) was found")
    return workload, lines


# --- our own summary, and YAML ---------------------------------------------------------------------------------


def _from_json(text: str, path: Path) -> tuple[Workload, list[Line]]:
    try:
        summary = from_json(json.loads(text))
    except (ValueError, AttributeError, StoreError) as error:
        raise UsageError(f"{path} is no summary.json of ours: {error}") from error
    lines = [
        line
        for s in summary.scenarios
        for panel in s.panels
        for row in s.rows
        for line in _own(s, panel, row)
    ]
    if not lines:
        raise UsageError(f"{path}: no row of this run is valid, so there is nothing to audit")
    return Workload(cores=summary.target_cores), lines


def _own(scenario: ScenarioSummary, panel: Panel, row: Row) -> Iterator[Line]:
    """A valid row's figures of one window."""

    def at(metric: str, factor: float = 1.0) -> float | None:
        figure = row.figures.get(f"{panel.name}/{metric}")
        return None if figure is None or figure.centre is None else figure.centre / factor

    throughput = at("throughput_rps")
    if not row.valid or throughput is None:
        return
    yield Line(
        label=f"{scenario.name}, {panel.name}: {row.target}{' (twin)' if row.twin else ''}",
        throughput_rps=throughput,
        p50_ms=at("p50_ns", NS_PER_MS),
        p90_ms=at("p90_ns", NS_PER_MS),
        p99_ms=at("p99_ns", NS_PER_MS),
        p999_ms=at("p999_ns", NS_PER_MS),
        cpu_us_per_request=at("cpu_ns_per_request", NS_PER_US),
        connections=panel.connections,
        closed=panel.kind == "closed",
        offered_rps=panel.mean_rate_rps,
        duration_s=panel.duration_s,
    )


def _from_yaml(text: str, path: Path) -> tuple[Workload, list[Line]]:
    """`workload` and `rows`, at the top or below `headline`; memory sizes and other keys are passed over."""
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"{path} is not YAML: {error}") from error
    if not isinstance(data, Mapping):
        raise UsageError(f"{path}: a mapping with `rows` is expected")
    table = _part(data, "headline") or data
    auth = {"permits": _part(data, "auth").get("max_concurrent_checks")}
    stated = {**auth, **_part(table, "scene"), **_part(table, "workload")}
    numbers = _numbers(stated, Workload)
    whole = {name: int(value) for name, value in numbers.items() if name in _WHOLE}
    rows = table.get("rows")
    if not isinstance(rows, list):
        raise UsageError(f"{path}: `rows` is to be a list of rows")
    lines = [line for row in rows if isinstance(row, Mapping) and (line := _yaml_line(row))]
    return Workload(**{**numbers, **whole}), lines


_WHOLE = ("connections", "body_bytes", "permits", "messages_per_day")


def _part(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = data.get(name)
    return found if isinstance(found, Mapping) else {}


def _numbers(data: Mapping[str, Any], model: type[Workload] | type[Line]) -> dict[str, Any]:
    """What `data` has of the model's fields, as numbers, whatever they are written like."""
    found: dict[str, Any] = {}
    for name in (f.name for f in fields(model)):
        value = data.get(name)
        if isinstance(value, bool):
            found[name] = value
        elif (number := _number(str(value))) is not None:
            found[name] = number
    return found


def _yaml_line(row: Mapping[str, Any]) -> Line | None:
    known = _numbers({name: value for name, value in row.items() if name != "label"}, Line)
    if known.get("throughput_rps", 0.0) <= 0:
        return None
    return Line(**known, label=str(row.get("label") or row.get("target") or "a row"))


# --- tables of text --------------------------------------------------------------------------------------------

_HEADS = (
    ("bytes", r"\b[kmgt]?i?b(?:ytes|its?)?\s*(?:/|per)\s*s|\b[kmg]bps\b"),
    ("resources", r"\bmem|\brss\b|\bram\b|\bcpu(?!.*req)|\bsize\b"),
    ("cpu_us_per_request", r"cpu.*req"),
    (
        "throughput_rps",
        r"throughput|(?:req\w*|messages|calls|transactions)\W*(?:/|per)\W*s|\bk?(?:rps|qps|tps)\b",
    ),
    ("p999_ms", r"p\W?99[.,]9|p999|99[.,]9\d*\s*(?:%|th)"),
    *((f"p{n}_ms", rf"p\W?{n}\b|\b{n}\s*(?:%|th)") for n in (99, 95, 90, 75, 50)),
    ("p50_ms", r"median"),
    ("mean_ms", r"\bmean\b|average|\bavg\b"),
    ("connections", r"connections|concurren|\busers\b"),
    ("max_ms", r"\bmax(?:imum)?\b"),
    ("requests", r"^\W*(?:total\s+)?requests\W*$"),
)
"""The first that fits says what a head means. `requests` is a rate only where no other column is one."""
_COLUMNS = tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _HEADS)
_TIME_MS = {"ns": 1e-6, "us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1_000.0}
_UNIT = re.compile(r"\b(ns|us|µs|ms)\b|[(\[,]\s*(s)(?:ec(?:onds?)?)?\s*[)\]]?\s*$")
_THOUSANDS = re.compile(r"\bk\W*(?:rps|qps|tps|req)|\(\W*k\W*\)|\bthousand", re.IGNORECASE)
_NUMBER = re.compile(
    r"(-?\d{1,3}(?:[ \u00a0\u202f'_]\d{3})+(?!\d)(?:\.\d+)?|-?\d[\d,]*(?:\.\d+)?)"
    r"\s*([kKmM](?![a-zA-Z]))?\s*(ns|us|µs|ms|s)?\b"
)


def _from_csv(text: str, path: Path) -> tuple[Workload, list[Line]]:
    """Fields apart by commas, semicolons or tabs: whichever the head has most of."""
    del path
    head = text.partition("\n")[0]
    return Workload(), _lines(list(csv.reader(text.splitlines(), delimiter=max(",;\t", key=head.count))))


def _from_markdown(text: str, path: Path) -> tuple[Workload, list[Line]]:
    """Every pipe table of the page."""
    del path
    lines: list[Line] = []
    block: list[list[str]] = []
    for line in [*text.splitlines(), ""]:
        if re.search(r"(?<!\\)\|", line):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
            if not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
                block.append(cells)
        elif block:
            lines += _lines(block)
            block = []
    return Workload(), lines


def _lines(table: Sequence[Sequence[str]]) -> list[Line]:
    """The first row is the head, the first column the label."""
    if len(table) < 2:
        return []
    head = table[0]
    meant = {n: name for n, cell in enumerate(head) if n and (name := _meaning(cell))}
    if "throughput_rps" not in meant.values():
        meant = {n: "throughput_rps" if name == "requests" else name for n, name in meant.items()}
    if "throughput_rps" not in meant.values():
        return []
    found = []
    for cells in table[1:]:
        values: dict[str, Any] = {
            meant[n]: value
            for n, cell in enumerate(cells)
            if meant.get(n) in _FIELDS and (value := _value(cell, head[n], meant[n])) is not None
        }
        if values.get("throughput_rps", 0.0) > 0:
            found.append(Line(label=_plain(cells[0]), **values))
    return found


_FIELDS = {f.name for f in fields(Line)}


def _meaning(head: str) -> str | None:
    return next((name for name, pattern in _COLUMNS if pattern.search(head)), None)


def _value(cell: str, head: str, name: str) -> float | None:
    """In the unit of the field; a unit in the cell counts before one in the head, ms is assumed."""
    match = _NUMBER.search(_plain(cell))
    if match is None:
        return None
    number = _plain_number(match[1]) * {"k": 1e3, "m": 1e6}.get((match[2] or "").lower(), 1.0)
    if name == "throughput_rps":
        return number * (1_000 if _THOUSANDS.search(head) and not match[2] else 1)
    if name == "connections":
        return number
    stated = _UNIT.search(head)
    unit = match[3] or (stated[1] or stated[2] if stated else "ms")
    in_ms = number * _TIME_MS[unit]
    return in_ms * 1_000 if name == "cpu_us_per_request" else in_ms


def _number(text: str) -> float | None:
    match = _NUMBER.search(text)
    return _plain_number(match[1]) if match else None


def _plain_number(text: str) -> float:
    """`62,700`, `62 700`, `0.5`, and `0,5` as some write it."""
    decimal = re.fullmatch(r"-?\d+,\d{1,2}", text)
    return float(text.replace(",", ".") if decimal else re.sub(r"[^\d.-]", "", text))


def _plain(text: str) -> str:
    return re.sub(r"[*_`\\]", "", text).strip()
