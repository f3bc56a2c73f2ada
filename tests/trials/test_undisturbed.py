"""Which windows are offered again for a late generator. (For stolen time: test_load.py, test_capacity_window.py.)"""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest
from simulated_load import SimulatedLoad

from harness.model import Window
from harness.trials.under_load import Offered, UnderLoad
from harness.trials.undisturbed import offer_undisturbed
from harness.units import NS_PER_MS

AT_A_RATE = Window(name="rate-1000", mode="open", rate_rps=1_000, duration=1)
PROBE = Window(name="rate-1000", mode="capacity", p99_limit=0.01, rate_rps=1_000, duration=1)
ON_TIME, LATE = 0, 3 * NS_PER_MS


class LateLoad(SimulatedLoad):
    """Of each try, in the order in which it is offered, one request in fifty leaves so late."""

    def __init__(self, folder: Path, late_ns: list[int], waits_ns: int) -> None:
        super().__init__(folder, 2_000, {}, waits_ns=waits_ns)
        self.late_by_try_ns = late_ns

    def offer(self, window: Window, connections: int, folder_name: str) -> Offered:
        self.late_ns = self.late_by_try_ns[len(self.lengths_s)]
        return super().offer(window, connections, folder_name)


@pytest.mark.parametrize(
    ("window", "late_ns", "waits_ns", "tries"),
    [
        (AT_A_RATE, [ON_TIME], 0, 1),
        (AT_A_RATE, [LATE, ON_TIME], 0, 2),
        (AT_A_RATE, [LATE, LATE, LATE, ON_TIME], 0, 3),  # and no more
        (AT_A_RATE, [ON_TIME], LATE, 1),  # it is the service that kept them waiting
        (PROBE, [LATE], 0, 1),  # it may tell something all the same
    ],
)
def test_a_window_for_which_the_generator_was_late_is_offered_again(
    tmp_path: Path, window: Window, late_ns: list[int], waits_ns: int, tries: int
) -> None:
    offered = offer_undisturbed(
        cast(UnderLoad, LateLoad(tmp_path, late_ns, waits_ns)), window, 64, "rate-1000"
    )
    names = ["rate-1000", "rate-1000-try-2", "rate-1000-try-3"][:tries]
    assert [o.folder.name for o in (*offered.disturbed, offered)] == names
    for try_ in offered.disturbed:
        delay, share = try_.disturbed_by
        assert delay.startswith("P99 send delay 3,0")
        assert share.startswith("2.00 % of the requests left over 1 ms late")


class UntoldLoad(LateLoad):
    """Its reports do not say how much of a delay is the generator's own, as where nothing was answered."""

    def offer(self, window: Window, connections: int, folder_name: str) -> Offered:
        offered = super().offer(window, connections, folder_name)
        report = json.loads(offered.result.reports.read_text())
        for record in report["records"]:
            record["own_delay"] = None
        offered.result.reports.write_text(json.dumps(report) + "\n")
        return offered


def test_where_it_is_not_told_whose_delay_it_was_the_first_try_counts(tmp_path: Path) -> None:
    load = UntoldLoad(tmp_path, [LATE], 0)
    assert not offer_undisturbed(cast(UnderLoad, load), AT_A_RATE, 64, "rate-1000").disturbed
