"""Load on a simulated service: what workers would report is made up, all else is real."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from harness.load.plan import LoadPlan
from harness.load.recorder import Recorder
from harness.load.supervise import LoadResult
from harness.model import Window
from harness.trials.trial import Trial
from harness.trials.under_load import Offered
from harness.units import NS_PER_MS, NS_PER_S

START = 1_700_000_000 * NS_PER_S
SCHEDULE = "ab" * 32


class SimulatedLoad:
    """Stands for UnderLoad: the service answers within 5 ms up to its capacity, and within 50 ms above.

    One request in fifty leaves late by `late_ns`. All wait `waits_ns` for a connection, and where `is_pooled` those
    beyond the capacity wait as long as it takes to answer the ones before them.
    """

    def __init__(
        self,
        folder: Path,
        capacity_rps: float,
        capacities: dict[tuple[str, str, str], float],
        late_ns: int = 0,
        waits_ns: int = 0,
        is_pooled: bool = False,
    ) -> None:
        self.capacity_rps = capacity_rps
        self.late_ns = late_ns
        self.waits_ns = waits_ns
        self.is_pooled = is_pooled
        self.lengths_s: list[float] = []
        case = SimpleNamespace(id="s/t", scenario=SimpleNamespace(name="s"), target=SimpleNamespace(id="t"))
        placement = SimpleNamespace(sharing="none")
        self.trial = cast(
            Trial,
            SimpleNamespace(
                folder=folder,
                planned=SimpleNamespace(case=case, round=1),
                bench=SimpleNamespace(seed=1, capacities=capacities, placement=placement),
                budget_cores=1,
                record={"start": {"network_mode": "host"}},
                rows=lambda until_unix_ns: (),
            ),
        )

    def offer(self, window: Window, connections: int, folder_name: str) -> Offered:
        assert window.rate_rps is not None
        folder = self.trial.folder / "windows" / folder_name
        folder.mkdir(parents=True)
        self.lengths_s.append(window.length_s)
        plan = LoadPlan(
            folder_name, "127.0.0.1", 1, None, "open", connections, window.length_s, steps=window.rate_steps
        )
        recorder = Recorder("w", open_load=True)
        took_ns = 5 * NS_PER_MS if window.rate_rps <= self.capacity_rps else 50 * NS_PER_MS
        for n in range(round(window.rate_rps * window.length_s)):
            at_ns = round(n / window.rate_rps * NS_PER_S)
            recorder.intended(at_ns)
            free_ns = at_ns + self.waits_ns
            if self.is_pooled:
                free_ns = max(free_ns, round(n / self.capacity_rps * NS_PER_S))
            sent_ns = free_ns + (self.late_ns if n % 50 == 0 else 0)
            recorder.sent("accepted", at_ns, sent_ns, backlog=0, inflight=1)
            recorder.completed("accepted", at_ns, free_ns, sent_ns, sent_ns + took_ns)
        (folder / "reports.jsonl").write_text(json.dumps({"worker": "w", **recorder.take_report()}) + "\n")
        totals: dict[str, Any] = recorder.totals.as_fields() | {"checked_bodies": 0}
        result = LoadResult(plan, START, SCHEDULE, {"w": {}}, {"w": totals}, {}, (), folder / "reports.jsonl")
        return Offered(
            window, connections, plan, result, folder, None, START + round(plan.duration_s * NS_PER_S)
        )
