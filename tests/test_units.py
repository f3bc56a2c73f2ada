"""Figures in words."""

import pytest

from harness.units import change_interval, change_percent, percent, span_text


@pytest.mark.parametrize(("quotient", "text"), [(1.061, "+6.1 %"), (0.9, "-10.0 %"), (1.0, "+0.0 %")])
def test_a_change_is_told_as_far_as_it_is_from_one(quotient: float, text: str) -> None:
    assert change_percent(quotient) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.97, 1.061, "-3.0 to +6.1 %"),
        (1e-4, 9.5, "under -90 to +850.0 %"),
        (0.98, 284_132.0, "-2.0 to over +900 %"),
    ],
)
def test_an_interval_of_changes_has_no_digits_beyond_tenfold(low: float, high: float, text: str) -> None:
    assert change_interval(low, high) == text


@pytest.mark.parametrize(("ratio", "places", "text"), [(0.05, 0, "5 %"), (0.0013, 2, "0.13 %")])
def test_a_share_has_a_space_before_its_sign(ratio: float, places: int, text: str) -> None:
    assert percent(ratio, places) == text


@pytest.mark.parametrize(
    ("least_s", "most_s", "text"), [(720.0, 1_440.0, "12 min to 24 min"), (60.2, 60.4, "60 s")]
)
def test_a_span_whose_ends_read_alike_is_told_once(least_s: float, most_s: float, text: str) -> None:
    assert span_text(least_s, most_s) == text
