"""Names beside what they name: where lines end, at markers, or above a picture; none covers another or a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.transforms import offset_copy

from harness.report.charts.places import AWAY_POINTS, GAP_POINTS, Field, Points, place
from harness.report.palette import PAPER

_LETTER_POINTS = 7.4
"""What a bold letter takes at most, on average over a name."""
_EDGE_SHARE = 0.12
"""Of the picture's width: lines that end within so much of the last one have their names below one another."""
_LETTERS_A_LINE = 56
"""Bold ones, over the picture's whole width."""
_ROUNDS = 2
_STEP_POINTS = 2.0
"""From one to the next of the points that stand for a line."""
_VEIL: Any = {"facecolor": PAPER.light, "edgecolor": "none", "alpha": 0.75, "pad": 0.5}
"""Behind a name that no place without lines was left for."""
_LED_POINTS = 3.0
"""A name further from its line than this is led there by a hair."""


@dataclass(frozen=True, slots=True)
class End:
    """Where a line ends, what it is called, and the marker that it carries, if it does."""

    x: float
    y: float
    text: str
    colour: str
    marker: str = ""


def label_ends(axes: Any, ends: Sequence[End]) -> None:
    """Names lines at their ends. Limits must be final."""
    if not ends:
        return
    named: list[Any] = []
    for _ in range(_ROUNDS):  # names take room from the axes, and other axes are other places
        axes.figure.draw_without_rendering()
        for one in named:
            one.remove()
        named = _name(axes, ends)


def _name(axes: Any, ends: Sequence[End]) -> list[Any]:
    scale = 72 / axes.figure.dpi
    points = [(float(x), float(y)) for x, y in axes.transData.transform([(e.x, e.y) for e in ends]) * scale]
    frame = axes.bbox.frozen()
    field = Field(
        frame.x0 * scale,
        frame.y0 * scale + GAP_POINTS / 2,
        frame.y1 * scale - GAP_POINTS / 2,
        np.concatenate([_along(line, scale) for line in axes.lines]),
    )
    edge = max(x for x, _ in points) - _EDGE_SHARE * frame.width * scale
    last = [n for n, (x, _) in enumerate(points) if x >= edge]
    last_x = max(ends[n].x for n in last)
    spots = place(points, [len(e.text) * _LETTER_POINTS for e in ends], last, field)
    named = []
    for number, (end, spot) in enumerate(zip(ends, spots, strict=True)):
        x = last_x if number in last else end.x
        led = abs(spot.up) > _LED_POINTS or x != end.x
        away = -AWAY_POINTS if spot.before else AWAY_POINTS
        hair = {"arrowstyle": "-", "color": end.colour, "linewidth": 0.7, "alpha": 0.7}
        named.append(
            axes.annotate(
                end.text,
                xy=(end.x, end.y),
                xytext=(x, end.y),
                textcoords=offset_copy(axes.transData, axes.figure, away, spot.up, units="points"),
                color=end.colour,
                ha="right" if spot.before else "left",
                va="center",
                fontweight="bold",
                annotation_clip=False,
                bbox=_VEIL if spot.crosses else None,
                arrowprops={**hair, "relpos": (int(spot.before), 0.5), "shrinkA": 0, "shrinkB": 1}
                if led
                else None,
            )
        )
    return named


def _along(line: Any, scale: float) -> Points:
    """The line as points close to one another."""
    corners: Points = line.get_transform().transform(line.get_xydata()) * scale
    if len(corners) < 2:
        return corners
    lengths = np.hypot(*np.diff(corners, axis=0).T)
    if not np.isfinite(lengths).all():
        return corners
    walked = np.concatenate([[0.0], np.cumsum(lengths)])
    steps = np.arange(0.0, walked[-1], _STEP_POINTS)
    return np.column_stack([np.interp(steps, walked, corners[:, axis]) for axis in (0, 1)])


def legend(axes: Any, ends: Sequence[End]) -> None:
    """Names above the picture, for lines that all end at one place; as many to a line as the longest allows."""
    longest = max((len(end.text) for end in ends), default=0)
    a_line = max(1, min(len(ends), 4, _LETTERS_A_LINE // (longest + 2)))
    lines = -(-len(ends) // a_line)
    for number, end in enumerate(ends):
        line, place = divmod(number, a_line)
        height = 18 + 13 * (lines - 1 - line)
        if end.marker:
            at = offset_copy(axes.transAxes, axes.figure, x=3, y=height + 3, units="points")
            axes.plot([place / a_line], [1.0], end.marker, color=end.colour, transform=at, clip_on=False)
        axes.annotate(
            end.text,
            (place / a_line, 1.0),
            xycoords="axes fraction",
            xytext=(10 if end.marker else 0, height),
            textcoords="offset points",
            color=end.colour,
            fontweight="bold",
        )
