"""Sentences that the terminal, Markdown and the page have in common."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from harness.report.model import (
    Column,
    Comparison,
    Machine,
    PromiseKept,
    Row,
    ScenarioSummary,
    Summary,
)
from harness.report.numbers import gibibytes_text, limit_text, percent_text, ratio_text, significant
from harness.report.versus_model import Effect
from harness.units import NS_PER_S, change_interval, change_percent, counted


def target_text(row: Row) -> str:
    """How a table calls the row."""
    return f"{row.target} (twin)" if row.twin else row.target


def valid_text(row: Row) -> str:
    """`3 of 3`."""
    return f"{row.trials_valid} of {row.rounds}"


def machine_text(machine: Machine) -> str:
    """`AMD EPYC, 2 cores, 24 GiB, Linux 6.18 (x86_64), virtual machine`."""
    parts = [
        machine.cpu_model or "unknown processor",
        f"{machine.cores} cores" if machine.cores else "",
        gibibytes_text(machine.memory_bytes) if machine.memory_bytes else "",
        f"Linux {machine.kernel}" if machine.kernel else "",
        (machine.virtualisation or "").removesuffix(", unnamed"),
    ]
    return ", ".join(p for p in parts if p)


def when_text(unix_ns: int) -> str:
    """`2026-11-23 20:58 UTC`."""
    return f"{datetime.fromtimestamp(unix_ns / NS_PER_S, UTC):%Y-%m-%d %H:%M} UTC"


def run_text(summary: Summary) -> str:
    """One line on how the run was made."""
    rounds, cores = counted(summary.rounds, "round"), counted(summary.target_cores, "target core")
    return f"{rounds}, {cores}, {summary.driver} driver, {summary.engine} engine, {when_text(summary.created_unix_ns)}"


def cautions(summary: Summary) -> list[str]:
    """What must stand above every table."""
    ended = summary.status == "complete"
    cut_off = None if ended else f"run {summary.run} is {summary.status}: this is what it had measured"
    return [text for text in (summary.stamp, cut_off, summary.sharing_note) if text]


def invalid_texts(scenario: ScenarioSummary) -> list[tuple[str, str]]:
    """(target, why its row is not valid)."""
    return [
        (target_text(r), "; ".join(gist(reason) for reason in r.reasons)) for r in scenario.rows if r.reasons
    ]


def row_remarks(scenario: ScenarioSummary) -> list[tuple[str, str]]:
    """(target, sentence): why rows are invalid, and what to know of the others."""
    reasons = dict(invalid_texts(scenario))
    found = []
    for row in scenario.rows:
        if why := reasons.get(target_text(row)):
            found.append((target_text(row), f"invalid: {why}"))
        found += [(target_text(row), note) for note in row.notes]
    return found


def missing_remarks(scenario: ScenarioSummary) -> list[tuple[str, str]]:
    """(columns, sentence): why figures are missing, each reason once. Rows without any figure are left to theirs."""
    rows = [r for r in scenario.rows if any(f.centre is not None for f in r.figures.values())]
    lacking: dict[tuple[str, tuple[str, ...]], list[Column]] = {}
    for key, column in scenario.columns.items():
        reasons: dict[str, list[str]] = {}
        for row in rows:
            if why := row.figures[key].missing:
                reasons.setdefault(why, []).append(target_text(row))
        for why, who in reasons.items():
            lacking.setdefault((why, tuple(who)), []).append(column)
    return [
        (_columns_text(columns, scenario), why if len(who) == len(rows) else f"{why} ({', '.join(who)})")
        for (why, who), columns in lacking.items()
    ]


def _columns_text(columns: Sequence[Column], scenario: ScenarioSummary) -> str:
    """Names the columns; a panel that lacks them all by its own name."""
    keys = {c.key for c in columns}
    parts = []
    for panel in scenario.panels:
        lacking = [key for key in panel.columns if key in keys]
        whole = len(lacking) == len(panel.columns)
        name = f"all of {panel.name}" if scenario.columns[panel.columns[0]].window else panel.title.lower()
        parts += [name] if whole else [column_text(scenario.columns[key]) for key in lacking]
    return ", ".join(parts)


def ruler_text(scenario: ScenarioSummary) -> str | None:
    """What the blind twins say of the noise, or that there were none; None where nothing hangs on it."""
    known = [
        f"{column_text(column)} {percent_text(ratio)}"
        for key, ratio in scenario.ruler_ratio.items()
        if (column := scenario.columns[key]).ranked and column.headline
    ]
    if not known and any(c.low is not None for c in scenario.comparisons):
        if any(row.twin for row in scenario.rows):
            return "not known, as the blind twin has no valid row; so no difference is called one"
        return (
            "not known, without a blind twin in this scenario; what is best rests on the trials' spread alone"
        )
    if not known:
        return None
    return f"one service measured under two names differs by: {', '.join(known)}"


def column_text(column: Column) -> str:
    """`P99 of rate-1000`, `capacity`, `loaded`."""
    return f"{column.title} of {column.window}" if column.window not in (None, column.title) else column.title


def verdict_text(column: Column, comparison: Comparison) -> str:
    """The verdict in words."""
    return "more" if comparison.verdict == "slower" and _is_cost(column) else comparison.text


def effect_text(effect: Effect) -> str:
    """`+3.1 % (1.2 to 5.0 %), slower`, or why nothing can be said."""
    found = effect.comparison
    if found is None:
        return f"cannot tell: {effect.note}"
    change = change_percent(found.ratio)
    if found.low is None or found.high is None:
        return f"{change}, cannot tell: one trial has no interval"
    word = found.text
    if found.verdict in ("faster", "slower") and _is_cost(effect.column):
        word = "less" if found.verdict == "faster" else "more"
    if found.verdict == "cannot tell" and effect.note:
        word = f"{word}: {effect.note}"
    return f"{change} ({change_interval(found.low, found.high)}), {word}"


def change_word(column: Column, ratio: float) -> str:
    """`slower`, `faster`, `more`, `less`; of a figure that has no better way `changed`."""
    if column.better is None:
        return "changed"
    is_worse = (ratio > 1) == (column.better == "lower")
    if _is_cost(column):
        return "more" if is_worse else "less"
    return "slower" if is_worse else "faster"


def _is_cost(column: Column) -> bool:
    """What is more of a cost is called more, not slower."""
    return column.unit == "bytes" or column.metric == "cpu_ns_per_request"


def best_texts(scenario: ScenarioSummary) -> list[str]:
    """How far the others are from the best, for each headline column in which rows may be ranked."""
    names = {row.case: target_text(row) for row in scenario.rows}
    found = []
    for key, column in scenario.columns.items():
        compared = [c for c in scenario.comparisons if c.column == key]
        if not column.headline or all(c.low is None for c in compared):
            continue  # of one trial each there is nothing to be told
        others = "; ".join(
            f"{names[c.row]} {ratio_text(c.ratio)}, {verdict_text(column, c)}" for c in compared
        )
        found.append(f"{column_text(column)} ÷ that of {names[compared[0].best]}: {others}")
    return found


def promise_text(promise: PromiseKept) -> tuple[str, str, str]:
    """(measured, promised, met) in words."""
    unit = f" {promise.display}" if promise.display else ""
    bounds = [
        f"{sign} {limit_text(limit)}{unit}"
        for sign, limit in (("≤", promise.at_most), ("≥", promise.at_least))
        if limit is not None
    ]
    measured = "–" if promise.measured is None else f"{_telling(promise.measured, promise)}{unit}"
    met = {True: "yes", False: "no", None: f"cannot tell: {promise.missing}"}[promise.met]
    return measured, " and ".join(bounds), met


def _telling(value: float, promise: PromiseKept) -> str:
    """The figure in so many digits that it still lies on its own side of each limit: 10.04 of 10, not 10.0."""
    limits = [limit for limit in (promise.at_most, promise.at_least) if limit is not None]
    sides = [(value > limit, value < limit) for limit in limits]
    for digits in range(3, 12):
        text = significant(value, digits)
        shown = float(text.replace(",", ""))
        if [(shown > limit, shown < limit) for limit in limits] == sides:
            break
    return text


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def gist(text: str) -> str:
    """The first line of a message, with the second where the first only announces it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(lines[:2] if lines and lines[0].endswith(":") else lines[:1])


def reloads(summary: Summary) -> list[tuple[str, str]]:
    """(target, how it takes up a changed routing table), once for the run."""
    rows = {row.target: row for scenario in summary.scenarios for row in scenario.rows}
    return [(target, row.facts["reload"]) for target, row in rows.items() if "reload" in row.facts]


def reload_texts(summary: Summary) -> list[str]:
    """Those that do it alike share a sentence."""
    alike: dict[str, list[str]] = {}
    for target, how in reloads(summary):
        alike.setdefault(how, []).append(target)
    return [f"hot reload of {', '.join(targets)}: {how}" for how, targets in alike.items()]
