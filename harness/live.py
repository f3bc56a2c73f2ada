"""A window while it runs: its rate, its P99 so far and the service's memory, read off files that others write.

Nothing here is measured twice or asked of anybody: the master appends the workers' reports, the sampler its
rows. Reading both takes under a millisecond, and happens only when somebody looks.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.errors import StoreError
from harness.load.plan import LoadPlan
from harness.probes.samples import last_rss_bytes
from harness.progress import WindowNow
from harness.stats.histogram import Histogram

ACCEPTED = "accepted"
"""The kind whose times are the headline, where the scenario has kinds."""


class Reports:
    """The reports of a window while they are written: each is read once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def new(self) -> Iterator[dict[str, Any]]:
        """Those that were added since the last look; none when there is no file yet."""
        try:
            file = self._path.open("rb")
        except FileNotFoundError:
            return
        with file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._offset += len(line)
                yield json.loads(line)


class Seconds:
    """Completed requests of each second, as reports tell of them."""

    def __init__(self) -> None:
        self._completed: Counter[int] = Counter()

    def add(self, report: dict[str, Any]) -> None:
        for row in report["seconds"]:
            self._completed[int(row["second"])] += int(row["completed"])

    def whole(self) -> list[int]:
        """Of each whole second since the start; the last one reported may still grow."""
        return [self._completed[s] for s in range(max(self._completed, default=0))]


class LiveWindow:
    """What a running window shows, each time somebody asks."""

    def __init__(self, name: str, plan: LoadPlan, reports: Path, samples: Path) -> None:
        """The window begins about now."""
        self._name = name
        self._began_s = time.monotonic()
        self._plan = plan
        self._measure = "service" if plan.mode == "closed" else "response"
        self._reports = Reports(reports)
        self._samples = samples
        self._seconds = Seconds()
        self._times = Histogram()
        self._kinds_matter = False

    def now(self) -> WindowNow:
        for report in self._reports.new():
            self._seconds.add(report)
            for record in report["records"]:
                self._record(record)
        whole = self._seconds.whole()
        return WindowNow(
            name=self._name,
            second=min(int(time.monotonic() - self._began_s), round(self._plan.duration_s)),
            length_s=self._plan.duration_s,
            rate_rps=whole[-1] if whole else None,
            p99_ns=self._times.percentile(99),
            memory_bytes=_memory(self._samples),
        )

    def _record(self, record: dict[str, Any]) -> None:
        """Only the requests that had to be accepted count, as soon as there are any."""
        accepted, text = record["kind"] == ACCEPTED, record.get(self._measure)
        if text is None or (self._kinds_matter and not accepted):
            return
        if accepted and not self._kinds_matter:
            self._kinds_matter, self._times = True, Histogram()
        self._times.add(Histogram.decode(text))


def _memory(samples: Path) -> int | None:
    """None where nothing is sampled."""
    try:
        return last_rss_bytes(samples)
    except (OSError, StoreError):
        return None
