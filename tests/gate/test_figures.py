"""Which figures of a trial the guard believes."""

from __future__ import annotations

from typing import Any

import pytest
from gate.made import METRICS

from harness.catalogue import find_scenario, read_gate_file
from harness.errors import UsageError
from harness.gate.figures import figures_of, gated_metrics


def record(status: str = "valid", *, rate_ok: bool = True) -> dict[str, Any]:
    def window(name: str, ok: bool) -> dict[str, Any]:
        return {
            "name": name,
            "throughput_rps": 8_000.0,
            "cpu": {"cpu_ns_per_request": 120_000},
            "headline": {"kind": "accepted", "measure": "response"},
            "latency": {"accepted": {"response": {"p50_ns": 300_000, "p99_ns": None}}},
            "findings": [
                {"name": "send delay", "ok": ok, "text": "late"},
                {"name": "nic", "ok": None, "text": ""},
            ],
        }

    return {
        "status": status,
        "start": {"ready_ns": 20_000_000},
        "memory": {"loaded": {"rss_median_bytes": 15_000_000}},
        "windows": [window("peak", True), window("rate-1000", rate_ok)],
    }


def test_the_projects_own_rules_read_a_figure_for_every_metric_that_the_trial_has() -> None:
    metrics = gated_metrics(read_gate_file(), find_scenario("gate"))
    assert {m.name: m.worse for m in metrics}["throughput_rps"] == -1
    found = figures_of(record(), metrics)
    assert set(found) == {m.name for m in metrics} - {"p99_ns"}  # missing: too few samples
    assert found["cpu_ns_per_request"] == 120_000


def test_a_window_that_failed_a_check_spoils_its_own_figures_alone() -> None:
    metrics = gated_metrics(read_gate_file(), find_scenario("gate"))
    found = figures_of(record("invalid", rate_ok=False), metrics)
    assert set(found) == {"throughput_rps", "loaded_rss_bytes", "ready_ns"}


@pytest.mark.parametrize("status", ["failed", "invalid"])
def test_a_trial_that_failed_as_a_whole_gives_nothing(status: str) -> None:
    assert figures_of(record(status), METRICS) == {}


def test_a_window_that_the_scenario_lacks_is_told() -> None:
    file = read_gate_file()
    with pytest.raises(UsageError, match="no window 'rate-1000'"):
        gated_metrics(file, find_scenario("smoke"))
