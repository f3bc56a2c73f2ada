"""What a Python worker writes down of one window, and its reports. All times are ns from its start."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from harness.stats.histogram import Histogram
from harness.units import NS_PER_MS, NS_PER_S

SCHEMA = 1

Reason = Literal["status", "body", "connect", "reset", "short", "timeout", "malformed"]
REASONS: tuple[Reason, ...] = ("status", "body", "connect", "reset", "short", "timeout", "malformed")


@dataclass
class _OpenTimes:
    """What only requests with an intended instant have."""

    response: Histogram = field(default_factory=Histogram)
    late_response: Histogram = field(default_factory=Histogram)
    send_delay: Histogram = field(default_factory=Histogram)
    own_delay: Histogram = field(default_factory=Histogram)


@dataclass
class _Record:
    """Answers to one kind of request whose intended instants lie in one second."""

    completed: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    service: Histogram = field(default_factory=Histogram)
    open: _OpenTimes | None = None


@dataclass
class _Second:
    """What happened in one second, to requests of any kind."""

    intended: int = 0
    sent: int = 0
    completed: int = 0
    failed: int = 0
    dropped: int = 0
    backlog_max: int = 0
    inflight_max: int = 0
    busy_ns: int = 0
    wait_ns: int = 0
    late_1ms: int = 0


@dataclass
class Totals:
    """Sums over a whole window; every request intended is completed, failed or dropped in the end.

    `busiest_ns`: what its only thread was busy in the seconds in which requests were offered, without the drain.
    """

    intended: int = 0
    sent: int = 0
    completed: int = 0
    dropped: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    by_kind: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    max_backlog: int = 0
    in_system_ns: int = 0
    busy_ns: int = 0
    busiest_ns: int = 0
    wait_ns: int = 0
    first_sent_ns: int | None = None
    last_completed_ns: int | None = None

    def as_fields(self) -> dict[str, Any]:
        """As `bench_done` carries them."""
        by_kind = {
            kind: {n: c[n] for n in ("sent", "completed", "failed")} for kind, c in self.by_kind.items()
        }
        return {
            **vars(self),
            "failed": {reason: self.failed[reason] for reason in REASONS},
            "by_kind": by_kind,
        }


class Recorder:
    """Counts since the last report (`take_report` starts the next) and over the whole window (`totals`)."""

    def __init__(self, run: str, *, open_load: bool, duration_ns: int | None = None) -> None:
        """`duration_ns`: for so long requests are offered; what follows is the drain. None: there is none."""
        self.totals = Totals()
        self._duration_ns = duration_ns
        self.reports = 0
        self._run = run
        self._open = open_load
        self._records: dict[tuple[int, str], _Record] = {}
        self._seconds: defaultdict[int, _Second] = defaultdict(_Second)

    def intended(self, intended_ns: int) -> None:
        self._seconds[intended_ns // NS_PER_S].intended += 1
        self.totals.intended += 1

    def sent(self, kind: str, intended_ns: int, sent_ns: int, *, backlog: int, inflight: int) -> None:
        """`backlog`: how many others are due and unsent; `inflight`: sent and unanswered, with this one."""
        row = self._seconds[sent_ns // NS_PER_S]
        row.sent += 1
        row.late_1ms += sent_ns - intended_ns > NS_PER_MS
        row.backlog_max = max(row.backlog_max, backlog)
        row.inflight_max = max(row.inflight_max, inflight)
        totals = self.totals
        totals.sent += 1
        totals.by_kind[kind]["sent"] += 1
        totals.max_backlog = max(totals.max_backlog, backlog)
        if totals.first_sent_ns is None:
            totals.first_sent_ns = sent_ns

    def completed(self, kind: str, intended_ns: int, free_ns: int, sent_ns: int, completed_ns: int) -> None:
        """An expected answer; the only ones whose times are kept. `free_ns`: when a user was free for it."""
        record = self._record(kind, intended_ns)
        record.completed += 1
        record.service.record(completed_ns - sent_ns)
        if record.open is not None:
            own_delay_ns = sent_ns - max(intended_ns, free_ns)
            late = own_delay_ns > NS_PER_MS
            responses = record.open.late_response if late else record.open.response
            responses.record(completed_ns - intended_ns)
            record.open.send_delay.record(sent_ns - intended_ns)
            record.open.own_delay.record(own_delay_ns)
        self._seconds[completed_ns // NS_PER_S].completed += 1
        self.totals.completed += 1
        self.totals.in_system_ns += completed_ns - intended_ns
        self.totals.by_kind[kind]["completed"] += 1
        self.totals.last_completed_ns = completed_ns

    def failed(self, kind: str, reason: Reason, intended_ns: int, failed_ns: int) -> None:
        self._record(kind, intended_ns).failed[reason] += 1
        self._seconds[failed_ns // NS_PER_S].failed += 1
        self.totals.failed[reason] += 1
        self.totals.by_kind[kind]["failed"] += 1

    def dropped(self, dropped_ns: int, count: int = 1) -> None:
        """Intended, but not sent in time."""
        self._seconds[dropped_ns // NS_PER_S].dropped += count
        self.totals.dropped += count

    def busy(self, from_ns: int, to_ns: int) -> None:
        for second, share_ns in _split(from_ns, to_ns):
            self._seconds[second].busy_ns += share_ns
            self.totals.busy_ns += share_ns
            if self._duration_ns is None or second * NS_PER_S < self._duration_ns:
                self.totals.busiest_ns += share_ns

    def waited(self, from_ns: int, to_ns: int) -> None:
        for second, share_ns in _split(from_ns, to_ns):
            self._seconds[second].wait_ns += share_ns
            self.totals.wait_ns += share_ns

    def take_report(self) -> dict[str, Any]:
        """The `bench` part of Locust's stats message: what was not reported before."""
        self.reports += 1
        records = [_encoded(key, record) for key, record in sorted(self._records.items())]
        seconds = [{"second": second, **asdict(row)} for second, row in sorted(self._seconds.items())]
        self._records.clear()
        self._seconds.clear()
        return {
            "schema": SCHEMA,
            "run": self._run,
            "seq": self.reports,
            "records": records,
            "seconds": seconds,
        }

    def _record(self, kind: str, intended_ns: int) -> _Record:
        key = intended_ns // NS_PER_S, kind
        record = self._records.get(key)
        if record is None:
            record = self._records[key] = _Record(open=_OpenTimes() if self._open else None)
        return record


def _split(from_ns: int, to_ns: int) -> list[tuple[int, int]]:
    """(second, ns) of a stretch of time, cut at whole seconds; nothing before the start."""
    pieces = []
    from_ns = max(from_ns, 0)
    while from_ns < to_ns:
        second = from_ns // NS_PER_S
        cut_ns = min(to_ns, (second + 1) * NS_PER_S)
        pieces.append((second, cut_ns - from_ns))
        from_ns = cut_ns
    return pieces


def _encoded(key: tuple[int, str], record: _Record) -> dict[str, Any]:
    second, kind = key

    times = record.open
    return {
        "second": second,
        "kind": kind,
        "completed": record.completed,
        "failed": {reason: record.failed[reason] for reason in REASONS},
        "service": _text(record.service),
        "response": _text(times.response) if times else None,
        "late_response": _text(times.late_response) if times else None,
        "send_delay": _text(times.send_delay) if times else None,
        "own_delay": _text(times.own_delay) if times else None,
    }


def _text(histogram: Histogram) -> str | None:
    return histogram.encode() if histogram.count else None
