"""The raw records behind a summary, read only for pictures: histograms and samples of chosen trials."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from harness.errors import StoreError
from harness.load.result import Measure, read_latency_log
from harness.probes.pauses import read_pauses
from harness.probes.samples import read_rows
from harness.report.metrics import Record
from harness.report.rows import window_of
from harness.stats.histogram import Histogram
from harness.units import NS_PER_S


@dataclass(frozen=True, slots=True)
class Course:
    """A trial's memory and CPU over time, in seconds since its first window began; windows as (name, from, to).

    `warmup`: from when to when. `pauses`: (when, how long in ns) of the longest pause in each second, where
    the runtime tells of them; None where it does not.
    """

    seconds: tuple[float, ...]
    rss_bytes: tuple[int, ...]
    cpu_seconds: tuple[float, ...]
    cores_used: tuple[float, ...]
    spans: tuple[tuple[str, float, float], ...]
    warmup: tuple[float, float] | None
    pauses: tuple[tuple[float, int], ...] | None


def merged_latency(run_path: Path, trials: Sequence[Record], window: str) -> Histogram:
    """The times that the window shows, of all the trials together; empty when none can be read."""
    parts = []
    for trial in trials:
        record = window_of(trial, window)
        if record is None:
            continue
        path = run_path / str(trial["folder"]) / str(record["folder"]) / "latency.hlog"
        if not path.is_file():
            continue
        chosen = record["headline"]
        measure: Measure = chosen["measure"]
        texts = [
            text
            for key, found in read_latency_log(path).items()
            if key.measure == measure and chosen["kind"] in (key.kind, "all")
            for text in found
        ]
        try:
            parts.append(Histogram.decode_all(texts))
        except ValueError as error:
            raise StoreError(f"{path} is damaged: {error}") from error
    return Histogram.merged(parts)


def course(run_path: Path, trial: Record) -> Course | None:
    """What the sampler saw of one trial; None when it saw nothing. Raises StoreError for a damaged table."""
    path = run_path / str(trial["folder"]) / "samples.csv"
    if not path.is_file():
        return None
    with path.open(encoding="utf-8") as lines:
        rows = [r for r in read_rows(lines) if r.rss_bytes and not r.event]  # 0: it has ended
    if len(rows) < 2:
        return None
    windows = trial.get("windows") or []
    start_ns = windows[0]["start_unix_ns"] if windows else rows[0].unix_ns
    spans = [
        (
            str(w["name"]),
            (w["start_unix_ns"] - start_ns) / NS_PER_S,
            (w["end_unix_ns"] - start_ns) / NS_PER_S,
        )
        for w in windows
    ]
    cpu = [(r.unix_ns, r.cpu_ns) for r in rows if r.cpu_ns is not None][::5]
    pairs = list(pairwise(cpu))
    return Course(
        seconds=tuple((r.unix_ns - start_ns) / NS_PER_S for r in rows),
        rss_bytes=tuple(r.rss_bytes for r in rows if r.rss_bytes),
        cpu_seconds=tuple(((a + b) / 2 - start_ns) / NS_PER_S for (a, _), (b, _) in pairs),
        cores_used=tuple((y - x) / (b - a) for (a, x), (b, y) in pairs),
        spans=tuple(spans),
        warmup=_warmup(trial, start_ns),
        pauses=_pauses(run_path, trial, start_ns),
    )


def _warmup(trial: Record, start_ns: int) -> tuple[float, float] | None:
    """None where there was none, or its instants were not kept."""
    found = trial.get("warmup") or {}
    begins, ends = found.get("start_unix_ns"), found.get("end_unix_ns")
    if begins is None or ends is None:
        return None
    return (begins - start_ns) / NS_PER_S, (ends - start_ns) / NS_PER_S


def _pauses(run_path: Path, trial: Record, start_ns: int) -> tuple[tuple[float, int], ...] | None:
    found = trial.get("pauses") or {}
    path = run_path / str(trial["folder"]) / str(found.get("file"))
    if not found.get("file") or not path.is_file():
        return None
    longest: dict[int, tuple[float, int]] = {}
    with path.open(encoding="utf-8", errors="replace") as lines:
        for pause in read_pauses(lines, found["format"], trial["start"]["started_unix_ns"]):
            at_s = (pause.end_unix_ns - start_ns) / NS_PER_S
            second = math.floor(at_s)
            longest[second] = max(
                longest.get(second, (at_s, 0)), (at_s, pause.duration_ns), key=lambda p: p[1]
            )
    return tuple(longest[s] for s in sorted(longest))
