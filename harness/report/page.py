"""What the page's templates show, made ready: tables of cells, remarks, facts. No markup here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.report import wording
from harness.report.glossary import Entry, find
from harness.report.model import Column, Figure, Panel, Row, ScenarioSummary, Summary
from harness.report.numbers import figure_text, interval_text, percent_text, spread_text
from harness.report.palette import Look

_TERMS = {
    "requests": "throughput",
    "capacity": "capacity",
    "P50": "P50",
    "P90": "P90",
    "P99": "P99",
    "P99.9": "P99.9",
    "CPU/req.": "CPU per request",
    "spikes": "spike",
    "jitter": "jitter",
    "errors": "error",
    "hot reload": "hot reload",
    "valid": "invalid",
    "ready": "time to ready",
    "idle": "memory idle",
    "loaded": "loaded",
    "peak": "peak",
    "after": "after",
    "steady at": "warm-up",
    "pauses": "pause",
    "longest pause": "pause",
    "all pauses": "pause",
    "of the time": "pause",
    "idle RSS": "RSS",
    "idle PSS": "PSS",
}


_OF_A_LOAD = (
    *("p50_ns", "p90_ns", "p99_ns", "p999_ns", "cpu_ns_per_request", "error_ratio", "spikes"),
    *("unavailable_ratio", "idle_rss_bytes", "loaded_rss_bytes", "peak_rss_bytes", "ready_ns"),
)
_BESIDE_CHANGES = ("p50_ns", "p99_ns", "cpu_ns_per_request", "loaded_rss_bytes")
"""What an overview shows of an open window and of the service, by the metrics' names."""


@dataclass(frozen=True, slots=True)
class Head:
    """A column's head; `term` is the anchor of what it means."""

    title: str
    unit: str
    term: str | None
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell. `sort`: its value for sorting, empty when missing, None for words; `why`: why it is missing."""

    text: str
    sort: str | None
    interval: str = ""
    why: str | None = None
    kind: str = ""


@dataclass(frozen=True, slots=True)
class TableRow:
    name: str
    slot: int
    kind: str
    last: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    span: int


@dataclass(frozen=True, slots=True)
class Table:
    """`title` names the table on the whole page, `heading` where it stands."""

    title: str
    heading: str
    note: str
    groups: tuple[Group, ...]
    heads: tuple[Head, ...]
    rows: tuple[TableRow, ...]

    @property
    def ruled(self) -> bool:
        """Whether the last row says what the blind twins differ by."""
        return bool(self.rows) and self.rows[-1].kind == "ruler"


@dataclass(frozen=True, slots=True)
class _Show:
    """`ends`: intervals by both ends, else as ±. `reload`: how a target takes up a changed routing table."""

    ends: bool
    reload: bool = False


@dataclass(frozen=True, slots=True)
class Tables:
    """Makes tables of one scenario's rows."""

    scenario: ScenarioSummary
    looks: Mapping[str, Look]
    entries: Sequence[Entry]

    def panel(self, panel: Panel) -> Table:
        """All columns of one panel, each figure with the ends of its interval."""
        return self._table(panel.title, panel.note, [("", panel.columns)], _Show(ends=True))

    def overview(self) -> Table:
        """The columns that decide, of all panels; closed and open load under heads of their own."""
        panels = self.scenario.panels
        show = _Show(ends=False, reload=any(p.kind == "service" for p in panels))
        groups: list[tuple[str, Sequence[str]]] = [
            *((p.title, p.columns) for p in panels if p.kind in ("cold-start", "memory", "reload")),
            *((_limit_text(p), [f"{p.name}/capacity_rps"]) for p in panels if p.kind == "capacity"),
            *((f"{p.name} (closed)", [f"{p.name}/throughput_rps"]) for p in panels if p.kind == "closed"),
        ]
        chosen = _BESIDE_CHANGES if self.scenario.kind == "reload" else _OF_A_LOAD
        if (reference := reference_panel(panels)) is not None:
            open_keys = [c for c in reference.columns if c.partition("/")[2] in chosen]
            groups.append((f"{reference.name} (open)", open_keys))
        for panel in (p for p in panels if p.kind == "service"):
            groups.append(("memory", [c for c in panel.columns if c in chosen and c != "ready_ns"]))
            groups.append(("start", [c for c in panel.columns if c in chosen and c == "ready_ns"]))
        groups = [(title, columns) for title, columns in groups if columns]
        return self._table("overview", panels[0].note if len(panels) == 1 else "", groups, show)

    def _table(
        self, title: str, note: str, groups: Sequence[tuple[str, Sequence[str]]], show: _Show
    ) -> Table:
        starts = {columns[0] for _, columns in groups[1:] if columns}
        keys = [key for _, columns in groups for key in columns]
        columns = [self.scenario.columns[key] for key in keys]
        heads = [self._head(c, starts) for c in columns]
        words = [*(["hot reload"] if show.reload else []), "payload"]
        heads += [self._words_head(word, first=word == words[0]) for word in words]
        heads.append(Head("valid", "trials", self._term("valid")))
        rows = [self._row(row, columns, starts, show) for row in self.scenario.rows]
        if any(c.key in self.scenario.ruler_ratio for c in columns):
            rows.append(self._ruler(columns, starts, len(words) + 1))
        named = len(groups) > 1
        shown = (*(Group(name, len(cs)) for name, cs in groups), Group("", len(words) + 1)) if named else ()
        return Table(f"{self.scenario.name}, {title}", title, note, shown, tuple(heads), tuple(rows))

    def _head(self, column: Column, starts: set[str]) -> Head:
        kind = "first" if column.key in starts else ""
        return Head(column.title, column.display, self._term(column.title), kind)

    def _words_head(self, title: str, *, first: bool) -> Head:
        return Head(title, "", self._term(title), "first text" if first else "text")

    def _term(self, title: str) -> str | None:
        """The anchor of what a column's title means."""
        entry = find(self.entries, _TERMS.get(title, title))
        return entry.key if entry else None

    def _row(self, row: Row, columns: Sequence[Column], starts: set[str], show: _Show) -> TableRow:
        cells = [_cell(row.figures[c.key], c, first=c.key in starts, ends=show.ends) for c in columns]
        if show.reload:
            how = row.facts.get("reload", "–").partition(":")[0]
            cells.append(Cell(how, None, kind="first text short"))
        cells.append(
            Cell(row.facts.get("payload", "–"), None, kind="text short" if show.reload else "first text")
        )
        cells.append(Cell(wording.valid_text(row), str(row.trials_valid)))
        kind = " ".join(word for word, on in (("twin", row.twin), ("invalid", not row.valid)) if on)
        return TableRow(wording.target_text(row), self.looks[row.target].slot, kind, row.twin, tuple(cells))

    def _ruler(self, columns: Sequence[Column], starts: set[str], empty: int) -> TableRow:
        """By how much the twins differ: no difference smaller than this is one."""
        ratios = [self.scenario.ruler_ratio.get(c.key) for c in columns]
        cells = [
            Cell("" if r is None else percent_text(r), "", kind="first" if c.key in starts else "")
            for r, c in zip(ratios, columns, strict=True)
        ]
        twin = next(r for r in self.scenario.rows if r.twin)
        slot = self.looks[twin.target].slot
        return TableRow("noise of twins", slot, "ruler", True, (*cells, *[Cell("", None)] * empty))


