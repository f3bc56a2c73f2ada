"""Which handicaps there are, and how large each one arrived by the target's own account. Pure but for reading logs."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import StoreError, UsageError
from harness.model import JsonObject
from harness.units import NS_PER_MS

Accounts = Sequence[JsonObject]
"""What a target told of itself, in the order of time; docs/file-formats.md tells the members."""

_MARK = "handicap: "
_SHARES = (0.9, 1.2)
_WAITS = (0.9, 2.0)
"""What may arrive ÷ what was planned; a wait lasts longer when the core is busy as it ends."""


@dataclass(frozen=True, slots=True)
class Handicap:
    """A slowdown that the target brings upon itself, and the metric that has to show it.

    planned: in `unit`. arrived: from the accounts of the stretch that the metric is of; None: they do not tell.
    accepted: (least, most) that may arrive, in `unit`, for the test to say anything.
    """

    name: str
    metric: str
    planned: float
    unit: str
    environment: Mapping[str, str]
    arrived: Callable[[Accounts], float | None]
    accepted: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Burdened:
    """One head that is set against a base without handicaps; none at all: a twin. `name`: the variant it is called."""

    name: str
    handicaps: tuple[Handicap, ...]

    @property
    def environment(self) -> dict[str, str]:
        return {name: text for h in self.handicaps for name, text in h.environment.items()}


def cpu(ratio: float) -> Handicap:
    """So much more CPU time per request."""
    return Handicap(
        name=f"CPU per request +{ratio * 100:g} %",
        metric="cpu_ns_per_request",
        planned=100 * ratio,
        unit="%",
        environment={"HANDICAP_CPU_RATIO": str(ratio)},
        arrived=_burnt_percent,
        accepted=_times(100 * ratio, _SHARES),
    )


def tail(share: float, delay_ms: float) -> Handicap:
    """A few requests that wait."""
    return Handicap(
        name=f"+{delay_ms:g} ms on {share * 100:g} % of requests",
        metric="p99_ns",
        planned=delay_ms,
        unit="ms",
        environment={"HANDICAP_DELAY_SHARE": str(share), "HANDICAP_DELAY_MS": str(delay_ms)},
        arrived=lambda accounts: _waited_ms(accounts, share),
        accepted=_times(delay_ms, _WAITS),
    )


def memory(ratio: float) -> Handicap:
    """So much more resident memory."""
    return Handicap(
        name=f"memory +{ratio * 100:g} %",
        metric="loaded_rss_bytes",
        planned=100 * ratio,
        unit="%",
        environment={"HANDICAP_MEMORY_RATIO": str(ratio)},
        arrived=_ballast_percent,
        accepted=_times(100 * ratio, _SHARES),
    )


def start(delay_ms: float) -> Handicap:
    """A start that takes longer."""
    return Handicap(
        name=f"start +{delay_ms:g} ms",
        metric="ready_ns",
        planned=delay_ms,
        unit="ms",
        environment={"HANDICAP_START_MS": str(delay_ms)},
        arrived=lambda accounts: accounts[-1]["start_ns"] / NS_PER_MS if accounts else None,
        accepted=_times(delay_ms, _WAITS),
    )


# --- accounts ------------------------------------------------------------------------------------------------


def read_accounts(log: Path) -> list[JsonObject]:
    """All that a target told; none where it has no handicap. Raises StoreError."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise StoreError(f"cannot read {log}: {error.strerror}") from error
    found = []
    for line in lines:
        if line.startswith(_MARK):
            try:
                found.append(json.loads(line.removeprefix(_MARK)))
            except ValueError:
                continue  # the process was ended while it wrote this one
    return found


def between(accounts: Accounts, start_unix_ns: int, end_unix_ns: int) -> list[JsonObject]:
    """Those of a stretch of time, and the last one before it, which the counts of the others start from."""
    before = [a for a in accounts if a["unix_ns"] < start_unix_ns]
    return before[-1:] + [a for a in accounts if start_unix_ns <= a["unix_ns"] <= end_unix_ns]


def _grown(accounts: Accounts, count: str) -> int:
    grown: int = accounts[-1][count] - accounts[0][count] if accounts else 0
    return grown


def _burnt_percent(accounts: Accounts) -> float | None:
    burnt_ns = _grown(accounts, "burnt_ns")
    rest_ns = _grown(accounts, "cpu_ns") - burnt_ns
    return 100 * burnt_ns / rest_ns if rest_ns > 0 else None


def _waited_ms(accounts: Accounts, share: float) -> float | None:
    """How long those waited who did; as much less as they were fewer than planned."""
    delayed, requests = _grown(accounts, "delayed"), _grown(accounts, "requests")
    if not delayed or not requests:
        return None
    mean_ms = _grown(accounts, "waited_ns") / delayed / NS_PER_MS
    return mean_ms * min(1.0, delayed / requests / share)


def _ballast_percent(accounts: Accounts) -> float | None:
    ratios = [
        a["ballast_bytes"] / rest for a in accounts if (rest := a["rss_bytes"] - a["ballast_bytes"]) > 0
    ]
    return 100 * statistics.median(ratios) if ratios else None


def _times(planned: float, ratios: tuple[float, float]) -> tuple[float, float]:
    return planned * ratios[0], planned * ratios[1]


# --- heads ---------------------------------------------------------------------------------------------------------

TWIN = Burdened("twin", ())
APART = (
    Burdened("cpu-10", (cpu(0.10),)),
    Burdened("cpu-20", (cpu(0.20),)),
    Burdened("tail", (tail(0.02, 2.0),)),
    Burdened("memory", (memory(0.10),)),
    Burdened("start", (start(60.0),)),
)
"""A head for each: a target that alerts is measured no further, so a large one would hide a small one beside it."""
TOGETHER = Burdened("burdened", (cpu(0.20), tail(0.02, 2.0), memory(0.10), start(60.0)))
"""Each shows in a metric of its own; where there is but one look, none can hide another."""


def heads_named(names: Sequence[str], *, quick: bool) -> tuple[Burdened, ...]:
    """Those of `APART` that are named; of none, all: in a quick night all in one. Raises UsageError."""
    known = {head.name: head for head in APART}
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"no handicap is called {unknown[0]!r}; there are: {', '.join(known)}")
    if names:
        return tuple(known[name] for name in dict.fromkeys(names))
    return (TOGETHER,) if quick else APART
