"""Which revision the next ones are compared with: one line of gate.yaml, changed here and nowhere else."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from harness.catalogue import read_gate_file
from harness.errors import UsageError
from harness.gate_file import Accepted
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


def advance(path: Path, repository: Path, night: JsonObject) -> str:
    """Accepts the head of a night that allows it; a sentence on what was done."""
    head = night["head"]
    if night["status"] != "complete" or night["verdict"] not in _ADVANCING:
        return f"the accepted revision stays: {night['verdict']}"
    if head["revision"] is None or not head["clean"]:
        return f"the accepted revision stays: {head['text']} is no committed revision"
    accept(path, repository, head["revision"], f"{night['verdict']} in run {night['run']}")
    return f"accepted {head['revision'][:12]}: {night['verdict']}"


def _commit(revision: str, repository: Path) -> str:
    asked = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]
    command = ["git", "-C", str(repository), *asked]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f"{revision!r} is no revision of this repository") from error
    return done.stdout.strip()
