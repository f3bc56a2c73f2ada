"""From what was typed, now or when a night was begun, to what `gate` is to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.asked import NightAsked, asked_of
from harness.catalogue import ROOT, find_scenario, read_gate_file
from harness.cli.ending import err, finish
from harness.cli.options import command_line, targets_named
from harness.errors import ExitCode, UsageError
from harness.gate_file import GateFile
from harness.model import JsonObject, TargetSpec
from harness.store import RunFolder

if TYPE_CHECKING:
    from harness.gate.session import GateOptions
    from harness.gate.sources import Source

_PROBE_S = 20.0
_QUICK_PROBE_S = 4.0
_QUICK_LOOKS = (4,)
_RUNTIME_USE = (
    "--head-runtime knows only `latest`, has the runtime in use as its base, and builds on this machine: "
    "leave out --base and --driver docker"
)


def place(text: str | None) -> str | None:
    """What --base or --head names, a folder as an absolute path."""
    return str(Path(text).resolve()) if text and Path(text).is_dir() else text


def begun_night(run: RunFolder, given: JsonObject) -> tuple[NightAsked, JsonObject]:
    """(what a night was asked for, its run.json). Raises StoreError.

    Raises UsageError when it is no night, or when options given now are not those of then.
    """
    document = run.read_run()
    if document.get("kind") != "gate":
        raise UsageError(f"{run.run_id} is no night of the guard: harness bench --resume {run.run_id}")
    if "asked" not in document:
        raise UsageError(f"{run.run_id} is a night of a self-test, or of an older version: start a new one")
    asked = asked_of(document, NightAsked)
    asked.insist(given)
    return asked.model_copy(update={"driver": document["driver"]}), document


def night_options(
    asked: NightAsked, results: Path, run: RunFolder | None, begun: JsonObject | None
) -> GateOptions:
    """`run`, `begun`: the night that is gone on with, and its run.json. Raises UsageError, ConfigError."""
    from harness.compose import BUILDS
    from harness.gate.session import GateOptions
    from harness.gate.sources import again, find_side, resolve, working_tree

    rules = read_gate_file(Path(asked.config))
    if asked.quick:
        rules = rules.model_copy(update={"looks": _QUICK_LOOKS})
    own = targets_named(list(asked.targets) or list(rules.targets), None)
    sources = BUILDS / "gate"
    if asked.head_runtime is not None:
        now = resolve(asked.head, ROOT, sources) if asked.head else working_tree(ROOT)
        before, now, both = _runtimes(asked, now, own, results)
    elif begun:
        before, now = (again(begun[side], ROOT, sources) for side in ("base", "head"))
        both = [(find_side(before, t.id, t), find_side(now, t.id, t)) for t in own]
    else:
        before = resolve(asked.base or _usual_base(rules), ROOT, sources)
        now = resolve(asked.head, ROOT, sources) if asked.head else working_tree(ROOT)
        both = [(find_side(before, t.id, t), find_side(now, t.id, t)) for t in own]
    return GateOptions(
        file=rules,
        scenario=find_scenario(asked.scenario or rules.scenario),
        base=before,
        head=now,
        base_targets=[b for b, _ in both],
        head_targets=[h for _, h in both],
        budget_s=asked.budget_s or rules.budget,
        seed=asked.seed,
        probe_s=_QUICK_PROBE_S if asked.quick else _PROBE_S,
        asked=asked,
        results=results,
        workspace=BUILDS,
        argv=command_line(),
        resume=run,
    )


def _runtimes(
    asked: NightAsked, sources: Source, own: Sequence[TargetSpec], results: Path
) -> tuple[Source, Source, list[tuple[TargetSpec, TargetSpec]]]:
    """The same sources on two releases of their runtimes; ends the command where no target has a newer one."""
    from harness.compose import BUILDS
    from harness.gate.runtimes import sides, upgrades
    from harness.gate.sources import find_side

    if asked.head_runtime != "latest" or asked.base is not None or asked.driver == "docker":
        raise UsageError(_RUNTIME_USE)
    found = upgrades([find_side(sources, t.id, t) for t in own], BUILDS / "gate" / "runtimes")
    pairs = [u for u in found.upgrades if u.newest != u.pinned]
    for line in found.left_out:
        err.print(line, highlight=False, markup=False)
    if not pairs:
        code = ExitCode.DONE if found.upgrades else ExitCode.USAGE
        finish("gate", results, code, ("no target has a newer runtime that it could be compared with",))
    return *sides(pairs, sources), [(p.base, p.head) for p in pairs]


def _usual_base(rules: GateFile) -> str:
    """The accepted revision; before there is one, this checkout's own commit, and what to do about that."""
    if rules.accepted is not None:
        return rules.accepted.revision
    err.print(
        "no revision is accepted yet, so base is HEAD: a checkout without changes shows how much noise there is here. "
        'Then type: harness gate accept HEAD --reason "the first night"   (or another: --base REV)',
        highlight=False,
        markup=False,
    )
    return "HEAD"
