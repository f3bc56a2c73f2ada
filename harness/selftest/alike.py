"""Nights without a difference, over as many sittings as it takes: how often does the guard cry wolf?

Base and head are one artifact, so whatever the guard calls slower is a false alarm. Each night is added to a ledger
as it ends; one that was cut off is gone on with by the next call.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.asked import NightAsked
from harness.errors import StoreError, TooNoisy, UsageError
from harness.gate.rehearsal import material_json
from harness.ledger import Ledger
from harness.model import JsonObject
from harness.progress import Progress
from harness.store import RunFolder
from harness.units import NS_PER_S, duration_text

RunNight = Callable[[NightAsked, RunFolder | None], tuple[RunFolder, JsonObject]]
"""The guard: measures a night that was asked for, or what is left of the one given; its folder and gate.json."""

_WORDS = ("title", "word", "alert", "ratio")


@dataclass(frozen=True)
class AlikeOptions:
    """nights: that the ledger shall hold in the end. asked: what each is, but for its seed. budget_s: for this call."""

    nights: int
    asked: NightAsked
    budget_s: float
    results: Path
    ledger: Ledger


def run_alike(options: AlikeOptions, run_night: RunNight, progress: Progress) -> Iterator[JsonObject]:
    """The ledger's line of each night that ended, once it is written. Raises HarnessError for what prevents one.

    A night that is expected not to fit into what is left of the budget is not begun; the first always is. One that
    was too noisy counts for nothing and is tried again. Raises KeyboardInterrupt after one that was interrupted.
    """
    end_s = time.monotonic() + options.budget_s
    took_s = 0.0
    while len(known := _known(options.ledger, progress)) < options.nights:
        began_s = time.monotonic()
        if took_s and took_s > end_s - began_s:
            progress.line(
                f"no room for another night of {duration_text(took_s)}: type the same again for more"
            )
            return
        asked = options.asked.model_copy(update={"seed": 1 + max((n["seed"] for n in known), default=0)})
        begun = _begun(options.results, asked, {n["run"] for n in known})
        progress.line(f"night {len(known) + 1} of {options.nights}, seed {asked.seed}")
        measured = _measured(asked, begun, run_night, progress)
        if measured is None:
            took_s = max(took_s, time.monotonic() - began_s)
            continue
        run, night = measured
        if night["status"] != "complete":
            raise KeyboardInterrupt
        if begun is None:  # only a whole night tells how long one takes
            took_s = max(took_s, time.monotonic() - began_s)
        line = night_line(run, night)
        options.ledger.append(line)
        yield line


def _measured(
    asked: NightAsked, begun: RunFolder | None, run_night: RunNight, progress: Progress
) -> tuple[RunFolder, JsonObject] | None:
    """None: too noisy just now. A night that can no longer be gone on with is left, and begun anew."""
    if begun is not None:
        with begun.held():
            pass  # raises where another harness is at it, and then none is begun beside it
    try:
        try:
            run, night = run_night(asked, begun)
        except UsageError as error:
            if begun is None:
                raise
            progress.warn(f"{error}\nso it is left, and its seed begun anew")
            run, night = run_night(asked, None)
    except TooNoisy as error:
        progress.warn(str(error))
        return None
    if night["status"] == "complete" and not night["targets"]:
        progress.warn(f"counts for nothing: {'; '.join(night['reasons'])}")
        return None
    return run, night


def _known(ledger: Ledger, progress: Progress) -> Sequence[JsonObject]:
    found = ledger.read()
    for text in found.dropped:
        progress.warn(text)
    return found.entries


def _begun(results: Path, asked: NightAsked, known: set[str]) -> RunFolder | None:
    """The newest night that was asked for in the same words and is in no ledger: cut off, or killed as it ended."""
    for path in sorted(results.glob("*/run.json"), reverse=True):
        if path.parent.is_symlink() or path.parent.name in known:
            continue
        try:
            run = RunFolder(path.parent)
            document = run.read_run()
        except StoreError:
            continue  # of another version: no night of ours
        empty = document["status"] == "complete" and not run.trials()
        if document.get("kind") == "gate" and _is_asked(document, asked) and not empty:
            return run
    return None


def _is_asked(document: JsonObject, asked: NightAsked) -> bool:
    """A night that was gone on with names the driver that `auto` came to."""
    then = document.get("asked", {}) | {"driver": asked.driver}
    return then == asked.model_dump(mode="json") and asked.driver in ("auto", document["driver"])


def night_line(run: RunFolder, night: JsonObject) -> JsonObject:
    """What the ledger keeps: figures and words, nothing of machine or revisions. Raises StoreError.

    measured_s: how long the trials took together, over all sittings.
    """
    document = run.read_run()
    (scenario,) = document["scenarios"]
    took_ns = sum(t["ended_unix_ns"] - t["started_unix_ns"] for t in run.trials())
    return {
        "run": night["run"],
        "unix_ns": document["created_unix_ns"],
        "seed": night["seed"],
        "scenario": scenario,
        "rules": night["rules"],
        "measured_s": round(took_ns / NS_PER_S),
        "verdict": night["verdict"],
        **material_json([night], _WORDS)["nights"][0],
    }
