"""A run that is killed again and again, and gone on with each time: what each kill cost."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median

from rig import Harness, left_of, read_json

from harness.journal import Journal
from harness.store import RunFolder
from harness.units import NS_PER_S

SHORT = """
schema: 1
name: short
question: Is what was cut off gone on with?
service: {AUTH_ALGORITHM: ES256}
memory_limit: 2GiB
warmup: {min: 1s, max: 1s, connections: 4}
windows:
  - {name: peak, mode: closed, duration: 1s, connections: [4]}
"""
"""A scenario without open windows: its trials are valid beside other work too, and so are not measured twice."""
_RULES = """
schema: 1
accepted: null
scenario: %s
looks: [4]
confirmation: {pairs: 1, agreeing: 1}
budget: 20m
metrics:
  - {metric: ready_ns, relevant_ratio: 1.0}
noise: {steal_ratio: 1, other_load_ratio: 1, jitter_p99: 10s, bandwidth_spread_ratio: 100}
"""
Start = Callable[..., Harness]
_LOOK_ROUND_S = 0.02
_FIRST_GUESS_S = 10.0


def write_scenario(folder: Path) -> Path:
    """The file of a scenario of short trials, named `short`."""
    path = folder / "short.yaml"
    path.write_text(SHORT, encoding="utf-8")
    return path


def write_rules(folder: Path) -> Path:
    """gate.yaml of a night of a few short trials, on a machine however noisy."""
    path = folder / "rules.yaml"
    path.write_text(_RULES % write_scenario(folder), encoding="utf-8")
    return path


@dataclass(frozen=True)
class Kill:
    """One `kill -9`: how long into a trial, what was under way, and how many trials were on disk by then.

    `spoilt`: finished trials that the next sitting no longer had as they were. `left`: processes of the run that
    outlived their deadline.
    """

    after_s: float
    under_way: str
    kept: int
    spoilt: tuple[str, ...]
    left: int


def trials_on_disk(run: Path) -> dict[str, str]:
    """Folder of each finished trial → a hash of all its files."""
    found = {}
    for record in sorted(run.glob("trials/*/*/[!.]*/trial.json")):
        digest = hashlib.sha256()
        for path in sorted(p for p in record.parent.rglob("*") if p.is_file()):
            digest.update(path.name.encode() + path.read_bytes())
        found[str(record.parent.relative_to(run))] = digest.hexdigest()
    return found


def begun_and_ended(run: Path) -> tuple[Counter[str], Counter[str]]:
    """How often each attempt at a trial was begun and ended, by the run's journal."""
    begun: Counter[str] = Counter()
    ended: Counter[str] = Counter()
    for entry in Journal.of(RunFolder(run)).ledger.read().entries:
        if entry["event"] in ("trial begun", "trial ended"):
            name = f"{entry['case']}, round {entry['round']}, attempt {entry['attempt']}"
            (begun if entry["event"] == "trial begun" else ended)[name] += 1
    return begun, ended


def killed_again_and_again(
    start: Start, arguments: tuple[str, ...], kills: int, trials: int, random: Random
) -> tuple[list[Kill], Harness]:
    """Kills the run so often, at moments spread evenly over its first `trials`; the last sitting ends by itself.

    A moment is drawn as a number of trials, 3.4 say: when 3 have ended, 0.4 of a trial's length after the next began.
    Fewer kills when the run is complete before, which it never is when it has a trial more.
    """
    done: list[Kill] = []
    harness = start(*arguments)
    for moment in sorted(random.uniform(0, trials) for _ in range(kills)):
        after_s = _wait_for_moment(harness, moment)
        if after_s is None:
            break
        harness.process.kill()
        harness.process.wait()
        run = harness.run_folder()
        before = trials_on_disk(run)
        under_way = _under_way(run)
        left = len(left_of(run.name))
        harness = start(arguments[0], "--resume", str(run))
        if not _resumed(harness, run, len(done) + 1):
            break
        now = trials_on_disk(run)
        spoilt = tuple(name for name, digest in before.items() if now.get(name) != digest)
        done.append(Kill(after_s, under_way, len(before), spoilt, left))
    harness.exit_code()
    return done, harness


def _under_way(run: Path) -> str:
    last = Journal.of(RunFolder(run)).ledger.read().entries[-1]
    if last["event"] != "trial begun":
        return "between two trials"
    return f"{last['case']}, round {last['round']}, attempt {last['attempt']}"


def _wait_for_moment(harness: Harness, moment: float) -> float | None:
    """Until then; how long into the trial that is, in s. None when the command ends before."""
    while harness.process.poll() is None:
        if harness.results.exists() and _is_measuring(harness.run_folder(), int(moment)):
            after_s = moment % 1 * _length_s(harness.run_folder())
            return after_s if _runs_for(harness, after_s) else None
        time.sleep(_LOOK_ROUND_S)
    return None


def _is_measuring(run: Path, ended: int) -> bool:
    """Whether the sitting under way measures a trial, after so many that have ended."""
    entries = Journal.of(RunFolder(run)).ledger.read().entries
    under_way = bool(entries) and entries[-1]["event"] == "trial begun"
    return under_way and sum(e["event"] == "trial ended" for e in entries) >= ended


def _length_s(run: Path) -> float:
    """The median length of the trials that have ended; a guess before the first."""
    records = [read_json(p) for p in run.glob("trials/*/*/[!.]*/trial.json")]
    lengths_s = [(r["ended_unix_ns"] - r["started_unix_ns"]) / NS_PER_S for r in records]
    return median(lengths_s) if lengths_s else _FIRST_GUESS_S


def _resumed(harness: Harness, run: Path, times: int) -> bool:
    while harness.process.poll() is None:
        if len(read_json(run / "run.json").get("resumed", [])) >= times:
            return True
        time.sleep(_LOOK_ROUND_S)
    return False


def _runs_for(harness: Harness, seconds: float) -> bool:
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        if harness.process.poll() is not None:
            return False
        time.sleep(_LOOK_ROUND_S)
    return harness.process.poll() is None


def complaints(kills: list[Kill], harness: Harness) -> list[str]:
    """What did not go as it should: more lost than what was under way, another order, a run that did not end."""
    run = harness.run_folder()
    document = read_json(run / "run.json")
    begun, ended = begun_and_ended(run)
    trials = [read_json(p) for p in run.glob("trials/*/*/[!.]*/trial.json")]
    found = [f"a kill left {k.left} processes" for k in kills if k.left]
    found += [f"{name} was there before a kill, and not after" for k in kills for name in k.spoilt]
    if harness.process.returncode not in (0, 3):  # 3: a busy machine makes trials invalid
        found.append(f"ended with {harness.process.returncode}:\n{harness.output}")
    if document["status"] != "complete":
        found.append(f"the run is {document['status']}")
    again = begun - Counter(begun.keys())
    if again.total() > len(kills):
        found.append(f"{again.total()} trials were begun again after {len(kills)} kills: {dict(again)}")
    if doubled := [name for name, times in ended.items() if times > 1]:
        found.append(f"measured twice: {doubled}")
    firsts = sorted((t for t in trials if t["attempt"] == 1), key=lambda t: t["started_unix_ns"])
    order = [[t["case"]["id"], t["round"]] for t in firsts]
    if order != document.get("order", order):  # of a night it is planned as it goes
        found.append(f"the order was {order}, planned was {document['order']}")
    return found
