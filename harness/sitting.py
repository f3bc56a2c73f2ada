"""One sitting of a run: from `bench`, or `bench --resume`, until it is done or cut off. A run may take several."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

from harness.bench_setup import Resumption
from harness.errors import UsageError
from harness.journal import Journal, last_boot, lost
from harness.model import JsonObject
from harness.progress import Progress
from harness.resume import Attempts, capacities_of
from harness.run_document import differences
from harness.store import RunFolder
from harness.units import NS_PER_S


@dataclass(frozen=True)
class Sitting:
    """The run under way: its run.json as it will be written next, its journal, and what it knows already."""

    run: RunFolder
    document: JsonObject
    journal: Journal
    attempts: Attempts = field(default_factory=Attempts)
    capacities: dict[tuple[str, str, str], float] = field(default_factory=dict)
    earlier_s: float = 0.0
    began_s: float = field(default_factory=time.monotonic)

    @property
    def used_s(self) -> float:
        """How long the run has been measured: the trials of earlier sittings, and all of this one."""
        return self.earlier_s + time.monotonic() - self.began_s

    @property
    def is_calibrated(self) -> bool:
        return bool(self.document.get("calibration"))

    def calibrated(self, found: JsonObject) -> None:
        """Takes the calibration into the run's document. Raises StoreError."""
        self.document["calibration"] = found
        self.document["notes"] += found.get("notes", [])
        self.run.write_run(self.document)
        self.journal.note("calibrated")


def begin(run: RunFolder, document: JsonObject, boot_id: str | None) -> Sitting:
    """The first sitting. Raises StoreError."""
    journal = Journal.of(run)
    run.write_run(document)
    journal.note("begun", pid=os.getpid(), boot_id=boot_id)
    return Sitting(run, document, journal)


def go_on(resumption: Resumption, now: JsonObject, boot_id: str | None, progress: Progress) -> Sitting:
    """A further sitting of a run whose trials would be measured `now` as they were then.

    The calibration is kept, unless the machine was started anew since. Raises UsageError with what differs,
    StoreError.
    """
    run = resumption.run
    document = run.read_run()
    if changed := differences(document, now):
        lines = "\n  ".join(changed)
        raise UsageError(
            f"{run.run_id} cannot be gone on with: its trials would no longer be alike. Undo this, or start a new "
            f"run:\n  {lines}"
        )
    journal = Journal.of(run)
    entries, torn = journal.take_up()
    _, cut_off = run.take_up()
    trials = run.trials()
    gone = lost(entries, [t["folder"] for t in trials])
    for text in torn:
        progress.warn(text)
    for name in (*cut_off, *gone):
        progress.warn(f"{name} was cut off and is measured again")
    if is_new_boot := last_boot(entries) != boot_id:
        _forget_calibration(document)
    kept = "1 trial is kept" if len(trials) == 1 else f"{len(trials)} trials are kept"
    progress.line(f"going on with {run.run_id}: {kept}")
    again = {
        "unix_ns": time.time_ns(),
        "trials_kept": len(trials),
        "cut_off": [*cut_off, *gone],
        "retry": resumption.retry,
        "machine_restarted": is_new_boot,
    }
    document.setdefault("resumed", []).append(again)
    document["status"] = "running"
    document.pop("ended_unix_ns", None)
    run.write_run(document)
    run.make_latest()
    journal.note("resumed", pid=os.getpid(), boot_id=boot_id, **again)
    return Sitting(
        run,
        document,
        journal,
        Attempts(trials, retry=resumption.retry),
        capacities_of(trials),
        sum(t["ended_unix_ns"] - t["started_unix_ns"] for t in trials) / NS_PER_S,
    )


def _forget_calibration(document: JsonObject) -> None:
    """The one from before a restart is kept beside, and a new one is taken."""
    earlier = document.pop("calibration", None)
    if earlier:
        document.setdefault("earlier_calibrations", []).append(earlier)
        stale = set(earlier.get("notes", []))
        document["notes"] = [n for n in document["notes"] if n not in stale]
        document["notes"].append(
            "the machine was restarted within the run; the generator was calibrated again"
        )
