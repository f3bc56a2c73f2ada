"""Change points against published series: the Nile, and the examples of Apache Otava (formerly Hunter)."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from harness.stats.drift import FEWEST_NIGHTS, SHORTEST_SEGMENT, changes

PUBLISHED = json.loads((Path(__file__).parent / "data" / "change_points.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_changes_are_found_at_their_places(name: str) -> None:
    published = PUBLISHED[name]
    found = changes(published["values"])
    assert found is not None
    places = [c.index for c in found]
    for place in published["changes"]:
        assert min(abs(place - p) for p in places) <= published["tolerance"], (place, places)
    if published["all"]:
        assert len(places) == len(published["changes"])


def test_a_change_tells_how_much() -> None:
    found = changes([100.0, 101.0, 99.0] * 4 + [110.0, 111.0, 109.0] * 4)
    assert found is not None
    (change,) = found
    assert change.index == 12
    assert change.ratio == pytest.approx(1.1, rel=0.005)


def test_too_few_nights_tell_nothing() -> None:
    assert changes([1.0] * (FEWEST_NIGHTS - 1)) is None
    assert changes([1.0] * FEWEST_NIGHTS) == ()


@pytest.mark.parametrize("place", [0, 7, 15, 29])
def test_one_odd_night_is_no_change(place: int) -> None:
    values = [100.0, 102.0, 98.0] * 10
    values[place] = 40.0
    assert changes(values) == ()


def test_no_segment_is_shorter_than_the_least() -> None:
    rng = np.random.default_rng(5)
    steps = np.repeat([1.0, 2.0, 4.0, 1.0], [5, 4, 3, 8])
    found = changes([float(v) for v in steps * np.exp(rng.normal(0, 0.01, len(steps)))])
    assert found is not None
    ends = [0, *(c.index for c in found), len(steps)]
    assert min(b - a for a, b in itertools.pairwise(ends)) >= SHORTEST_SEGMENT
    assert [c.index for c in found] == [5, 9, 12]


def test_series_without_a_change_show_one_in_a_hundred_at_most() -> None:
    rng = np.random.default_rng(1)
    alarms = sum(bool(changes([float(v) for v in np.exp(rng.normal(0, 0.02, 30))])) for _ in range(300))
    assert alarms <= 3


@pytest.mark.parametrize(
    ("scatters", "nights", "at_least"), [(3.0, 10, 0.75), (4.0, 7, 0.85), (6.0, 4, 0.85), (6.0, 3, 0.6)]
)
def test_a_change_is_found_within_the_nights_that_the_docs_tell(
    scatters: float, nights: int, at_least: float
) -> None:
    """Twenty nights, then so many more, higher by so many times the scatter of a night."""
    rng = np.random.default_rng(2)
    found = 0
    for _ in range(60):
        logs = rng.normal(0, 0.01, 20 + nights)
        logs[20:] += scatters * 0.01
        found += any(abs(c.index - 20) <= 2 for c in changes([float(v) for v in np.exp(logs)]) or ())
    assert found / 60 >= at_least
