"""What a trial's record says of the pauses for garbage collection, read off the runtime's own log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from harness.model import JsonObject, PauseLog
from harness.probes.pauses import Pause, figures, read_pauses
from harness.trials.trial import PAUSE_LOG, Trial
from harness.trials.under_load import Offered


def note_pauses(trial: Trial, offered: Sequence[Offered]) -> None:
    """Fills `pauses` of the record, over all windows together, and of each window.

    The record's `windows` must be there. Where nothing is known, `missing_because` says why.
    """
    spec = trial.planned.case.target.pauses
    file, why = _log_of(trial, spec)
    format = spec.format if spec else None
    note: JsonObject = {
        "format": format,
        "file": str(file) if file else None,
        "missing_because": why,
        "loaded": None,
    }
    trial.record["pauses"] = note
    if file is None or format is None:
        return
    with (trial.folder / file).open(encoding="utf-8", errors="replace") as lines:
        pauses = read_pauses(lines, format, trial.record["start"]["started_unix_ns"])
    for window in trial.record["windows"]:
        window["pauses"] = _within(pauses, window["start_unix_ns"], window["end_unix_ns"])
    if offered:
        note["loaded"] = _within(pauses, offered[0].result.start_unix_ns, offered[-1].end_unix_ns)


def _within(pauses: Sequence[Pause], start_unix_ns: int, end_unix_ns: int) -> JsonObject:
    found = asdict(figures(pauses, start_unix_ns, end_unix_ns))
    return found | {"share_ratio": found["total_ns"] / (end_unix_ns - start_unix_ns)}


def _log_of(trial: Trial, spec: PauseLog | None) -> tuple[Path | None, str | None]:
    """(the log within the trial's folder, why there is none)."""
    if spec is None:
        return None, "target.yaml does not say how its runtime tells of them"
    if spec.format is None:
        return None, spec.missing_because
    path = Path("target.log") if spec.format == "gctrace" else PAUSE_LOG
    if not (trial.folder / path).is_file():
        return None, "the runtime wrote no log here (a container engine on another machine cannot)"
    return path, None
