"""The search for a capacity, on simulated services: exact, noisy, and with a generator in trouble."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise

import pytest

from harness.trials.capacity import PRECISION, Found, Limit, Probe, Search, Try, next_step

LIMIT = Limit(p99_ns=10_000_000)
Service = Callable[[float], Probe]


def run(search: Search, service: Service) -> tuple[Found, list[Probe]]:
    probes: list[Probe] = []
    while isinstance(step := next_step(search, probes), Try):
        probes.append(service(step.rate_rps))
        assert len(probes) <= search.max_probes + 1, "the search does not end"
    return step, probes


def queue(capacity_rps: float, peak_rps: float) -> Service:
    """P99 rises as in a queue and is exactly at the limit at `capacity_rps`."""

    def probe(rate_rps: float) -> Probe:
        if rate_rps >= peak_rps:
            return Probe(rate_rps, 10**10, 0.0)
        scale = LIMIT.p99_ns * (1 - capacity_rps / peak_rps)
        return Probe(rate_rps, int(scale / (1 - rate_rps / peak_rps)), 0.0)

    return probe


@pytest.mark.parametrize("seed", range(300))
def test_the_capacity_of_a_steady_service_is_found_within_the_precision(seed: int) -> None:
    rng = random.Random(seed)
    peak_rps = 10 ** rng.uniform(1.5, 5)
    capacity_rps = peak_rps * rng.uniform(0.35, 0.97)
    found, probes = run(Search.below_peak(LIMIT, peak_rps), queue(capacity_rps, peak_rps))
    assert found.capacity_rps is not None
    assert found.capacity_rps <= capacity_rps * 1.000_001
    assert found.capacity_rps >= capacity_rps / PRECISION / 1.000_001
    assert found.bound == "exact"
    assert all(p.rate_rps <= peak_rps for p in probes)


@pytest.mark.parametrize("seed", range(300))
def test_of_a_noisy_service_nothing_is_believed_above_a_rate_that_failed(seed: int) -> None:
    rng = random.Random(seed)
    peak_rps = 10_000.0
    steady = queue(peak_rps * rng.uniform(0.3, 0.95), peak_rps)

    def noisy(rate_rps: float) -> Probe:
        p99_ns = steady(rate_rps).p99_ns
        assert p99_ns is not None
        trouble = ("P99 send delay",) if rng.random() < 0.1 else ()
        return Probe(rate_rps, int(p99_ns * rng.lognormvariate(0, 0.5)), 0.0, trouble)

    found, probes = run(Search.below_peak(LIMIT, peak_rps), noisy)
    if found.capacity_rps is None:
        assert found.bound == "none"
        return
    assert any(p.rate_rps == found.capacity_rps and p.holds(LIMIT) for p in probes)
    failed = [p.rate_rps for p in probes if p.judged and not p.holds(LIMIT)]
    assert all(rate_rps > found.capacity_rps for rate_rps in failed)
    if found.bound == "exact":
        assert min(failed) <= found.capacity_rps * PRECISION * 1.000_001


@pytest.mark.parametrize(
    ("change", "most_probes"), [(1.0, 3), (0.97, 4), (1.08, 4), (1.2, 6), (0.8, 6), (1.35, 7), (0.7, 7)]
)
@pytest.mark.parametrize("draw", [0.0, 0.3, 0.5, 0.999])
def test_a_later_trial_needs_few_probes_to_be_exact(change: float, most_probes: int, draw: float) -> None:
    found_rps = 4_000.0
    capacity_rps = found_rps * change * 1.000_001
    found, probes = run(Search.around(LIMIT, found_rps, draw), queue(capacity_rps, 6_000.0))
    assert len(probes) <= most_probes
    assert found.bound == "exact"
    assert found.capacity_rps is not None
    assert capacity_rps / PRECISION / 1.001 <= found.capacity_rps <= capacity_rps


def test_trials_of_a_steady_service_do_not_look_more_alike_than_the_precision_allows() -> None:
    """Begun from one rate they would all come to the same figure, and the interval would be of no width."""
    rng = random.Random(1)
    known_rps = 4_000.0
    shares = []
    for _ in range(200):
        capacity_rps = rng.uniform(3_900, 4_100)
        found, _ = run(Search.around(LIMIT, known_rps, rng.random()), queue(capacity_rps, 6_000.0))
        assert found.capacity_rps is not None
        known_rps = found.capacity_rps
        shares.append(capacity_rps / found.capacity_rps)
    assert min(shares) < 1.01
    assert max(shares) > 1.04
    assert len({round(s, 4) for s in shares}) > 150


def test_an_invalid_probe_is_repeated_once() -> None:
    search = Search.below_peak(LIMIT, 1_000)
    spoilt = Probe(850, 1, 0.0, ("late",))
    assert next_step(search, []) == Try(850)
    assert next_step(search, [spoilt]) == Try(850)
    after_two = next_step(search, [spoilt, spoilt])
    assert isinstance(after_two, Try)
    assert after_two.rate_rps < 850
    assert next_step(search, [spoilt, Probe(850, 1, 0.0)]) == Try(1_000)


def test_below_a_rate_that_cannot_be_judged_the_result_is_a_lower_bound() -> None:
    def generator_bound(rate_rps: float) -> Probe:
        return Probe(rate_rps, 1_000_000, 0.0, ("busy",) if rate_rps > 750 else ())

    found, _ = run(Search.below_peak(LIMIT, 1_000), generator_bound)
    assert found.bound == "at least"
    assert found.capacity_rps is not None
    assert 650 < found.capacity_rps <= 750


def test_where_nothing_can_be_judged_the_search_ends_soon() -> None:
    found, probes = run(Search.below_peak(LIMIT, 1_000), lambda rate: Probe(rate, 1, 0.0, ("late",)))
    assert (found.capacity_rps, found.bound) == (None, "unknown")
    assert "late" in found.text
    assert len(probes) == 4


@pytest.mark.parametrize(
    "probe", [Probe(850, 10_000_001, 0.0), Probe(850, 1_000, 0.0011)], ids=["P99 too long", "errors"]
)
def test_either_limit_sends_the_search_downwards(probe: Probe) -> None:
    step = next_step(Search.below_peak(LIMIT, 1_000), [probe])
    assert isinstance(step, Try)
    assert step.rate_rps < 850


@pytest.mark.parametrize("beyond", [0.99, 1.0, 1.04, 1.12])
def test_a_capacity_at_the_peak_or_beyond_is_found_by_small_steps(beyond: float) -> None:
    """The peak is another window's figure, and scatters as well."""
    found, probes = run(Search.below_peak(LIMIT, 1_000), queue(1_000 * beyond, 1_000 * beyond * 1.05))
    assert found.bound == "exact"
    assert found.capacity_rps is not None
    assert beyond / PRECISION / 1.001 <= found.capacity_rps / 1_000 <= beyond
    above = sorted(p.rate_rps for p in probes if p.rate_rps >= 1_000)
    assert all(high / low <= PRECISION * 1.000_001 for low, high in pairwise(above))


def test_a_service_that_holds_whatever_is_asked_has_at_least_that_capacity() -> None:
    found, probes = run(Search.below_peak(LIMIT, 1_000), lambda rate: Probe(rate, 1_000, 0.0))
    assert (found.capacity_rps, found.bound) == (probes[-1].rate_rps, "at least")
    assert (found.capacity_rps or 0) > 1_300


def test_too_few_samples_for_a_p99_are_no_judgement() -> None:
    assert not Probe(100, None, 0.0).judged
    assert not Probe(100, None, 0.0).holds(LIMIT)


def test_a_limit_far_from_what_the_service_does_is_given_up_soon() -> None:
    found, probes = run(Search.below_peak(LIMIT, 10_000), lambda rate: Probe(rate, 20_000_000, 0.0))
    assert (found.capacity_rps, found.bound) == (None, "none")
    assert min(p.rate_rps for p in probes) >= 0.05 * 8_500
    assert len(probes) <= 6
