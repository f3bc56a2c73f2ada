"""What a window's reports hold: histograms by second, kind and measure, and what happened in each second.

From `reports.jsonl`, which the workers filled, come `latency.hlog` (the standard HdrHistogram log) and
`seconds.csv`; both are read again here.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from harness.errors import StoreError
from harness.load.recorder import SCHEMA
from harness.stats.histogram import Histogram
from harness.units import NS_PER_MS, NS_PER_S

Measure = Literal["response", "late_response", "service", "send_delay", "own_delay"]
"""`late_response`: response times of requests that left over 1 ms late by the generator's own fault, and so tell
nothing of the service; they are not among those of `response`."""

MEASURES: tuple[Measure, ...] = get_args(Measure)

_LARGEST = ("backlog_max", "inflight_max")
_SUMMED = ("intended", "sent", "completed", "failed", "dropped", "busy_ns", "wait_ns", "late_1ms")
_LEGEND = '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"'


class Key(NamedTuple):
    """Whose times: of requests intended in this second, of this kind, by this measure."""

    second: int
    kind: str
    measure: Measure


@dataclass(frozen=True)
class SecondRow:
    """One second, all workers and kinds together.

    `busy_ns` and `wait_ns` are sums over worker threads; `backlog_max` and `inflight_max` sums of what each
    worker had at most, which need not have been at one instant.
    """

    second: int
    intended: int
    sent: int
    completed: int
    failed: int
    dropped: int
    backlog_max: int
    inflight_max: int
    busy_ns: int
    wait_ns: int
    late_1ms: int


@dataclass(frozen=True)
class Recording:
    """All that was recorded of a window; histograms stay encoded: ten minutes of them would fill memory."""

    histograms: Mapping[Key, tuple[str, ...]]
    seconds: tuple[SecondRow, ...]
    completed: Mapping[str, int]
    failed: Mapping[str, Mapping[str, int]]

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(sorted({*self.completed, *self.failed}))

    def histogram(
        self,
        measure: Measure,
        *,
        kinds: Sequence[str] | None = None,
        seconds: range | None = None,
    ) -> Histogram:
        """The sum over these kinds and seconds, of all by default; empty when there was nothing.

        Raises StoreError when an encoded histogram is damaged.
        """
        texts = [
            text
            for key, parts in self.histograms.items()
            if key.measure == measure
            and (kinds is None or key.kind in kinds)
            and (seconds is None or key.second in seconds)
            for text in parts
        ]
        return _decoded(texts)

    def responses(self, kinds: Sequence[str] | None = None) -> Histogram:
        """Response times of all requests, also of those that left late. Raises StoreError as `histogram` does."""
        measures: tuple[Measure, ...] = ("response", "late_response")
        return Histogram.merged(self.histogram(measure, kinds=kinds) for measure in measures)


# --- the workers' reports ---------------------------------------------------------------------------------


def read_reports(path: Path) -> Recording:
    """Adds all reports of a window up. Raises StoreError for what is not a file of reports."""
    histograms: defaultdict[Key, list[str]] = defaultdict(list)
    rows = _Rows()
    completed: Counter[str] = Counter()
    failed: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for report in _reports(path):
        for record in report["records"]:
            kind = record["kind"]
            completed[kind] += record["completed"]
            failed[kind].update(record["failed"])
            for measure in MEASURES:
                if text := record.get(measure):
                    histograms[Key(record["second"], kind, measure)].append(text)
        for row in report["seconds"]:
            rows.add(report["worker"], row)
    return Recording(
        {key: tuple(texts) for key, texts in sorted(histograms.items())},
        rows.merged(),
        dict(completed),
        {kind: +reasons for kind, reasons in failed.items()},
    )


def _reports(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                report = json.loads(line)
                if report.get("schema") != SCHEMA:
                    raise StoreError(f"{path}:{number} has schema {report.get('schema')}, not {SCHEMA}")
                yield report
    except OSError as error:
        raise StoreError(f"cannot read the load's reports {path}: {error.strerror}") from error
    except (ValueError, AttributeError, KeyError) as error:
        raise StoreError(f"{path}:{number} is not a report: {error}") from error


class _Rows:
    """Rows of a second: a worker's may come in parts, those of several workers stand beside one another."""

    def __init__(self) -> None:
        self._sums: defaultdict[int, Counter[str]] = defaultdict(Counter)
        self._largest: defaultdict[tuple[str, int], Counter[str]] = defaultdict(Counter)

    def add(self, worker: str, row: Mapping[str, int]) -> None:
        second = row["second"]
        self._sums[second].update({name: row[name] for name in _SUMMED})
        self._largest[worker, second] |= Counter({name: row[name] for name in _LARGEST})

    def merged(self) -> tuple[SecondRow, ...]:
        for (_, second), largest in self._largest.items():
            self._sums[second].update(largest)
        return tuple(
            SecondRow(second, **{name: counts[name] for name in (*_SUMMED, *_LARGEST)})
            for second, counts in sorted(self._sums.items())
        )


