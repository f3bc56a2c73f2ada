"""Names beside what they name: where lines end, at markers, or above a picture; none covers another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.transforms import offset_copy

_GAP_POINTS = 14.0
"""From line to line of names."""
_AWAY_POINTS = 8.0
"""From a line's end to its name."""
_LETTER_POINTS = 7.4
"""What a bold letter takes at most, on average over a name."""
_EDGE_SHARE = 0.12
"""Of the picture's width: lines that end within so much of the last one have their names below one another."""
_LETTERS_A_LINE = 56
"""Bold ones, over the picture's whole width."""
_LED_POINTS = 3.0
"""A name further from its line than this is led there by a hair."""


@dataclass(frozen=True, slots=True)
class End:
    """Where a line ends, and what it is called."""

    x: float
    y: float
    text: str
    colour: str


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, in points."""

    left: float
    bottom: float
    right: float
    top: float

    def meets(self, other: Box) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.bottom < other.top
            and other.bottom < self.top
        )


def label_ends(axes: Any, ends: Sequence[End]) -> None:
    """Names lines at their ends. Limits must be final."""
    if not ends:
        return
    axes.figure.draw_without_rendering()
    points = [
        (float(x) * 72 / axes.figure.dpi, float(y) * 72 / axes.figure.dpi)
        for x, y in (axes.transData.transform((e.x, e.y)) for e in ends)
    ]
    edge = max(x for x, _ in points) - _EDGE_SHARE * axes.bbox.width * 72 / axes.figure.dpi
    last = [n for n, (x, _) in enumerate(points) if x >= edge]
    last_x = max(ends[n].x for n in last)
    shifts = place(points, [len(e.text) * _LETTER_POINTS for e in ends], last)
    for number, (end, shift) in enumerate(zip(ends, shifts, strict=True)):
        x = last_x if number in last else end.x
        led = abs(shift) > _LED_POINTS or x != end.x
        hair = {"arrowstyle": "-", "color": end.colour, "linewidth": 0.7, "alpha": 0.7}
        axes.annotate(
            end.text,
            xy=(end.x, end.y),
            xytext=(x, end.y),
            textcoords=offset_copy(axes.transData, axes.figure, _AWAY_POINTS, shift, units="points"),
            color=end.colour,
            va="center",
            fontweight="bold",
            annotation_clip=False,
            arrowprops={**hair, "relpos": (0, 0.5), "shrinkA": 0, "shrinkB": 1} if led else None,
        )


def place(points: Sequence[tuple[float, float]], widths: Sequence[float], last: Sequence[int]) -> list[float]:
    """How far each name moves up, so that none covers another's name or point. In points.

    The `last` stand below one another to the right of all, in their order; the others stay as near as they can.
    """
    shifts = [0.0] * len(points)
    spread_out = spread([points[n][1] for n in last], _GAP_POINTS)
    for n, height in zip(last, spread_out, strict=True):
        shifts[n] = height - points[n][1]
    right = max((points[n][0] for n in last), default=0.0)
    taken = [_name_box((right, points[n][1]), shifts[n], widths[n]) for n in last]
    for n in sorted(set(range(len(points))) - set(last), key=lambda n: (-points[n][1], points[n][0])):
        marks = [_mark_box(point) for other, point in enumerate(points) if other != n]
        steps = (_GAP_POINTS / 2 * step * sign for step in range(2 * len(points) + 2) for sign in (1, -1))
        boxes = ((shift, _name_box(points[n], shift, widths[n])) for shift in steps)
        free = ((s, box) for s, box in boxes if not any(box.meets(one) for one in (*taken, *marks)))
        shifts[n], box = next(free, (0.0, _name_box(points[n], 0.0, widths[n])))
        taken.append(box)
    return shifts


def _name_box(point: tuple[float, float], shift: float, width: float) -> Box:
    left, middle = point[0] + _AWAY_POINTS, point[1] + shift
    return Box(left, middle - _GAP_POINTS / 2, left + width, middle + _GAP_POINTS / 2)


def _mark_box(point: tuple[float, float]) -> Box:
    return Box(point[0] - 5, point[1] - 5, point[0] + 5, point[1] + 5)


def spread(positions: Sequence[float], gap: float) -> list[float]:
    """Positions moved apart to at least `gap`, as little as it takes, their order kept."""
    groups: list[tuple[list[int], float]] = []  # members, and where their middle is
    for index in sorted(range(len(positions)), key=positions.__getitem__):
        members, middle = [index], positions[index]
        while groups and middle - groups[-1][1] < gap * (len(members) + len(groups[-1][0])) / 2:
            others, other_middle = groups.pop()
            middle = (other_middle * len(others) + middle * len(members)) / (len(others) + len(members))
            members = others + members
        groups.append((members, middle))
    placed = [0.0] * len(positions)
    for members, middle in groups:
        for number, index in enumerate(members):
            placed[index] = middle + gap * (number - (len(members) - 1) / 2)
    return placed


def legend(axes: Any, ends: Sequence[End]) -> None:
    """Names above the picture, for lines that all end at one place; as many to a line as the longest allows."""
    longest = max((len(end.text) for end in ends), default=0)
    a_line = max(1, min(len(ends), 4, _LETTERS_A_LINE // (longest + 2)))
    lines = -(-len(ends) // a_line)
    for number, end in enumerate(ends):
        line, place = divmod(number, a_line)
        axes.annotate(
            end.text,
            (place / a_line, 1.0),
            xycoords="axes fraction",
            xytext=(0, 18 + 13 * (lines - 1 - line)),
            textcoords="offset points",
            color=end.colour,
            fontweight="bold",
        )
