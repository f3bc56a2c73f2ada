"""Too noisy is a reason not to judge, each limit by itself."""

from __future__ import annotations

import pytest
from gate.made import noise

from harness.gate.quiet import why_too_noisy
from harness.gate_file import NoiseLimits
from harness.probes.noise import measure_noise, to_json
from harness.units import NS_PER_S


@pytest.mark.parametrize(
    ("figure", "value", "word"),
    [
        ("steal_ratio", 0.02, "stolen"),
        ("other_load_ratio", 0.2, "other programs"),
        ("late_p99_ns", 3e6, "timers"),
        ("bandwidth_spread_ratio", 0.9, "bandwidth"),
    ],
)
def test_each_limit_has_its_sentence(figure: str, value: float, word: str) -> None:
    limits = NoiseLimits()
    assert why_too_noisy(noise(), limits) == []
    reasons = why_too_noisy(noise(**{figure: value}), limits)
    assert len(reasons) == 1
    assert word in reasons[0]


@pytest.mark.timeout(180)
def test_the_probe_looks_at_each_core_and_its_own_work_is_no_load() -> None:
    found = measure_noise((0,), 0, 2.0)
    core = found.cores[0]
    assert core.cpu == 0
    assert 0 < core.late_p50_ns <= core.late_p99_ns <= core.late_max_ns
    assert 0 <= core.other_load_ratio <= 1.1  # others may work here; a test cannot forbid it
    assert (found.bandwidth_bytes_per_s or 0) > 0
    assert to_json(found)["cores"][0]["cpu"] == 0


@pytest.mark.timeout(180)
def test_what_keeps_a_core_awake_is_no_load_either() -> None:
    """Ten seconds of it would be more than there was time for, so nothing is left for others."""
    so_far = iter(({0: 0}, {0: 10 * NS_PER_S}))
    assert measure_noise((0,), 0, 2.0, lambda: next(so_far)).cores[0].other_load_ratio == 0.0
