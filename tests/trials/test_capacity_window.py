"""A capacity window against a simulated service: what workers would report is made up, all else is real."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from simulated_load import SCHEDULE, START, SimulatedLoad

from harness.model import Window
from harness.probes.procfs import CoreTime
from harness.probes.samples import Row
from harness.trials.capacity_window import search_capacity
from harness.trials.under_load import Offered, UnderLoad
from harness.units import NS_PER_MS, NS_PER_S

WINDOW = Window(name="capacity", mode="capacity", p99_limit=0.01, probe=1.0)


class StolenLoad(SimulatedLoad):
    """From the tries of these numbers, counted from 1, the hypervisor took a tenth of a core."""

    def __init__(self, folder: Path, stolen: set[int]) -> None:
        super().__init__(folder, 2_000, {})
        self.trial.rows = self.rows  # type: ignore[method-assign]
        self.stolen = stolen

    def offer(self, window: Window, connections: int, folder_name: str) -> Offered:
        """Each try a minute after the one before."""
        offered = super().offer(window, connections, folder_name)
        later_ns = 60 * len(self.lengths_s) * NS_PER_S
        result = replace(offered.result, start_unix_ns=START + later_ns)
        return replace(offered, result=result, end_unix_ns=offered.end_unix_ns + later_ns)

    def rows(self, until_unix_ns: int = 0) -> list[Row]:
        stolen_ns, rows = 0, []
        for second in range(60 * (len(self.lengths_s) + 1)):
            times = {0: CoreTime(0, stolen_ns)}
            rows.append(Row(monotonic_ns=second, unix_ns=START + second * NS_PER_S, cores=times))
            stolen_ns += NS_PER_S // 10 if second // 60 in self.stolen else 0
        return rows


def search(load: SimulatedLoad, peak_rps: float, window: Window = WINDOW) -> dict[str, Any]:
    return search_capacity(cast(UnderLoad, load), window, peak_rps).record


def test_the_record_is_that_of_the_probe_at_the_capacity(tmp_path: Path) -> None:
    record = search(SimulatedLoad(tmp_path, 2_000, {}), 3_000)
    assert 1_900 < record["capacity_rps"] <= 2_000
    assert (record["name"], record["mode"], record["bound"]) == ("capacity", "capacity", "exact")
    assert record["intended_rps"] == record["capacity_rps"]
    assert record["schedule_sha256"] == SCHEDULE
    assert record["throughput_rps"] == pytest.approx(record["capacity_rps"], rel=0.02)
    assert record["latency"]["accepted"]["response"]["p99_ns"] == pytest.approx(5 * NS_PER_MS, rel=0.01)
    assert [f["ok"] for f in record["findings"] if f["name"] == "capacity"] == [True]
    assert all(f["ok"] is not False for f in record["findings"])
    for number, probe in enumerate(record["probes"], start=1):
        assert probe["folder"] == f"windows/capacity/{number:02d}"
        assert (tmp_path / probe["folder"] / "latency.hlog").is_file()
        assert probe["holds"] is (probe["rate_rps"] <= 2_000)


def test_a_later_trial_searches_around_what_the_one_before_found(tmp_path: Path) -> None:
    capacities: dict[tuple[str, str, str], float] = {}
    first = search(SimulatedLoad(tmp_path / "1", 2_000, capacities), 3_000)
    again = search(SimulatedLoad(tmp_path / "2", 2_000, capacities), 3_000)
    assert first["earlier_capacity_rps"] is None
    assert again["earlier_capacity_rps"] == first["capacity_rps"]
    assert again["probes"][0]["rate_rps"] == pytest.approx(first["capacity_rps"], rel=0.025)
    assert again["probes"][0]["rate_rps"] != first["capacity_rps"]
    assert len(again["probes"]) <= 3 < len(first["probes"])
    slower = search(SimulatedLoad(tmp_path / "3", 1_800, capacities), 3_000)
    assert slower["earlier_capacity_rps"] == again["capacity_rps"]
    assert slower["bound"] == "exact"
    assert capacities == {("s", "t", "capacity"): slower["capacity_rps"]}


@pytest.mark.parametrize(("late_ms", "held"), [(2, True), (7, False)])
def test_late_requests_spoil_no_probe_that_holds_the_limit_with_them(
    tmp_path: Path, late_ms: int, held: bool
) -> None:
    """5 ms and 2 ms are within 10 ms; 5 ms and 7 ms are not, and who is to blame for that cannot be told."""
    record = search(SimulatedLoad(tmp_path, 2_000, {}, late_ms * NS_PER_MS), 2_400)
    assert (record["capacity_rps"] is not None) is held
    for probe in record["probes"]:
        assert probe["holds"] is (True if held and probe["rate_rps"] <= 2_000 else None), probe
    if held:
        assert 1_900 < record["capacity_rps"] <= 2_000
        shown = next(p for p in record["probes"] if p["folder"] == record["folder"])
        assert shown["p99_ns"] == pytest.approx((5 + late_ms) * NS_PER_MS, rel=0.01)
        late = next(f for f in record["findings"] if f["name"] == "late share")
        assert late["ok"] is None and late["text"].endswith("held all the same")


def test_a_target_whose_backlog_reaches_into_the_drain_has_failed_and_was_judged(tmp_path: Path) -> None:
    record = search(SimulatedLoad(tmp_path, 2_000, {}, is_pooled=True), 3_000)
    assert record["bound"] == "exact"
    assert 1_900 < record["capacity_rps"] <= 2_000
    failed = [p for p in record["probes"] if p["rate_rps"] > 2_040]
    assert failed
    assert all(p["holds"] is False and not p["invalid_because"] for p in failed)


def test_a_backlog_within_the_limit_spoils_no_probe(tmp_path: Path) -> None:
    """Of a second at any rate 4 % leave in the drain, and all are answered within 45 ms."""
    window = WINDOW.model_copy(update={"p99_limit": 0.05})
    record = search(SimulatedLoad(tmp_path, 2_000, {}, waits_ns=40 * NS_PER_MS), 2_400, window)
    assert 1_900 < record["capacity_rps"] <= 2_000
    (offered,) = (f for f in record["findings"] if f["name"] == "offered rate")
    assert offered["ok"] is None and offered["text"].endswith("held all the same")


def test_a_rate_that_the_generator_missed_too_is_not_judged(tmp_path: Path) -> None:
    record = search(SimulatedLoad(tmp_path, 2_000, {}, 7 * NS_PER_MS, is_pooled=True), 2_400)
    assert record["capacity_rps"] is None
    assert all(p["holds"] is None for p in record["probes"])


def test_what_has_no_bound_above_is_no_place_for_a_later_trial_to_begin(tmp_path: Path) -> None:
    capacities: dict[tuple[str, str, str], float] = {}
    search(SimulatedLoad(tmp_path / "1", 2_000, capacities, 7 * NS_PER_MS), 2_400)
    assert not capacities


def test_a_probe_that_was_disturbed_is_made_again_and_counts_for_nothing(tmp_path: Path) -> None:
    record = search(StolenLoad(tmp_path, {2, 3}), 3_000)
    assert record["bound"] == "exact"
    assert all(not p["invalid_because"] for p in record["probes"])
    assert record["probes"][1]["folder"] == "windows/capacity/02-try-3"
    assert [t["folder"] for t in record["disturbed"]] == ["windows/capacity/02", "windows/capacity/02-try-2"]
    for try_ in record["disturbed"]:
        assert try_["invalid_because"] == [
            "10.00 % of a core's time was stolen by the hypervisor (at most 1 %)"
        ]
        assert try_["throughput_rps"] == pytest.approx(record["probes"][1]["rate_rps"], rel=0.1)
        assert (tmp_path / try_["folder"] / "latency.hlog").is_file()


def test_a_probe_that_is_disturbed_each_time_is_not_judged(tmp_path: Path) -> None:
    record = search(StolenLoad(tmp_path, {1, 2, 3}), 3_000)
    first = record["probes"][0]
    assert first["holds"] is None
    assert "stolen" in first["invalid_because"][0]
    assert record["probes"][1]["rate_rps"] == first["rate_rps"]


def test_probes_at_low_rates_last_long_enough_for_a_p99(tmp_path: Path) -> None:
    load = SimulatedLoad(tmp_path, 150, {})
    record = search(load, 300)
    assert 140 < record["capacity_rps"] <= 150
    assert min(load.lengths_s) > 4 > WINDOW.probe


def test_that_no_rate_holds_is_a_result_and_no_fault_of_the_measurement(tmp_path: Path) -> None:
    record = search(SimulatedLoad(tmp_path, 1, {}), 4_000)
    assert record["capacity_rps"] is None
    assert [(f["ok"], f["text"]) for f in record["findings"]] == [(None, record["findings"][0]["text"])]
    assert record["findings"][0]["text"].startswith("no rate down to")
    assert record["throughput_rps"] is None
