"""Open load's schedule: the rate it should have, from the seed alone."""

import math
from itertools import pairwise

import pytest

from harness.load.schedule import arrivals_ns, fingerprint, uniform
from harness.units import NS_PER_MS, NS_PER_S


def test_constant_arrivals_lie_at_multiples_of_the_period() -> None:
    steps = [(4.0, 1.0), (2.0, 1.0), (0.0, 1.0), (1.0, 2.0)]
    offsets_ms = [instant // NS_PER_MS for instant in arrivals_ns("constant", 1, steps)]
    assert offsets_ms == [0, 250, 500, 750, 1000, 1500, 3000, 4000]


def test_poisson_arrivals_have_the_rate_and_the_spread_they_should() -> None:
    instants = arrivals_ns("poisson", 42, [(1_000.0, 100.0)])
    # 100,000 are expected, with a standard deviation of 316: five of them either side.
    assert 98_400 < len(instants) < 101_600
    gaps_ms = [(after - before) / NS_PER_MS for before, after in pairwise(instants)]
    mean = sum(gaps_ms) / len(gaps_ms)
    variance = sum((gap - mean) ** 2 for gap in gaps_ms) / len(gaps_ms)
    assert mean == pytest.approx(1.0, abs=0.02)
    assert variance == pytest.approx(1.0, abs=0.05), "an exponential's variance is its mean squared"
    assert sum(gap > 3 for gap in gaps_ms) / len(gaps_ms) == pytest.approx(math.exp(-3), abs=0.005)


def test_each_step_has_its_own_rate() -> None:
    instants = arrivals_ns("poisson", 7, [(2_000.0, 10.0), (500.0, 10.0)])
    first = sum(instant < 10 * NS_PER_S for instant in instants)
    assert first == pytest.approx(20_000, abs=5 * math.sqrt(20_000))
    assert len(instants) - first == pytest.approx(5_000, abs=5 * math.sqrt(5_000))
    assert max(instants) < 20 * NS_PER_S
    assert instants == sorted(instants)


def test_the_seed_decides_and_nothing_else() -> None:
    steps = [(5_000.0, 1.0)]
    assert fingerprint(arrivals_ns("poisson", 1, steps)) == fingerprint(arrivals_ns("poisson", 1, steps))
    assert fingerprint(arrivals_ns("poisson", 1, steps)) != fingerprint(arrivals_ns("poisson", 2, steps))


def test_the_generator_is_the_published_one() -> None:
    # First outputs of SplitMix64 seeded with 1234567, as published with the xoshiro generators.
    published = (6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423)
    for number, bits in enumerate(published):
        assert uniform(1_234_567, number) == ((bits >> 11) + 1) / 2**53
