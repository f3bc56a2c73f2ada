"""Can a published table be true? Arithmetic that needs no machine, each step printed with its figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from harness.report.audit_tables import Line, Workload, read_table
from harness.report.numbers import significant

SECONDS_A_DAY = 86_400
_ROUNDING = 1.02
"""Published figures are rounded; what is off by less is not held against them."""
_LITTLE_TOLERANCE = 1.10
_IDLE_SHARE = 0.5
"""With fewer of its connections in use than this the load was not one of callers back to back."""

Verdict = Literal["holds", "contradiction", "implies"]


@dataclass(frozen=True, slots=True)
class Step:
    """One calculation. `implies`: nothing to hold it against, but what it says is worth knowing."""

    about: str
    rule: str
    verdict: Verdict
    text: str


@dataclass(frozen=True, slots=True)
class Audit:
    """All steps that the table's figures allow, and what it does not give."""

    source: str
    steps: tuple[Step, ...]
    not_given: tuple[str, ...]

    @property
    def contradictions(self) -> tuple[Step, ...]:
        return tuple(s for s in self.steps if s.verdict == "contradiction")


def audit_file(path: Path, assumed: Workload | None = None) -> Audit:
    """Audits a table: Markdown, CSV, YAML or a summary.json of ours.

    `assumed` fills in what the file does not say (cores, connections, body size …). Raises UsageError for a
    file without a table that has a throughput.
    """
    workload, lines = read_table(path)
    return audit(path.name, workload.filled(assumed or Workload()), lines)


def audit(source: str, workload: Workload, lines: Sequence[Line]) -> Audit:
    """Every rule over every line. Pure."""
    steps = [step for line in lines for rule in _RULES for step in rule(line, workload)]
    steps += _scene(workload, lines)
    given = {name for line in lines for name in line.given()} | set(workload.given())
    absent = [text for name, text in _WANTED.items() if name not in given]
    return Audit(source, tuple(steps), tuple(absent))


def audit_text(found: Audit) -> str:
    """For a terminal; ends in a newline."""
    mark = {"holds": "ok", "contradiction": "CONTRADICTION", "implies": "implies"}
    wrong = len(found.contradictions)
    named = f"{wrong or 'no'} contradiction{'' if wrong == 1 else 's'}"
    parts = [f"{found.source}: {len(found.steps)} calculations, {named}"]
    about = ""
    for step in found.steps:
        if step.about != about:
            about = step.about
            parts.append(f"\n{about}")
        parts.append(f"  {mark[step.verdict]:<14}{step.rule}: {step.text}")
    if found.not_given:
        parts += ["", f"not given, so not checked: {'; '.join(found.not_given)}"]
    return "\n".join(parts) + "\n"


_WANTED = {
    "connections": "connections or requests in flight (Little's law)",
    "cores": "cores (CPU time a request)",
    "cpu_us_per_request": "CPU time a request",
    "body_bytes": "size of a request (bandwidth)",
    "p50_ms": "P50 (order of the percentiles)",
    "link_gbit_s": "the link's speed (bandwidth)",
}


# --- the rules: a line and its workload → steps -----------------------------------------------------------------


def _little(line: Line, workload: Workload) -> Iterator[Step]:
    """Requests in flight = throughput × mean response time (Little, 1961)."""
    connections = line.connections or workload.connections
    if line.mean_ms is not None and connections:
        implied = line.throughput_rps * line.mean_ms / 1_000
        text = (
            f"{_rate(line)} × a mean of {significant(line.mean_ms)} ms are {significant(implied)} requests in flight, "
            f"on {connections:,.0f} connections"
        )
        if line.closed and implied < connections * _IDLE_SHARE:
            idle = f"{text}; callers who wait for nothing but answers would keep all of them in use"
            yield Step(line.label, "Little's law", "implies", idle)
            return
        holds = implied <= connections * _LITTLE_TOLERANCE
        yield Step(line.label, "Little's law", "holds" if holds else "contradiction", text)
    elif connections and line.closed:
        mean_ms = connections / line.throughput_rps * 1_000
        text = (
            f"{connections:,.0f} callers ÷ {_rate(line)} is a mean response time of {significant(mean_ms)} ms"
        )
        if line.p99_ms is None:
            yield Step(line.label, "Little's law", "implies", text)
            return
        if mean_ms <= line.p99_ms * _ROUNDING:
            within = f"{text}, under its P99 of {significant(line.p99_ms)} ms"
            yield Step(line.label, "Little's law", "holds", within)
            return
        rest_ms = (mean_ms - 0.99 * line.p99_ms) / 0.01
        slowest = f"the slowest 1 % take {significant(rest_ms)} ms on average"
        beyond = f"with a P99 of {significant(line.p99_ms)} ms {slowest}"
        longest_ms = _longest_ms(line)
        if longest_ms is not None and rest_ms > longest_ms * _ROUNDING:
            beyond += f", and none can take over {significant(longest_ms)} ms"
            yield Step(line.label, "Little's law", "contradiction", f"{text}; {beyond}")
        else:
            yield Step(line.label, "Little's law", "implies", f"{text}; {beyond}")
    elif line.p99_ms is not None and line.closed:
        most = line.throughput_rps * line.p99_ms / 1_000
        text = (
            f"{_rate(line)} × a P99 of {significant(line.p99_ms)} ms: with more than {significant(most)} requests in "
            "flight the mean would exceed the P99; the number is not given"
        )
        yield Step(line.label, "Little's law", "implies", text)