def _limit_text(panel: Panel) -> str:
    """`P99 ≤ 10 ms` of a search for capacity."""
    return panel.title.partition(" with ")[2].replace(" within ", " ≤ ") or panel.name


def reference_panel(panels: Sequence[Panel]) -> Panel | None:
    """The open window that the overview shows: the last with a rate common to all."""
    found = [p for p in panels if p.kind == "open" and p.rate_rps is not None]
    return found[-1] if found else None


def _cell(figure: Figure, column: Column, *, first: bool, ends: bool) -> Cell:
    kind = " ".join(word for word, on in (("first", first), ("best", figure.best)) if on)
    return Cell(
        text=figure_text(figure, column.display),
        sort="" if figure.centre is None else repr(figure.centre),
        interval=interval_text(figure, column.display) if ends else spread_text(figure),
        why=figure.missing,
        kind=kind,
    )


@dataclass(frozen=True, slots=True)
class Remarks:
    """What stands below a table: (target, why its row is not valid), (target, what to know of it),
    (columns, why their figures are missing: each reason with whom it is about)."""

    invalid: tuple[tuple[str, str], ...]
    notes: tuple[tuple[str, str], ...]
    missing: tuple[tuple[str, tuple[str, ...]], ...]


def remarks(scenario: ScenarioSummary) -> Remarks:
    missing: dict[str, list[str]] = {}
    for columns, why in wording.missing_remarks(scenario):
        missing.setdefault(columns, []).append(why)
    return Remarks(
        invalid=tuple(wording.invalid_texts(scenario)),
        notes=tuple((wording.target_text(row), note) for row in scenario.rows for note in row.notes),
        missing=tuple((columns, tuple(reasons)) for columns, reasons in missing.items()),
    )


def promises(scenario: ScenarioSummary) -> list[dict[str, str]]:
    names = {row.case: row.target for row in scenario.rows}
    kinds = {True: "meets", False: "fails", None: ""}
    shown = []
    for promise in scenario.promises:
        measured, promised, met = wording.promise_text(promise)
        shown.append(
            {
                "item": promise.item,
                "target": names[promise.row],
                "measured": measured,
                "promised": promised,
                "met": met,
                "kind": kinds[promise.met],
            }
        )
    return shown


def manifest_facts(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every field with its value, or why there is none."""
    missing = manifest.get("missing") or {}
    facts = []
    for name, value in manifest.items():
        if name in ("schema", "missing", "mitigations"):
            continue
        facts.append(
            (
                name.replace("_", " "),
                _fact(value) if value is not None else f"– ({missing.get(name, 'unknown')})",
            )
        )
    return facts


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {v}" for k, v in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(str(v) for v in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def target_facts(targets: Mapping[str, Any], summary: Summary) -> list[dict[str, Any]]:
    """What each target is, and every choice that was made for it with its reason."""
    rows = {row.target: row for s in summary.scenarios for row in s.rows}
    shown = []
    for name, target in targets.items():
        row = rows.get(name)
        facts = list(row.facts.items()) if row else []
        facts += [(t["name"], f"{t['value']}: {t['reason']}") for t in target.get("tuning") or []]
        facts.append(("content hash", str(target.get("content_hash"))))
        shown.append(
            {
                "name": name,
                "label": target.get("label", name),
                "facts": [(n.replace("_", " "), v) for n, v in facts],
            }
        )
    return shown
