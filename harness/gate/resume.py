"""A night that was cut off is gone on with: trials on disk stand in their places, only the others are measured.

Order, looks and confirmation follow from the seed and the figures alone, so the same trials lead to the same place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from harness.errors import UsageError
from harness.journal import Journal, lost
from harness.model import JsonObject
from harness.progress import Progress
from harness.run_document import differences
from harness.store import RunFolder
from harness.units import NS_PER_S

ROUNDS_CUT: Final = "cut short"
CONFIRMATION_CUT: Final = "confirmation cut short"
"""Events of the journal: the budget had no room for another round of these."""
_COMPARED = (
    "harness",
    "driver",
    "engine",
    "workers",
    "seed",
    "quick",
    "placement",
    "base",
    "head",
    "rules",
    "gated",
    "scenarios",
    "targets",
)


@dataclass(frozen=True)
class Earlier:
    """What earlier sittings left. `trials`: (case, round, attempt) → record; `cut_after`: the round after which the
    budget ended them, if it did; `confirmed_until`: the same of the confirming ones; `sittings`: what run.json keeps of
    each resumption."""

    trials: Mapping[tuple[str, int, int], JsonObject] = field(default_factory=dict)
    cut_after: int | None = None
    confirmed_until: int | None = None
    sittings: Sequence[JsonObject] = ()

    @property
    def used_s(self) -> float:
        """How long the trials took."""
        took_ns: int = sum(t["ended_unix_ns"] - t["started_unix_ns"] for t in self.trials.values())
        return took_ns / NS_PER_S

    def has_begun(self, round_number: int) -> bool:
        return any(number == round_number for _, number, _ in self.trials)


def take_up(run: RunFolder, then: JsonObject, now: JsonObject, unix_ns: int, progress: Progress) -> Earlier:
    """What is on disk of a night whose trials would be measured `now` as they were `then`.

    Raises UsageError with what differs, StoreError.
    """
    if changed := differences(then, now, _COMPARED):
        lines = "\n  ".join(changed)
        raise UsageError(
            f"{run.run_id} cannot be gone on with: its trials would no longer be alike. Undo this, or start a new "
            f"night:\n  {lines}"
        )
    entries, torn = Journal.of(run).take_up()
    _, cut_off = run.take_up()
    records = run.trials()
    cut_off += lost(entries, [t["folder"] for t in records])
    for text in torn:
        progress.warn(text)
    for name in cut_off:
        progress.warn(f"{name} was cut off and is measured again")
    trials = {(t["case"]["id"], t["round"], t["attempt"]): t for t in records}
    count = "1 trial is kept" if len(trials) == 1 else f"{len(trials)} trials are kept"
    progress.line(f"going on with {run.run_id}: {count}")
    cuts = {entry["event"]: entry["round"] for entry in entries if "round" in entry}
    sitting = {"unix_ns": unix_ns, "trials_kept": len(trials), "cut_off": cut_off}
    sittings = (*then.get("resumed", ()), sitting)
    return Earlier(trials, cuts.get(ROUNDS_CUT), cuts.get(CONFIRMATION_CUT), sittings)