def _longest_ms(line: Line) -> float | None:
    """What no request took longer than: the longest of all, else the whole measurement. None: neither is given."""
    if line.max_ms is not None:
        return line.max_ms
    return None if line.duration_s is None else line.duration_s * 1_000


def _permits(line: Line, workload: Workload) -> Iterator[Step]:
    """So many permits, each held for a part of every request, let through permits ÷ hold a second."""
    if workload.permits is None:
        return
    hold_ms = workload.permits / line.throughput_rps * 1_000
    text = f"{workload.permits} permits at {_rate(line)} allow each to be held for a mean of {significant(hold_ms)} ms"
    if line.p99_ms is not None:
        text += f"; a P99 of {significant(line.p99_ms)} ms is {significant(line.p99_ms / hold_ms)} times that"
    yield Step(line.label, "permits", "implies", text)


def _bandwidth(line: Line, workload: Workload) -> Iterator[Step]:
    if workload.body_bytes is None:
        return
    gbit_s = line.throughput_rps * workload.body_bytes * 8 / 1e9
    text = f"{workload.body_bytes:,} bytes × {_rate(line)} are {significant(gbit_s)} Gb/s each way, headers not counted"
    if workload.link_gbit_s is None:
        yield Step(line.label, "bandwidth", "implies", text)
        return
    holds = gbit_s <= workload.link_gbit_s
    limit = f"; the link carries {significant(workload.link_gbit_s)} Gb/s"
    yield Step(line.label, "bandwidth", "holds" if holds else "contradiction", text + limit)


def _cpu(line: Line, workload: Workload) -> Iterator[Step]:
    cores = workload.cores
    if cores is None:
        return
    budget_us = cores / line.throughput_rps * 1e6
    named = f"{cores:g} core{'s' if cores != 1 else ''}"
    text = f"{named} ÷ {_rate(line)} are at most {significant(budget_us)} µs of CPU a request"
    if line.cpu_us_per_request is None:
        yield Step(line.label, "CPU", "implies", text)
        return
    holds = line.cpu_us_per_request <= budget_us * _ROUNDING
    used = f"; stated are {significant(line.cpu_us_per_request)} µs"
    yield Step(line.label, "CPU", "holds" if holds else "contradiction", text + used)


def _percentiles(line: Line, _: Workload) -> Iterator[Step]:
    known = [
        (name, value)
        for name, value in (
            ("P50", line.p50_ms),
            ("P75", line.p75_ms),
            ("P90", line.p90_ms),
            ("P95", line.p95_ms),
            ("P99", line.p99_ms),
            ("P99.9", line.p999_ms),
            ("the longest", line.max_ms),
        )
        if value is not None
    ]
    if len(known) < 2:
        return
    holds = all(a <= b for (_, a), (_, b) in pairwise(known))
    signs = ["", *(" ≤ " if a <= b else " > " for (_, a), (_, b) in pairwise(known))]
    text = "".join(
        f"{sign}{name} {significant(value)} ms" for sign, (name, value) in zip(signs, known, strict=True)
    )
    yield Step(line.label, "percentiles rise", "holds" if holds else "contradiction", text)


def _offered(line: Line, _: Workload) -> Iterator[Step]:
    """Nobody can answer more than was asked; Poisson arrivals vary by the root of their number."""
    if line.offered_rps is None or line.duration_s is None:
        return
    requests = line.offered_rps * line.duration_s
    most = (requests + 4 * requests**0.5) / line.duration_s
    holds = line.throughput_rps <= most * _ROUNDING
    text = f"{_rate(line)} answered of {significant(line.offered_rps)}/s offered"
    yield Step(line.label, "answered ≤ offered", "holds" if holds else "contradiction", text)


_Rule = Callable[[Line, Workload], Iterator[Step]]
_RULES: tuple[_Rule, ...] = (_little, _permits, _bandwidth, _cpu, _percentiles, _offered)


def _scene(workload: Workload, lines: Sequence[Line]) -> list[Step]:
    """What the stated use needs, beside what the table offers."""
    if workload.messages_per_day is None:
        return []
    needed = workload.messages_per_day / SECONDS_A_DAY
    slowest = min(lines, key=lambda line: line.throughput_rps)
    text = (
        f"{workload.messages_per_day:,} a day are {significant(needed)} a second; {slowest.label}, the slowest, "
        f"offers {significant(slowest.throughput_rps / needed)} times that"
    )
    return [Step("the scene", "need", "implies", text)]


def _rate(line: Line) -> str:
    return f"{significant(line.throughput_rps)}/s"
