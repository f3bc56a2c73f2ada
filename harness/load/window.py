"""The master's book on one window: who takes part, what each has reported, what is missing. Pure state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.errors import LoadError
from harness.load.plan import LoadPlan, Share


@dataclass
class _Part:
    """One worker's part in the window."""

    share: Share
    ready: Mapping[str, Any] | None = None
    last_seq: int = 0
    done: Mapping[str, Any] | None = None
    lost: str | None = None


@dataclass
class Progress:
    """What has been reported so far, over all workers."""

    second: int = 0
    completed: int = 0
    failed: int = 0


@dataclass
class Window:
    """Takes workers' messages in any order; never raises for what a worker says, but writes it down.

    `locust_requests`: how many answers and failures Locust's own statistics had at the end.
    """

    plan: LoadPlan
    workers: Sequence[str]
    problems: list[str] = field(default_factory=list)
    progress: Progress = field(default_factory=Progress)
    refusal: str | None = None
    locust_requests: int | None = None
    _parts: dict[str, _Part] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = len(self.workers)
        self._parts = {worker: _Part(Share(i, count)) for i, worker in enumerate(self.workers)}

    def share(self, worker: str) -> Share:
        return self._parts[worker].share

    # --- what workers say ---------------------------------------------------------------------------------

    def on_ready(self, worker: str, data: Mapping[str, Any]) -> None:
        if part := self._part(worker, data):
            part.ready = data

    def on_failed(self, worker: str, data: Mapping[str, Any]) -> None:
        if self._part(worker, data):
            self.refusal = f"worker {worker} cannot take part: {data.get('reason', 'it does not say why')}"

    def on_report(self, worker: str, report: Mapping[str, Any]) -> bool:
        """Whether the report belongs to this window and was not seen before."""
        part = self._part(worker, report)
        if part is None:
            return False
        seq = int(report.get("seq", 0))
        if seq <= part.last_seq:
            self.problems.append(f"worker {worker} sent report {seq} after {part.last_seq}")
            return False
        if seq != part.last_seq + 1:
            self.problems.append(f"reports {part.last_seq + 1} to {seq - 1} of worker {worker} are missing")
        part.last_seq = seq
        for row in report.get("seconds", ()):
            self.progress.second = max(self.progress.second, int(row["second"]))
            self.progress.completed += int(row["completed"])
            self.progress.failed += int(row["failed"]) + int(row["dropped"])
        return True

    def on_done(self, worker: str, data: Mapping[str, Any]) -> None:
        part = self._part(worker, data)
        if part is None:
            return
        part.done = data
        if part.last_seq != data.get("reports"):
            self.problems.append(
                f"worker {worker} made {data.get('reports')} reports, the last to arrive is {part.last_seq}"
            )

    def on_lost(self, worker: str, why: str) -> None:
        """A worker is gone. Once it has delivered everything that is no loss."""
        part = self._parts.get(worker)
        if part is not None and part.done is None and part.lost is None:
            part.lost = why
            self.problems.append(f"worker {worker} {why} before the window was over")

    # --- what is still awaited ----------------------------------------------------------------------------

    @property
    def awaited(self) -> tuple[str, ...]:
        """Workers that still owe their totals."""
        return tuple(w for w, part in self._parts.items() if part.done is None and part.lost is None)

    @property
    def all_ready(self) -> bool:
        return all(part.ready is not None for part in self._parts.values())

    @property
    def anyone_lost(self) -> bool:
        return any(part.lost is not None for part in self._parts.values())

    def give_up(self, why: str) -> None:
        """Ends the waiting: whoever still owes something is a problem of the window."""
        for worker in self.awaited:
            self._parts[worker].lost = why
            self.problems.append(f"worker {worker} {why}")

    # --- the outcome --------------------------------------------------------------------------------------

    def totals(self) -> dict[str, Any]:
        return {w: {**p.done["totals"], "tcp": p.done.get("tcp")} for w, p in self._parts.items() if p.done}

    def markers(self) -> dict[str, dict[str, int]]:
        """Count, first and last time of each marker's value, over all workers."""
        return merged_markers(p.done.get("markers") or {} for p in self._parts.values() if p.done)

    def preparations(self) -> dict[str, Mapping[str, Any]]:
        """What each worker said of itself when it was ready."""
        return {worker: part.ready for worker, part in self._parts.items() if part.ready is not None}

    def schedule_sha256(self) -> str | None:
        """The hash of the schedule; None for closed load. Raises LoadError when workers differ about it."""
        hashes = {ready.get("schedule_sha256") for ready in self.preparations().values()}
        if len(hashes) != 1:
            raise LoadError(f"the workers do not agree on the schedule: {sorted(map(str, hashes))}")
        return hashes.pop()

    def _part(self, worker: str, data: Mapping[str, Any]) -> _Part | None:
        """None for what was said about another window or by a stranger: it may arrive late."""
        return self._parts.get(worker) if data.get("run") == self.plan.run else None


def merged_markers(parts: Iterable[Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, int]]:
    merged: dict[str, dict[str, int]] = {}
    for part in parts:
        for value, seen in part.items():
            if (known := merged.get(value)) is None:
                merged[value] = dict(seen)
                continue
            known["count"] += seen["count"]
            known["first_unix_ns"] = min(known["first_unix_ns"], seen["first_unix_ns"])
            known["last_unix_ns"] = max(known["last_unix_ns"], seen["last_unix_ns"])
    return merged
