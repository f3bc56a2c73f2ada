"""What a run has done so far, written down as it happens: journal.jsonl in the run's folder."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harness.errors import StoreError
from harness.ledger import Ledger
from harness.model import JsonObject
from harness.store import RunFolder

Event = Literal[
    "begun",
    "resumed",
    "calibrated",
    "trial begun",
    "trial ended",
    "cut short",
    "confirmation cut short",
    "interrupted",
    "broken off",
    "complete",
]
_SITTING = ("begun", "resumed")


@dataclass(frozen=True)
class Journal:
    """The journal of one run."""

    ledger: Ledger

    @staticmethod
    def of(run: RunFolder) -> Journal:
        return Journal(Ledger(run.path / "journal.jsonl"))

    def note(self, event: Event, **facts: Any) -> None:
        """Raises StoreError."""
        self.ledger.append({"event": event, "unix_ns": time.time_ns(), **facts})

    def take_up(self) -> tuple[Sequence[JsonObject], Sequence[str]]:
        """(what it says, what of it was torn and is dropped). Raises StoreError when there is no journal."""
        found = self.ledger.read()
        if not any(e["event"] in _SITTING for e in found.entries):
            raise StoreError(f"{self.ledger.path} does not say how the run was begun; start a new run")
        return found.entries, found.dropped


def last_boot(entries: Sequence[JsonObject]) -> str | None:
    """Which start of the machine the run was last measured in."""
    sittings = [e for e in entries if e["event"] in _SITTING]
    boot: str | None = sittings[-1]["boot_id"]
    return boot


def lost(entries: Sequence[JsonObject], folders: Sequence[str]) -> list[str]:
    """Trials that ended by the journal, but whose folders are not there: the disk lost them with the power."""
    ended = dict.fromkeys(e["folder"] for e in entries if e["event"] == "trial ended")
    return [name for name in ended if name not in folders]
