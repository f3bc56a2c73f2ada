"""What is read of a trial for the guard: the report's own readers, so that both show one figure."""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import UsageError
from harness.gate.model import Gated
from harness.gate_file import GateFile
from harness.model import JsonObject, Scenario
from harness.report.metrics import SERVICE_METRICS, WINDOW_METRICS, Metric


def gated_metrics(file: GateFile, scenario: Scenario) -> tuple[Gated, ...]:
    """The metrics of gate.yaml. Raises UsageError when one names a window that the scenario does not have."""
    windows = {w.name: w for w in scenario.windows}
    found = []
    for entry in file.metrics:
        if entry.window is not None and entry.window not in windows:
            raise UsageError(
                f"gate.yaml: {entry.metric}: scenario {scenario.name} has no window {entry.window!r}; "
                f"there are: {', '.join(windows)}"
            )
        metric = _metric(entry.metric, windowed=entry.window is not None)
        found.append(
            Gated(
                name=metric.name,
                title=metric.title,
                unit=metric.unit,
                display=metric.display,
                window=entry.window,
                worse=1 if metric.better == "lower" else -1,
                relevant_ratio=entry.relevant_ratio,
                must_tell=entry.must_tell,
            )
        )
    return tuple(found)


def figures_of(record: JsonObject, metrics: Sequence[Gated]) -> dict[str, float]:
    """Metric → figure, of those that may be believed; one that is not above 0 has no ratio and is left out.

    A window that failed a check gives none, whereas the trial's other windows, its memory and its time to ready
    are not spoilt by that. A trial that failed, or is invalid as a whole, gives none at all.
    """
    windows = {w["name"]: w for w in record.get("windows", [])}
    spoilt = {name for name, w in windows.items() if any(f["ok"] is False for f in w["findings"])}
    if record["status"] == "failed" or (record["status"] == "invalid" and not spoilt):
        return {}
    found = {}
    for gated in metrics:
        source = record if gated.window is None else windows.get(gated.window)
        if source is None or gated.window in spoilt:
            continue
        value = _metric(gated.name, windowed=gated.window is not None).read(source)
        if value is not None and value > 0:
            found[gated.name] = value
    return found


def _metric(name: str, *, windowed: bool) -> Metric:
    return next(m for m in (WINDOW_METRICS if windowed else SERVICE_METRICS) if m.name == name)
