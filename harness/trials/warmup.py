"""Warm-up: closed load until the per-second series is steady, or the scenario's cap is reached."""

from __future__ import annotations

import json
from pathlib import Path

from harness.load.result import read_reports
from harness.load.supervise import Progress
from harness.model import Window
from harness.stats.steady import Steady, assess
from harness.trials.under_load import UnderLoad


def warm_up(load: UnderLoad) -> None:
    """Fills `warmup` of the trial's record; None where the scenario wants none. Raises LoadError."""
    trial = load.trial
    spec = trial.planned.case.scenario.warmup
    if spec is None:
        trial.record["warmup"] = None
        return
    window = Window(name="warmup", mode="closed", duration=spec.max, connections=(spec.connections,))
    folder = trial.folder / "warmup"
    live = LiveSeconds(folder / "reports.jsonl")
    verdict: list[Steady] = []

    def on_progress(_: Progress) -> None:
        """Looks at the seconds that are over; flushes when the test is content."""
        whole = live.completed()
        trial.tell(f"warming up, {len(whole)} s" + (f", {whole[-1]:,} requests/s" if whole else ""))
        if not verdict and len(whole) >= spec.min and (found := assess(whole)).at_second is not None:
            verdict.append(found)
            load.generator.flush()

    result = load.generator.offer(load.plan(window, spec.connections), folder, on_progress)
    records = read_reports(folder / "reports.jsonl")
    per_second = [row.completed for row in records.seconds]
    final = verdict[0] if verdict else assess(per_second)
    trial.record["warmup"] = {
        "completed_per_second": per_second,
        "steady_at_s": final.at_second,
        "verdict": final.verdict,
        "capped": not verdict,
        "problems": list(result.problems),
    }
    (folder / "reports.jsonl").unlink()
    folder.rmdir()


class LiveSeconds:
    """Reads the reports of a window while they are being written, for the seconds that are over."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._completed: dict[int, int] = {}

    def completed(self) -> list[int]:
        """Completed requests of each whole second since the start; the last one reported may still grow."""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._offset += len(line)
                for row in json.loads(line)["seconds"]:
                    second = int(row["second"])
                    self._completed[second] = self._completed.get(second, 0) + int(row["completed"])
        return [self._completed.get(s, 0) for s in range(max(self._completed, default=0))]
