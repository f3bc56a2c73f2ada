"""Which revision the next ones are compared with: one line of gate.yaml, changed here and nowhere else."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from harness.asked import NightAsked, absolute
from harness.catalogue import all_targets, find_target, read_gate_file
from harness.errors import UsageError
from harness.gate_file import Accepted, GateFile
from harness.model import JsonObject
from harness.store import write_atomically

_LINE = re.compile(r"^accepted:[^\n]*$", re.MULTILINE)
_ADVANCING = ("no change", "improvement")


def accept(path: Path, repository: Path, revision: str, reason: str) -> Accepted:
    """Writes the commit that `revision` names into the file, all else untouched. Raises UsageError, ConfigError."""
    if not reason.strip():
        raise UsageError("--reason must say why this revision may be the base of those to come")
    read_gate_file(path)  # a file with problems is not written to
    accepted = Accepted(revision=_commit(revision, repository), reason=" ".join(reason.split()))
    text = path.read_text(encoding="utf-8")
    quoted = json.dumps(accepted.reason, ensure_ascii=False)
    line = f'accepted: {{revision: "{accepted.revision}", reason: {quoted}}}'
    changed, count = _LINE.subn(lambda _: line, text)
    if count != 1:
        raise UsageError(f"{path}: `accepted:` must stand on one line of its own, as in `accepted: null`")
    write_atomically(path, changed)
    read_gate_file(path)
    return accepted


def advance(path: Path, repository: Path, night: JsonObject, asked: NightAsked) -> str:
    """Accepts the head of a night that allows it; a sentence on what was done, or on all that was in the way.

    night: its gate.json. Raises UsageError, ConfigError.
    """
    if reasons := list(_why_not(read_gate_file(path), repository, night, asked)):
        return f"the accepted revision stays: {'; '.join(reasons)}"
    revision = night["head"]["revision"]
    accept(path, repository, revision, f"{night['verdict']} in run {night['run']}")
    return f"accepted {revision[:12]}: {night['verdict']}"


def _why_not(file: GateFile, repository: Path, night: JsonObject, asked: NightAsked) -> Iterator[str]:
    """Only what a whole night found no worse than the accepted revision may take its place."""
    base, head = night["base"], night["head"]
    if night["status"] != "complete" or night["verdict"] not in _ADVANCING:
        yield night["verdict"] if night["status"] == "complete" else f"the night is {night['status']}"
    if head["revision"] is None or not head["clean"]:
        yield f"{head['text']} is no committed revision"
    if asked.quick:
        yield "a quick look is not for decisions"
    if asked.scenario not in (None, absolute(file.scenario)):
        yield f"scenario {asked.scenario} was measured in place of {file.scenario}"
    if missing := sorted(_wanted(file, repository) - {t["target"] for t in night["targets"]}):
        yield f"{', '.join(missing)} {'was' if len(missing) == 1 else 'were'} not compared"
    if skipped := sorted(night["skipped"].keys() - set(missing)):
        yield f"{', '.join(skipped)} {'was' if len(skipped) == 1 else 'were'} skipped"
    if file.accepted and not _is(base, file.accepted):
        yield f"base was {base['text']}, not the accepted {file.accepted.revision[:12]}"


def _wanted(file: GateFile, repository: Path) -> set[str]:
    """The targets that a night measures unless others are named."""
    if file.targets:
        return {find_target(name, repository).id for name in file.targets}
    return {target.name for target in all_targets(repository)}


def _is(side: JsonObject, accepted: Accepted) -> bool:
    return side["kind"] == "revision" and str(side["revision"]).startswith(accepted.revision)


def _commit(revision: str, repository: Path) -> str:
    asked = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]
    command = ["git", "-C", str(repository), *asked]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f"{revision!r} is no revision of this repository") from error
    return done.stdout.strip()
