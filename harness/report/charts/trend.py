"""One figure night by night: a strip for each target, its nights as dots, its levels as lines, its changes marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.report.charts.drawing import Picture, make_picture
from harness.report.numbers import scaled
from harness.report.palette import INK, SOFT, Look
from harness.report.trend_model import Series
from harness.report.trend_text import amount_text, change_text, day_text, when_text
from harness.report.wording import column_text
from harness.units import change_percent, counted

_STRIP_INCHES = 1.15
_FOOT_INCHES = 0.45
_LEAST_SPAN = 0.1
"""Of the middle, to either side: scatter of one percent is not to look like a mountain."""
_DATES = 6
_LABEL_SHARE = 0.1
"""Of the picture's width, which the label of a change takes."""


def trend_picture(name: str, series: Sequence[Series], looks: Mapping[str, Look]) -> Picture:
    """`series`: one figure of one setting, a series for each target."""
    column = series[0].column
    unit = f", {column.display}" if column.display else ""
    return make_picture(
        name,
        f"{column_text(column)}{unit}",
        "A dot is a night, a thin line its 95 % interval, a broad line the level of the nights that belong together; "
        "a dashed line is where it became another. Each strip has a scale of its own, of 10 % to either side at least.",
        lambda *axes: _draw(axes, series, looks),
        height_inches=_FOOT_INCHES + _STRIP_INCHES * len(series),
        parts=(1.0,) * len(series),
    )


def _draw(axes: Sequence[Any], series: Sequence[Series], looks: Mapping[str, Look]) -> str:
    nights = sorted({(p.origin.unix_ns, p.origin.run) for s in series for p in s.points})
    places = {night: place for place, night in enumerate(nights)}
    for strip, one in zip(axes, series, strict=True):
        _strip(strip, one, places, looks[one.target])
    last = axes[-1]
    step = max(1, -(-len(nights) // _DATES))
    shown = range(0, len(nights), step)
    last.set_xticks(list(shown), [day_text(nights[place][0]) for place in shown])
    last.set_xlim(-0.6, len(nights) - 0.4)
    return "; ".join(_text(one) for one in series)


def _strip(axes: Any, series: Series, places: Mapping[tuple[int, str], int], look: Look) -> None:
    display = series.column.display
    x = [places[p.origin.unix_ns, p.origin.run] for p in series.points]
    y = [scaled(p.centre, display) for p in series.points]
    for place, point in zip(x, series.points, strict=True):
        if point.low is not None and point.high is not None:
            ends = (scaled(point.low, display), scaled(point.high, display))
            axes.plot([place, place], ends, color=look.light, alpha=0.35, linewidth=1.0)
    axes.plot(x, y, "o", color=look.light, markersize=3.5)
    for start, end, middle in series.levels:
        level = scaled(middle, display)
        axes.plot(
            [x[start] - 0.4, x[end - 1] + 0.4],
            [level, level],
            color=look.light,
            alpha=0.55,
            linewidth=3.0,
            solid_capstyle="butt",
        )
    _mark_changes(axes, series, x, _LABEL_SHARE * len(places))
    _limits(axes, series)
    axes.annotate(
        series.target,
        (0.0, 1.0),
        xycoords="axes fraction",
        xytext=(0, 2),
        textcoords="offset points",
        color=look.light,
        fontweight="bold",
    )
    axes.locator_params(axis="y", nbins=3)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}")
    axes.tick_params(axis="both", labelsize=8.5, labelcolor=SOFT.light)


def _mark_changes(axes: Any, series: Series, x: Sequence[int], room: float) -> None:
    """`room`: nights that a label covers; of changes closer to one another only the first has one."""
    free_from = 0.0
    for shift in series.shifts:
        place = x[shift.index] - 0.5
        axes.axvline(place, color=INK.light, linewidth=1.0, dashes=(3, 2))
        if place < free_from:
            continue
        free_from = place + room
        axes.annotate(
            change_percent(shift.ratio),
            (place, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            fontsize=8.5,
            color=INK.light,
        )


def _limits(axes: Any, series: Series) -> None:
    values = [scaled(p.centre, series.column.display) for p in series.points]
    middle = sorted(values)[len(values) // 2]
    low, high = min(*values, middle * (1 - _LEAST_SPAN)), max(*values, middle * (1 + _LEAST_SPAN))
    edge = 0.06 * (high - low)
    axes.set_ylim(low - edge, high + edge)


def _text(series: Series) -> str:
    """The strip in words."""
    column, points = series.column, series.points
    span = f"{amount_text(points[0].centre, column)} to {amount_text(points[-1].centre, column)}"
    changes = [f"{change_text(column, s)} since {when_text(s.first)}" for s in series.shifts]
    told = ", ".join(changes) or (f"cannot tell yet, {series.unknown}" if series.unknown else "no change")
    return f"{series.target}: {counted(len(points), 'night')}, from {span}, {told}"
