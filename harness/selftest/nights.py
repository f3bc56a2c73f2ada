"""Nights of known outcome, by the guard's own session: burdened heads and identical twins in each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.gate.session import GateOptions, estimate_text
from harness.gate_file import Confirmation, GateFile
from harness.model import JsonObject, Scenario, TargetSpec
from harness.progress import Progress
from harness.selftest.found import NightFound, found_in
from harness.selftest.handicaps import TWIN, Accounts, Burdened, between, read_accounts
from harness.selftest.target import side, source, write_target
from harness.store import RunFolder, write_json

RunNight = Callable[[GateOptions], tuple[RunFolder, JsonObject]]
"""The guard: measures a night and leaves it in a run's folder."""

FILE = "selftest.json"
_PROBE_S = 20.0
_QUICK_PROBE_S = 4.0
_QUICK_LOOKS = (4,)
_QUICK_CONFIRMATION = Confirmation(pairs=2, agreeing=2)


@dataclass(frozen=True)
class SelftestOptions:
    """What `harness selftest` was asked for. budget_s: for all nights together; builds: where targets are built."""

    heads: tuple[Burdened, ...]
    nights: int
    quick: bool
    scenario: Scenario
    rules: GateFile
    budget_s: float
    seed: int
    results: Path
    builds: Path
    argv: tuple[str, ...]


def run_selftest(options: SelftestOptions, run_night: RunNight, progress: Progress) -> Iterator[NightFound]:
    """Each night as it ends, saved as `selftest.json` beside its gate.json. Raises HarnessError for what prevents one.

    A night that is expected not to fit into what is left of the budget is not begun; the first always is.
    """
    end_s = time.monotonic() + options.budget_s
    took_s = 0.0
    target = write_target(options.builds / "selftest")
    for number in range(1, options.nights + 1):
        began_s = time.monotonic()
        if number > 1 and took_s > end_s - began_s:
            progress.line(f"the budget has no room for night {number} of {options.nights}")
            return
        seed = options.seed + number - 1
        asked = _night(options, target, seed, end_s - began_s)
        progress.line(
            f"night {number} of {options.nights}, seed {seed}, {estimate_text(asked)}: "
            f"identical twins; {', '.join(h.name for head in options.heads for h in head.handicaps)}"
        )
        run, night = run_night(asked)
        took_s = time.monotonic() - began_s
        arrived = {n: size for h in options.heads for n, size in _arrived(run, h, asked.file).items()}
        found = found_in(night, options.heads, arrived)
        write_json(run.path / FILE, found.to_json())
        yield found
        if found.status != "complete":
            return


def _night(options: SelftestOptions, target: TargetSpec, seed: int, budget_s: float) -> GateOptions:
    rules, scenario = options.rules, options.scenario
    cases = (TWIN, *options.heads)
    if options.quick:
        open_windows = tuple(w for w in scenario.windows if w.mode == "open")
        measured = {None, *(w.name for w in open_windows)}
        metrics = tuple(m for m in rules.metrics if m.window in measured)
        scenario = scenario.model_copy(update={"windows": open_windows})
        changes = {"looks": _QUICK_LOOKS, "confirmation": _QUICK_CONFIRMATION, "metrics": metrics}
        rules = rules.model_copy(update=changes)
    return GateOptions(
        file=rules,
        scenario=scenario,
        base=source(target, "without handicaps"),
        head=source(target, "with handicaps"),
        base_targets=[side(target, case, head=False) for case in cases],
        head_targets=[side(target, case, head=True) for case in cases],
        budget_s=min(budget_s, rules.budget),
        seed=seed,
        probe_s=_QUICK_PROBE_S if options.quick else _PROBE_S,
        results=options.results,
        workspace=options.builds,
        argv=options.argv,
    )


def _arrived(run: RunFolder, burden: Burdened, rules: GateFile) -> dict[str, float | None]:
    """By handicap, the mean over the trials of the burdened head; None where no account tells it."""
    trials = [
        t for t in run.trials() if t["case"]["id"].endswith(f"+{burden.name}~head") and t.get("windows")
    ]
    told = [(t["windows"], read_accounts(run.path / t["folder"] / "target.log")) for t in trials]
    windows: dict[str, str | None] = {m.metric: m.window for m in rules.metrics}
    found: dict[str, float | None] = {}
    for handicap in burden.handicaps:
        name = windows.get(handicap.metric)
        sizes = [handicap.arrived(_within(accounts, measured, name)) for measured, accounts in told]
        known = [size for size in sizes if size is not None]
        found[handicap.name] = sum(known) / len(known) if known else None
    return found


def _within(accounts: Accounts, windows: Sequence[JsonObject], name: str | None) -> Accounts:
    """The accounts of the stretch that a metric is of: of its window, or of all."""
    own = [w for w in windows if name in (None, w["name"])]
    return between(accounts, own[0]["start_unix_ns"], own[-1]["end_unix_ns"]) if own else ()
