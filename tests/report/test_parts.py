"""The small parts: figures as text, colours, labels, the glossary."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from harness.report.charts.places import Box, Field, place, spread, within
from harness.report.glossary import find, parse_glossary, read_glossary
from harness.report.model import Display, Figure
from harness.report.numbers import (
    figure_text,
    interval_text,
    limit_text,
    significant,
    spread_text,
    value_text,
)
from harness.report.palette import COLOURS, GRID, INK, PAPER, SOFT, Colour, looks


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.41237, "0.412"),
        (4.126, "4.13"),
        (99.96, "100"),
        (9.996, "10.0"),
        (999.7, "1,000"),
        (1234.5, "1,230"),
        (62_700, "62,700"),
    ],
)
def test_three_digits_count(value: float, text: str) -> None:
    assert significant(value) == text


@pytest.mark.parametrize(
    ("value", "display", "text"),
    [
        (None, "ms", "–"),
        (1_500_000, "ms", "1.50"),
        (172_345, "µs", "172"),
        (13 << 20, "MiB", "13.0"),
        (0.00092, "%", "0.092"),
        (0.25, "%", "25"),
        (3.0, "", "3"),
        (1.5, "", "1.5"),
        (12_345.6, "/s", "12,300"),
    ],
)
def test_values_are_shown_in_their_columns_unit(value: float | None, display: Display, text: str) -> None:
    assert value_text(value, display) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.1, "0.1"), (10.0, "10"), (1024, "1,024"), (2048.5, "2,048.5")]
)
def test_a_limit_has_all_of_its_digits(value: float, text: str) -> None:
    assert limit_text(value) == text


def test_a_lower_bound_says_at_least() -> None:
    assert figure_text(Figure(centre=2_000.0, at_least=True), "/s") == "≥ 2,000"
    assert figure_text(Figure(missing="why"), "/s") == "–"
    assert spread_text(Figure(centre=2_000.0, low=1_900.0, high=2_100.0, at_least=True)) == ""


def test_an_interval_without_bounds_has_no_ends() -> None:
    assert interval_text(Figure(centre=1e6, low=0.9e6, high=1.1e6), "ms") == "0.900–1.10"
    assert interval_text(Figure(centre=1e6, low=1.0, high=1e12), "ms") == "×÷>10"


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (None, None, ""),
        (100.0, 104.04, "±2%"),
        (99.9, 100.1, "±1%"),
        (10.0, 1000.0, "×÷10.0"),
        (0.001, 3000.0, "×÷>10"),
    ],
)
def test_a_spread_is_relative_and_rounded_up(low: float | None, high: float | None, text: str) -> None:
    assert spread_text(Figure(centre=100.0, low=low, high=high)) == text


# --- colours ---------------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2.2."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colour", [*COLOURS, INK, SOFT])
def test_text_in_every_colour_can_be_read_on_both_pages(colour: Colour) -> None:
    assert contrast(colour.light, PAPER.light) >= 4.5
    assert contrast(colour.dark, PAPER.dark) >= 4.5


def test_colours_that_become_variables_are_all_different() -> None:
    lights = [c.light for c in (*COLOURS, INK, SOFT, GRID, PAPER)]
    assert len(set(lights)) == len(lights)


def test_a_target_looks_the_same_whoever_else_is_there() -> None:
    first = ("go", "rust-axum")
    assert looks(["go", "x"], first)["go"] == looks(["rust-axum", "go", "a"], first)["go"]


def test_twelve_targets_and_their_variants_look_different() -> None:
    ids = [f"t{n:02d}" for n in range(12)] + ["t00+a", "t00+b"]
    found = looks(ids)
    assert len({(v.slot, v.dashes) for v in found.values()}) == len(ids)
    assert found["t00+a"].slot == found["t00"].slot, "a variant keeps its target's colour"
    assert found["t00+a"].marker != found["t00"].marker


# --- labels ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "positions",
    [[1.0], [5.0, 5.0, 5.0], [0.0, 100.0], [3.0, 1.0, 2.0, 50.0, 51.0], [9.0, 8.5, 8.0, 30.0, 10.0]],
)
def test_labels_move_apart_and_keep_their_order(positions: list[float]) -> None:
    placed = spread(positions, 10.0)
    ordered = sorted(zip(positions, placed, strict=True))
    assert all(b[1] - a[1] >= 10.0 - 1e-9 for a, b in itertools.pairwise(ordered))
    assert sum(placed) == pytest.approx(sum(positions)), "as a whole they stay where they are"


OPEN_FIELD = Field(0.0, 0.0, 400.0, np.empty((0, 2)))
"""Without lines."""


@pytest.mark.parametrize("count", [2, 5, 12])
def test_names_cover_neither_names_nor_points(count: int) -> None:
    points = [(40.0 + 230 * (n % 4) / 4 + 3 * n, 60.0 + 11 * (n * 7 % 5)) for n in range(count)]
    widths = [55.0 + 4 * (n % 3) for n in range(count)]
    last = [n for n, (x, _) in enumerate(points) if x > 200]
    spots = place(points, widths, last, OPEN_FIELD)
    right = max((points[n][0] for n in last), default=0.0)
    names = []
    for n, ((x, y), width, spot) in enumerate(zip(points, widths, spots, strict=True)):
        left = x - 8 - width if spot.before else (right if n in last else x) + 8
        middle = y + spot.up
        names.append((left, middle, left + width))
        others = [p for m, p in enumerate(points) if m != n and n not in last]
        assert not [p for p in others if left < p[0] < left + width and abs(p[1] - middle) < 7]
    for (a_left, a, a_right), (b_left, b, b_right) in itertools.combinations(names, 2):
        assert a_right <= b_left or b_right <= a_left or abs(a - b) >= 14.0 - 1e-9


def test_a_name_keeps_off_a_line_that_goes_on_where_its_own_ends() -> None:
    """As in a warm-up: one target is steady early, and another's curve passes by there."""
    x = np.arange(0.0, 300.0, 2.0)
    passing = np.column_stack([x, 100.0 + 0.02 * x])
    field = Field(0.0, 0.0, 200.0, passing)
    moved, stays = place([(150.0, 103.0), (300.0, 106.0)], [60.0, 60.0], [1], field)
    assert stays.up == 0.0
    assert 7.0 <= abs(moved.up) <= 21.0, "as near as it can"
    assert not moved.crosses
    left = 150.0 - 8 - 60 if moved.before else 150.0 + 8
    assert not field.crosses(Box(left, 103.0 + moved.up - 7, left + 60, 103.0 + moved.up + 7))


