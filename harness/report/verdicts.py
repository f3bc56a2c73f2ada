"""Which target is best in a column, and by how much: only where statistics show a difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.report.model import Column, Comparison, Panel, Row
from harness.report.rows import CaseTrials, Measured
from harness.stats.compare import Comparison as Compared
from harness.stats.compare import Pair, compare, noise_ruler
from harness.units import percent


@dataclass(frozen=True, slots=True)
class Judged:
    """The rows with their best figures marked, and what the marks rest on."""

    rows: tuple[Row, ...]
    comparisons: tuple[Comparison, ...]
    ruler_ratio: dict[str, float]


NEAR_CAPACITY_RATIO = 0.8
"""Above this share of a target's capacity its latency is shown, not ranked."""


def judge(
    rows: Sequence[Row], chosen: Sequence[CaseTrials], measured: Sequence[Measured], panels: Sequence[Panel]
) -> Judged:
    """Compares each ranked column's rows with its best; the blind twins' difference is the ruler."""
    by_case = {row.case: row for row in rows}
    trials = {c.case["id"]: c for c in chosen}
    comparisons: list[Comparison] = []
    rulers: dict[str, float] = {}
    for one in measured:
        ruler = _ruler(one.column, rows)
        if ruler is not None:
            rulers[one.column.key] = ruler
        ranked = [r for r in rows if may_rank(r, one.column, panels)]
        found = _column(one, ranked, trials, ruler_of(rulers, one.column.key, rows))
        comparisons += found
        if found and all(_is_worse(c) for c in found) and not _is_open(one.column, rows):
            _mark(by_case, found[0].best, one.column.key)
    noted = (_with_note(row, measured, panels) for row in by_case.values())
    return Judged(tuple(noted), tuple(comparisons), rulers)


def ruler_of(ruler_ratio: Mapping[str, float], key: str, rows: Sequence[Row]) -> float | None:
    """What a difference has to exceed. None: there is a blind twin, and its noise is not known here.

    Without any twin, as in scenarios of starts, memory and reloads, the trials' own spread has to do.
    """
    return ruler_ratio.get(key, None if any(r.twin for r in rows) else 0.0)


def may_rank(row: Row, column: Column, panels: Sequence[Panel]) -> bool:
    """Valid, no twin, made by the target and not the generator, and not too near the target's capacity."""
    figure = row.figures[column.key]
    if not column.ranked or not row.valid or row.twin or figure.centre is None or figure.at_least:
        return False
    return not near_capacity(row, column, panels)


def near_capacity(row: Row, column: Column, panels: Sequence[Panel]) -> bool:
    """Is this a figure of an open window whose rate is over 80 % of what the target can carry at all?"""
    panel = next((p for p in panels if p.kind == "open" and p.name == column.window), None)
    if panel is None or panel.rate_rps is None:
        return False
    known = [f.centre for key, f in row.figures.items() if key.endswith("/capacity_rps") and f.centre]
    return bool(known) and panel.rate_rps > NEAR_CAPACITY_RATIO * max(known)


def _with_note(row: Row, measured: Sequence[Measured], panels: Sequence[Panel]) -> Row:
    """The row, with a note for each window whose latencies are not ranked as it is too near its capacity."""
    columns = (one.column for one in measured if one.column.ranked and row.valid)
    windows = dict.fromkeys(c.window for c in columns if near_capacity(row, c, panels))
    share = percent(NEAR_CAPACITY_RATIO)
    notes = (f"{window}: over {share} of its capacity, so shown and not ranked" for window in windows)
    return replace(row, notes=(*row.notes, *notes))


def _ruler(column: Column, rows: Sequence[Row]) -> float | None:
    """By how much the twin's figure differs from that of the target it is a twin of."""
    for twin in (r for r in rows if r.twin):
        of = next((r for r in rows if not r.twin and r.target == twin.target), None)
        figures = [r.figures[column.key].trials for r in (twin, of) if r and r.valid]
        if len(figures) == 2 and all(f and min(f) > 0 for f in figures):
            return noise_ruler(figures[0], figures[1])
    return None


def _column(
    one: Measured, ranked: Sequence[Row], trials: Mapping[str, CaseTrials], ruler_ratio: float | None
) -> list[Comparison]:
    """Every row against the best one; none where there are fewer than two."""
    key = one.column.key
    if len(ranked) < 2:
        return []
    higher = one.column.better == "higher"
    ordered = sorted(ranked, key=lambda r: r.figures[key].centre or 0.0, reverse=higher)
    best = ordered[0]
    pairs = {r.case: _pair(one, trials[r.case], trials[best.case], higher) for r in ordered[1:]}
    return [_comparison(key, best.case, case, c) for case, c in compare(pairs, ruler_ratio).items()]


def _pair(one: Measured, candidate: CaseTrials, base: CaseTrials, higher: bool) -> Pair:
    """Trials of the same rounds side by side where both have the same rounds."""
    values = [
        {t["round"]: v for t in c.shown if (v := one.read(t)) is not None and v > 0}
        for c in (candidate, base)
    ]
    return Pair(
        candidate=list(values[0].values()),
        base=list(values[1].values()),
        paired=values[0].keys() == values[1].keys(),
        higher_is_better=higher,
    )


def _comparison(column: str, best: str, row: str, compared: Compared) -> Comparison:
    return Comparison(
        column=column,
        best=best,
        row=row,
        ratio=compared.ratio,
        low=compared.low,
        high=compared.high,
        p_value=compared.p_value,
        verdict=compared.verdict,
        text=compared.text,
    )


def _is_open(column: Column, rows: Sequence[Row]) -> bool:
    """Has a valid row only a lower bound here? Then it may be better than any that is known."""
    return any(row.valid and not row.twin and row.figures[column.key].at_least for row in rows)


def _is_worse(c: Comparison) -> bool:
    return c.verdict == "slower"


def _mark(by_case: dict[str, Row], case: str, key: str) -> None:
    row = by_case[case]
    marked = replace(row.figures[key], best=True)
    by_case[case] = replace(row, figures={**row.figures, key: marked})
