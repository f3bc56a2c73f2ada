"""What follows from the trials that a run has already: which are still to be measured, and what it has learnt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from harness.model import JsonObject, PlannedTrial

_ATTEMPTS = 2
"""A trial that is not valid is repeated once."""
_MOST_ATTEMPTS = 26
"""Their folders end in a letter."""


class Attempts:
    """How each trial has fared until now.

    `retry`: one that was given up without a valid result is measured again, and repeated once, as if it were new.
    """

    def __init__(self, trials: Sequence[JsonObject] = (), *, retry: bool = False) -> None:
        self._statuses: dict[tuple[str, int], dict[int, str]] = defaultdict(dict)
        for trial in trials:
            key = (trial["case"]["id"], trial["round"])
            self._statuses[key][trial.get("attempt", 1)] = trial["status"]
        self._allowed = {
            key: max(statuses) + _ATTEMPTS
            for key, statuses in self._statuses.items()
            if retry and max(statuses) >= _ATTEMPTS
        }

    def due(self, planned: PlannedTrial) -> int | None:
        """The number of the trial's next attempt; None when it has a valid result or was given up."""
        key = (planned.case.id, planned.round)
        statuses = self._statuses[key]
        if "valid" in statuses.values():
            return None
        number = max(statuses, default=0) + 1
        return number if number <= min(self._allowed.get(key, _ATTEMPTS), _MOST_ATTEMPTS) else None

    def note(self, planned: PlannedTrial, attempt: int, status: str) -> None:
        """An attempt has ended."""
        self._statuses[planned.case.id, planned.round][attempt] = status


def capacities_of(trials: Sequence[JsonObject]) -> dict[tuple[str, str, str], float]:
    """(scenario, target, window) → the capacity that the last of the trials found exactly, in requests a second."""
    found: dict[tuple[str, str, str], float] = {}
    for trial in sorted(trials, key=lambda t: t["started_unix_ns"]):
        for window in trial.get("windows") or []:
            if window.get("bound") == "exact":
                key = (trial["case"]["scenario"], trial["case"]["target"], window["name"])
                found[key] = window["capacity_rps"]
    return found
