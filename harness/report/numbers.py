"""Figures as text: three digits that count, one unit per column, never more precision than was measured."""

from __future__ import annotations

import math

from harness.report.model import Display, Figure
from harness.units import BYTES_PER_GIB, BYTES_PER_MIB, NS_PER_MS, NS_PER_US

MISSING = "–"
_MOST_TIMES = 10
_BOUNDLESS = f"×÷>{_MOST_TIMES}"
"""What stands for an interval so wide that its ends would only look like figures."""

_SCALE: dict[Display, float] = {
    "/s": 1.0,
    "ms": 1 / NS_PER_MS,
    "µs": 1 / NS_PER_US,
    "s": 1.0,
    "MiB": 1 / BYTES_PER_MIB,
    "KiB": 1 / 1024,
    "%": 100.0,
    "": 1.0,
}


def scaled(value: float, display: Display) -> float:
    """From ns, bytes, ratios to the unit that people see."""
    return value * _SCALE[display]


def significant(value: float, digits: int = 3) -> str:
    """`12,300`, `104`, `12.3`, `0.412`: rounded to `digits` that count."""
    if value == 0:
        return "0"
    rounded = round(value, digits - 1 - math.floor(math.log10(abs(value))))
    places = digits - 1 - math.floor(math.log10(abs(rounded)))  # 9.996 is 10.0
    return f"{rounded:,.{max(0, places)}f}"


def limit_text(value: float) -> str:
    """A limit is set, not measured: `0.1`, `1,024`, all of its digits and no others."""
    return f"{value:,.10g}"


def value_text(value: float | None, display: Display) -> str:
    """Without its unit, which stands in the column's head."""
    if value is None:
        return MISSING
    number = scaled(value, display)
    if display == "":
        return f"{number:,.0f}" if number == int(number) else f"{number:,.1f}"
    if display == "s" and number == int(number):
        return f"{number:,.0f}"
    if display == "%":
        return significant(number, 2) if number < 10 else f"{number:.0f}"
    return significant(number)


def figure_text(figure: Figure, display: Display) -> str:
    """`≥ 12,300`, `4.31`, `–`."""
    text = value_text(figure.centre, display)
    return f"≥ {text}" if figure.at_least and figure.centre is not None else text


def interval_text(figure: Figure, display: Display) -> str:
    """`12,100–12,500`; as `spread_text` where the ends say nothing or there is no interval."""
    spread = spread_text(figure)
    if figure.low is None or figure.high is None or spread in ("", _BOUNDLESS):
        return spread
    return f"{value_text(figure.low, display)}–{value_text(figure.high, display)}"


def spread_text(figure: Figure) -> str:
    """`±3%`: half the interval on the log scale, relative to the centre; empty where there is none.

    A lower bound has none: what its trials differ by says nothing of the figure itself.
    """
    if figure.at_least or figure.low is None or figure.high is None or figure.low <= 0:
        return ""
    half = math.sqrt(figure.high / figure.low) - 1
    if half > _MOST_TIMES - 1:
        return _BOUNDLESS
    return f"±{math.ceil(round(half * 100, 6))}%" if half < 1 else f"×÷{1 + half:.1f}"


def ratio_text(ratio: float) -> str:
    """`1.84 ×`."""
    return f"{significant(ratio)} ×"


def percent_text(ratio: float) -> str:
    """`1.3 %`; what is under a tenth is not told apart."""
    return f"{significant(ratio * 100, 2)} %" if ratio >= 0.001 else "< 0.1 %"


def gibibytes_text(value_bytes: int | None) -> str:
    """Memory of a machine: `24 GiB`."""
    return MISSING if value_bytes is None else f"{value_bytes / BYTES_PER_GIB:.0f} GiB"
