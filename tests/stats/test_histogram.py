"""Histograms against exact quantiles, the library's own reader, and what too few samples cannot tell."""

import random
from itertools import pairwise

import pytest
from hdrh.histogram import HdrHistogram

from harness.stats.histogram import HIGHEST_NS, Histogram

RESOLUTION = 0.001
"""Three significant digits."""


def filled(values_ns: list[int]) -> Histogram:
    histogram = Histogram()
    for value_ns in values_ns:
        histogram.record(value_ns)
    return histogram


def latencies(count: int, seed: int = 1) -> list[int]:
    source = random.Random(seed)
    return [int(source.lognormvariate(13.8, 1.2)) + 1_000 for _ in range(count)]


@pytest.mark.parametrize("percent", [1, 25, 50, 90, 99, 99.9])
def test_percentiles_are_those_of_the_sorted_sample(percent: float) -> None:
    values = sorted(latencies(20_000))
    exact = values[max(1, round(len(values) * percent / 100 + 0.499)) - 1]
    found = filled(values).percentile(percent)
    assert found is not None
    # The smallest buckets are 512 ns wide, so that 1 µs is told from 2.
    assert found == pytest.approx(exact, rel=RESOLUTION, abs=1_000)


@pytest.mark.parametrize(
    ("count", "percent", "known"),
    [
        (19, 50, False),
        (20, 50, True),
        (999, 99, False),
        (1_000, 99, True),
        (9_999, 99.9, False),
        (10_000, 99.9, True),
        (100_000, 99.99, True),
        (10_000, 100, False),
        (0, 50, False),
    ],
)
def test_a_percentile_needs_ten_samples_above_it(count: int, percent: float, known: bool) -> None:
    histogram = Histogram()
    histogram.record(1_000_000, count)
    assert (histogram.percentile(percent) is not None) is known


@pytest.mark.parametrize("percent", [-0.1, 100.1])
def test_a_percentile_outside_0_to_100_is_refused(percent: float) -> None:
    with pytest.raises(ValueError, match=r"not within 0\.\.100"):
        filled([1_000]).percentile(percent)


def test_the_mean_is_that_of_the_sample() -> None:
    values = latencies(5_000)
    assert filled(values).mean_ns == pytest.approx(sum(values) / len(values), rel=RESOLUTION)


def test_an_empty_histogram_knows_nothing() -> None:
    empty = Histogram()
    assert (empty.count, empty.mean_ns, empty.max_ns, empty.curve()) == (0, None, None, ())


def test_what_lies_outside_the_range_is_counted_at_its_end() -> None:
    histogram = filled([-5, 0, HIGHEST_NS * 10])
    assert histogram.count == 3
    assert histogram.max_ns == pytest.approx(HIGHEST_NS, rel=RESOLUTION)


def test_merging_is_the_same_as_recording_together() -> None:
    one, two = latencies(3_000, seed=1), latencies(4_000, seed=2)
    parts = [filled(one), filled(two), Histogram()]
    merged, together = Histogram.merged(parts), filled(one + two)
    assert merged.count == together.count == 7_000
    assert merged.encode() == together.encode()
    assert parts[0].count == 3_000, "what is merged must stay as it was"


def test_an_encoded_histogram_comes_back_whole() -> None:
    histogram = filled(latencies(2_000))
    decoded = Histogram.decode(histogram.encode())
    assert decoded.encode() == histogram.encode()
    assert decoded.percentile(99) == histogram.percentile(99)
    assert decoded.mean_ns == histogram.mean_ns
    decoded.add(histogram)
    assert decoded.count == 4_000


def test_a_decoded_histogram_takes_larger_values() -> None:
    small, large = filled([2_000] * 10), filled([HIGHEST_NS] * 10)
    decoded = Histogram.decode(small.encode())
    decoded.add(large)
    assert decoded.max_ns == large.max_ns


def test_the_encoding_is_the_standard_one() -> None:
    histogram = filled(latencies(2_000))
    read = HdrHistogram.decode(histogram.encode())
    assert read.get_total_count() == 2_000
    assert read.get_value_at_percentile(99) == histogram.percentile(99)


@pytest.mark.parametrize("text", ["", "not base64!", "AAAA", HdrHistogram(1, 1_000_000, 2).encode().decode()])
def test_what_is_no_histogram_of_ours_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Histogram.decode(text)


def test_a_curve_rises_and_ends_where_samples_run_out() -> None:
    histogram = filled(latencies(10_000))
    points = histogram.curve()
    assert points[0].percentile == 0
    assert 99.8 < points[-1].percentile <= 99.9
    for before, after in pairwise(points):
        assert before.percentile < after.percentile
        assert before.value_ns <= after.value_ns
