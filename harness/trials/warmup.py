"""Warm-up: closed load until the per-second series is steady, or the scenario's cap is reached.

All the while the service is asked for its count of answers, as it is between the windows. Were it asked there for
the first time, a runtime that compiles what it sees would compile anew in the first seconds of a window.

After as long as the target usually takes, and a few seconds at least, a level series is enough, and so is one so noisy
that more seconds would tell more of the machine, not of the service.
"""

from __future__ import annotations

from harness.live import Reports, Seconds
from harness.load.result import read_reports
from harness.load.supervise import Progress
from harness.model import Window
from harness.stats.steady import Steady, assess, is_futile, whole_seconds
from harness.trials.under_load import UnderLoad
from harness.units import NS_PER_S

_PATIENCE_S, _LONGEST_PATIENCE_S = 12, 20
"""So long at least the test may take to find a noisy series steady, and so long if that helps."""


def warm_up(load: UnderLoad) -> None:
    """Fills `warmup` of the trial's record; None where the scenario wants none. Raises LoadError."""
    trial = load.trial
    spec = trial.planned.case.scenario.warmup
    if spec is None:
        trial.record["warmup"] = None
        return
    patience_s = max(_PATIENCE_S, trial.planned.case.target.warmup_hint_s)
    window = Window(name="warmup", mode="closed", duration=spec.max, connections=(spec.connections,))
    folder = trial.folder / "warmup"
    plan = load.plan(window, spec.connections)
    reports, seconds = Reports(folder / "reports.jsonl"), Seconds()
    verdict: list[Steady] = []

    def on_progress(_: Progress) -> None:
        """Looks at the seconds that are over; flushes when the test is content."""
        for report in reports.new():
            seconds.add(report)
            load.answered()
        whole = seconds.whole()
        trial.tell(f"warming up, {len(whole)} s" + (f", {whole[-1]:,} requests/s" if whole else ""))
        if verdict or len(whole) < spec.min:
            return
        found = assess(whole)
        enough = len(whole) >= patience_s and (
            found.verdict == "level" or is_futile(whole, _LONGEST_PATIENCE_S)
        )
        if found.at_second is not None or enough:
            verdict.append(found)
            load.generator.flush()

    with load.watched("warm-up", plan, folder):
        result = load.generator.offer(plan, folder, on_progress)
    records = read_reports(folder / "reports.jsonl")
    per_second = [row.completed for row in records.seconds]
    whole = whole_seconds(per_second, was_ended=bool(verdict))
    final = verdict[0] if verdict else assess(whole)
    trial.record["warmup"] = {
        "start_unix_ns": result.start_unix_ns,
        "end_unix_ns": result.start_unix_ns + len(per_second) * NS_PER_S,
        "completed_per_second": per_second,
        "steady_at_s": final.at_second,
        "verdict": final.verdict,
        "capped": not verdict,
        "problems": list(result.problems),
    }
    (folder / "reports.jsonl").unlink()
    folder.rmdir()
