"""What the judgement of the published claims holds, and where its figures are in a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from harness.report.model import Row, ScenarioSummary, Summary
from harness.report.numbers import MISSING, figure_text

Verdict = Literal["held", "did not hold", "cannot tell", "not measured", "not testable here"]
MANY_CORES = 4
"""A claim about many cores cannot be judged on fewer target cores than this."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim: what was said, on which hardware, what was measured here, and what became of its direction."""

    subject: str
    claimed: str
    measured: str
    verdict: Verdict
    why: str


@dataclass(frozen=True, slots=True)
class ClaimedRow:
    """One line of the published table beside ours, "–" where there is none. `runtime`: what it ran on here."""

    target: str
    label: str
    runtime: str | None
    throughput: tuple[str, str]
    p99: tuple[str, str]
    memory: tuple[str, str]
    hot_reload: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Claims:
    """The published table beside ours, and each claim by itself. `here`: under what load each column is ours."""

    workload: str
    here: tuple[str, str, str, str]
    rows: tuple[ClaimedRow, ...]
    claims: tuple[Claim, ...]

    @property
    def beside(self) -> tuple[Claim, ...]:
        """Those with a figure of this run beside them."""
        return tuple(c for c in self.claims if c.measured != MISSING)

    @property
    def alone(self) -> tuple[Claim, ...]:
        """Those about which this run says nothing."""
        return tuple(c for c in self.claims if c.measured == MISSING)


@dataclass(frozen=True)
class Scene:
    """Where in the run the headline's figures are: the first scenario with a closed window."""

    summary: Summary
    workload: Mapping[str, Any]

    @property
    def scenario(self) -> ScenarioSummary | None:
        return next((s for s in self.summary.scenarios if self._window(s, "closed")), None)

    @property
    def few_cores(self) -> bool:
        return self.summary.target_cores < MANY_CORES

    @staticmethod
    def _window(scenario: ScenarioSummary, kind: str) -> str | None:
        found = [p.name for p in scenario.panels if p.kind == kind]
        return found[-1] if found else None

    def keys(self) -> dict[str, str]:
        """The columns that stand beside the published ones."""
        if self.scenario is None:
            return {}
        peak, rate = self._window(self.scenario, "closed"), self._window(self.scenario, "open")
        keys = {"throughput": f"{peak}/throughput_rps", "memory": "loaded_rss_bytes"}
        return {**keys, "p99": f"{rate}/p99_ns"} if rate else keys

    def loads(self) -> dict[str, str]:
        """Under what load our figures of a column were measured: `1,000/s`."""
        panels = {p.name: p for p in self.scenario.panels} if self.scenario else {}
        rated = {what: panels[key.partition("/")[0]] for what, key in self.keys().items() if "/" in key}
        return {what: f"at {p.rate_rps:,.0f}/s" for what, p in rated.items() if p.rate_rps is not None}

    def row(self, target: str) -> Row | None:
        if self.scenario is None:
            return None
        return next((r for r in self.scenario.rows if r.target == target and not r.twin), None)

    def text(self, target: str, what: str) -> str:
        row, key = self.row(target), self.keys().get(what)
        if row is None or key is None or self.scenario is None:
            return "–"
        column = self.scenario.columns[key]
        if row.figures[key].centre is None:
            return "–"
        text = f"{figure_text(row.figures[key], column.display)} {column.display}".replace(" /s", "/s")
        return text if row.valid else f"{text} (invalid)"