def test_no_name_stands_before_its_point_where_the_picture_has_no_room_for_it() -> None:
    passing = np.array([(x, 100.0) for x in range(40, 120)])
    before, cut_off = ((70.0, 100.0), 50.0), ((70.0, 100.0), 90.0)
    for (point, width), is_before in ((before, True), (cut_off, False)):
        beside = Field(0.0, 99.0, 101.0, passing[passing[:, 0] > 71])
        spot, _ = place([point, (300.0, 100.0)], [width, 60.0], [1], beside)
        assert spot.before == is_before


def test_names_stay_within_the_height_of_the_picture() -> None:
    placed = within(spread([1.0, 2.0, 3.0, 3.0], 14.0), 14.0, 0.0, 240.0)
    assert sorted(placed) == [0.0, 14.0, 28.0, 42.0]
    assert within([230.0, 250.0], 14.0, 0.0, 240.0) == [226.0, 240.0]


def test_labels_with_room_stay_where_they_are() -> None:
    assert spread([0.0, 20.0, 41.0], 10.0) == [0.0, 20.0, 41.0]


# --- glossary --------------------------------------------------------------------------------------------------


def test_one_bullet_may_explain_several_terms() -> None:
    bullets = "- **Sent**: when it left. **P50, P99**: so many percent; `x` is code.\n- **A**, **B**: both.\n"
    page = f"# G\n\n## Load\n\n{bullets}"
    entries = parse_glossary(page)
    assert [(e.names, e.text, e.section) for e in entries] == [
        (("Sent",), "when it left.", "Load"),
        (("P50", "P99"), "so many percent; x is code.", "Load"),
        (("A", "B"), "both.", "Load"),
    ]
    found = find(entries, "p99")
    assert found is not None and found.key == "term-p50"


def test_the_page_finds_every_term_it_explains() -> None:
    from harness.report.page import _TERMS

    entries = read_glossary()
    assert not [term for term in _TERMS.values() if find(entries, term) is None]