# --- what is kept of them ---------------------------------------------------------------------------------


def write_latency_log(path: Path, recording: Recording, start_unix_ns: int) -> None:
    """Writes a HdrHistogram log: one line for each second, kind and measure, tagged `kind.measure`.

    Timestamps are seconds since the window's start; the maximum of each line is in ms, as other writers of
    the format have it. Raises StoreError.
    """
    start = datetime.fromtimestamp(start_unix_ns / NS_PER_S, UTC)
    lines = [
        "#[Histogram log format version 1.3]",
        f"#[StartTime: {start_unix_ns / NS_PER_S:.3f} (seconds since epoch), {start:%Y-%m-%dT%H:%M:%S}Z]",
        f"#[BaseTime: {start_unix_ns / NS_PER_S:.3f} (seconds since epoch)]",
        _LEGEND,
    ]
    for key, texts in recording.histograms.items():
        histogram = _decoded(texts)
        max_ms = (histogram.max_ns or 0) / NS_PER_MS
        tag = f"Tag={key.kind}.{key.measure}"
        lines.append(f"{tag},{key.second:.3f},1.000,{max_ms:.3f},{histogram.encode()}")
    _write(path, "\n".join(lines) + "\n")


def read_latency_log(path: Path) -> dict[Key, tuple[str, ...]]:
    """The histograms of a log written by `write_latency_log`, still encoded. Raises StoreError."""
    histograms: dict[Key, tuple[str, ...]] = {}
    for number, line in enumerate(_read(path).splitlines(), start=1):
        if line.startswith("#") or line == _LEGEND:
            continue
        try:
            tag, start_s, _, _, text = line.split(",")
            kind, _, measure = tag.removeprefix("Tag=").rpartition(".")
            if measure not in MEASURES:
                raise ValueError(f"{measure!r} is none of {MEASURES}")
            histograms[Key(int(float(start_s)), kind, measure)] = (text,)
        except ValueError as error:
            raise StoreError(f"{path}:{number} is not a line of a latency log: {error}") from error
    return histograms


def logged(path: Path) -> Recording:
    """What a latency log holds: the histograms alone. Raises StoreError."""
    return Recording(read_latency_log(path), (), {}, {})


def write_seconds(path: Path, rows: Iterable[SecondRow]) -> None:
    """Raises StoreError."""
    text = io.StringIO()
    names = [field.name for field in fields(SecondRow)]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([getattr(row, name) for name in names] for row in rows)
    _write(path, text.getvalue())


def read_seconds(path: Path) -> tuple[SecondRow, ...]:
    """Raises StoreError."""
    try:
        rows = csv.DictReader(io.StringIO(_read(path)))
        return tuple(SecondRow(**{name: int(value) for name, value in row.items()}) for row in rows)
    except (TypeError, ValueError) as error:
        raise StoreError(f"{path} is not a table of seconds: {error}") from error


# --- do the counts agree ----------------------------------------------------------------------------------


def disagreements(recording: Recording, totals: Iterable[Mapping[str, Any]]) -> list[str]:
    """Where workers' totals, their reports and the histograms do not say the same; empty when all is well."""
    totals = list(totals)
    found = []

    def compare(what: str, here: int, there: int) -> None:
        if here != there:
            found.append(f"{what}: {here:,} against {there:,}")

    def total(name: str) -> int:
        return sum(int(worker[name]) for worker in totals)

    failures = sum(sum(worker["failed"].values()) for worker in totals)
    compare("intended, against sent and dropped", total("intended"), total("sent") + total("dropped"))
    compare("sent, against completed and failed", total("sent"), total("completed") + failures)
    for name in ("intended", "sent", "completed", "dropped"):
        rows = sum(getattr(row, name) for row in recording.seconds)
        compare(f"{name} in all seconds, against the workers' totals", rows, total(name))
    compare("failed in all seconds, against the workers' totals", _sum(recording.seconds), failures)
    for kind in recording.kinds:
        counted = sum(int(worker["by_kind"].get(kind, {}).get("completed", 0)) for worker in totals)
        compare(f"{kind} completed in reports, against totals", recording.completed.get(kind, 0), counted)
        samples = Counter(
            {m: recording.histogram(m, kinds=[kind]).count for m in {k.measure for k in recording.histograms}}
        )
        if late := samples.pop("late_response", 0):
            samples["response"] += late
        for measure, count in sorted(samples.items()):
            compare(f"{kind} samples of {measure}, against completed", count, counted)
    return found


def _sum(rows: Iterable[SecondRow]) -> int:
    return sum(row.failed for row in rows)


# --- files ------------------------------------------------------------------------------------------------


def _decoded(texts: Sequence[str]) -> Histogram:
    try:
        return Histogram.decode_all(texts)
    except ValueError as error:
        raise StoreError(f"a recorded histogram is damaged: {error}") from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"cannot read {path}: {error}") from error


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error
