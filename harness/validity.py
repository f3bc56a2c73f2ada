"""Which checks a window must pass, and with which limits (docs/methodology.md gives the reasons)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.load.plan import LoadPlan
from harness.load.result import Recording, disagreements
from harness.model import JsonObject
from harness.probes.usage import Usage


@dataclass(frozen=True)
class WindowFacts:
    """What is known of one window when it is judged."""

    record: JsonObject
    plan: LoadPlan
    records: Recording
    totals: Sequence[Mapping[str, Any]]
    problems: Sequence[str]
    usage: Usage | None
    sharing: str
    errors_expected: bool
    engine: str


def findings(facts: WindowFacts) -> list[JsonObject]:
    """Every check with its figure and limit; a window is valid when all are `ok`."""
    found = [_finding("reports", not facts.problems, "; ".join(facts.problems) or "every worker delivered all")]
    wrong = disagreements(facts.records, facts.totals)
    found.append(_finding("counts", not wrong, "; ".join(wrong) or "all counts agree"))
    return found


def _finding(name: str, ok: bool, text: str) -> JsonObject:
    return {"name": name, "ok": ok, "figure": None, "limit": None, "unit": None, "text": text}
