"""Places for names beside points, so that none covers another or a line. Pure; in points, from below and the left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""x and y in each row."""

GAP_POINTS = 14.0
"""From line to line of names."""
AWAY_POINTS = 8.0
"""From a line's end to its name."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a name stands: so far up from its point, after it or before it. `crosses`: a line goes through it."""

    up: float
    before: bool = False
    crosses: bool = False


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


@dataclass(frozen=True, slots=True)
class Field:
    """Where names may stand: not left of it, between two heights, and off the lines, given as points along them."""

    left: float
    bottom: float
    top: float
    lines: Points

    def crosses(self, box: Box) -> bool:
        x, y = self.lines[:, 0], self.lines[:, 1]
        hit = (x > box.left) & (x < box.right) & (y > box.bottom) & (y < box.top)
        return bool(hit.any())


def place(
    points: Sequence[tuple[float, float]], widths: Sequence[float], last: Sequence[int], field: Field
) -> list[Spot]:
    """Where each name stands, so that none covers another's name, point or, where there is room, a line.

    The `last` stand below one another to the right of all, in their order; the others stay as near as they can.
    """
    spots = [Spot(0.0)] * len(points)
    heights = within(spread([points[n][1] for n in last], GAP_POINTS), GAP_POINTS, field.bottom, field.top)
    for n, height in zip(last, heights, strict=True):
        spots[n] = Spot(height - points[n][1])
    right = max((points[n][0] for n in last), default=0.0)
    taken = [_name_box((right, points[n][1]), spots[n], widths[n]) for n in last]
    for n in sorted(set(range(len(points))) - set(last), key=lambda n: (-points[n][1], points[n][0])):
        marks = [_mark_box(point) for other, point in enumerate(points) if other != n]
        boxes = [(spot, _name_box(points[n], spot, widths[n])) for spot in _tried(points[n][1], field)]
        free = [
            (spot, box)
            for spot, box in boxes
            if box.left >= field.left and not any(box.meets(one) for one in (*taken, *marks))
        ]
        clear = next((found for found in free if not field.crosses(found[1])), None)
        spots[n], box = clear or (free or boxes)[0]
        spots[n] = replace(spots[n], crosses=clear is None)
        taken.append(box)
    return spots


def _tried(y: float, field: Field) -> list[Spot]:
    """The nearest first; after the point before it."""
    steps = int((field.top - field.bottom) // (GAP_POINTS / 2))
    shifts = [GAP_POINTS / 2 * step * sign for step in range(steps + 1) for sign in (1, -1)]
    inside = [shift for shift in shifts if field.bottom <= y + shift <= field.top] or [0.0]
    return [Spot(shift, before) for shift in inside for before in (False, True)]


def _name_box(point: tuple[float, float], spot: Spot, width: float) -> Box:
    left = point[0] - AWAY_POINTS - width if spot.before else point[0] + AWAY_POINTS
    middle = point[1] + spot.up
    return Box(left, middle - GAP_POINTS / 2, left + width, middle + GAP_POINTS / 2)


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


def within(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions at least `gap` apart, moved into low..high as far as that has room for them."""
    placed = list(positions)
    order = sorted(range(len(placed)), key=placed.__getitem__)
    for number, index in enumerate(order):
        placed[index] = max(placed[index], low + gap * number)
    for number, index in enumerate(reversed(order)):
        placed[index] = min(placed[index], high - gap * number)
    return placed
