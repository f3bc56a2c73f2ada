"""One colour and marker per target, the same in every picture and table.

Colours: the hues of Okabe and Ito, Color Universal Design (2008), which colour-blind readers tell apart too, each
as dark (on a light page) or as light (on a dark one) as text has to be. The targets of the published comparison
take the first ones in its order; others follow by name. A variant has its target's colour,
and a marker and dashes of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """How a target is drawn. `slot` numbers the colour; `dark` is the same hue on a dark page."""

    slot: int
    light: str
    dark: str
    marker: str
    dashes: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Colour:
    """A colour on a light and on a dark page."""

    light: str
    dark: str


COLOURS = (
    Colour("#0072b2", "#4aa8e0"),  # blue
    Colour("#b94f00", "#f08a3c"),  # vermillion
    Colour("#007f5c", "#2fc49a"),  # bluish green
    Colour("#b0588a", "#dd93bd"),  # reddish purple
    Colour("#9a6a00", "#e6b422"),  # orange
    Colour("#3a7ca5", "#8ac6ea"),  # sky blue
    Colour("#5b5f66", "#b6bcc4"),  # grey in place of black, which is the text's
    Colour("#7a7400", "#d9d04a"),  # yellow
)
INK = Colour("#1c2128", "#e6e9ed")
SOFT = Colour("#5a626c", "#a3abb5")
GRID = Colour("#e2e5e9", "#31363d")
PAPER = Colour("#ffffff", "#15181c")

_MARKERS = "osD^vPX*"
_DASHES: tuple[tuple[float, ...], ...] = ((), (5, 2), (1.5, 1.5), (5, 2, 1.5, 2))


def looks(targets: Iterable[str], first: Sequence[str] = ()) -> dict[str, Look]:
    """target id → look. `first`: names that take the first colours."""
    ids = sorted(set(targets))
    bases = list(dict.fromkeys(i.partition("+")[0] for i in ids))
    slots = {name: n for n, name in enumerate(first)}
    for base in bases:
        slots.setdefault(base, len(slots))
    variants: dict[str, int] = {}
    turns: dict[int, int] = {}
    found = {}
    for target in ids:
        base = target.partition("+")[0]
        variant = variants[base] = variants.get(base, -1) + 1
        slot = slots[base] % len(COLOURS)
        turn = turns[slot] = turns.get(slot, -1) + 1
        colour = COLOURS[slot]
        found[target] = Look(
            slot=slot,
            light=colour.light,
            dark=colour.dark,
            marker=_MARKERS[(slots[base] + slots[base] // len(COLOURS) + 4 * variant) % len(_MARKERS)],
            dashes=_DASHES[turn % len(_DASHES)],
        )
    return found
