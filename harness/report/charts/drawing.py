"""How every picture is drawn: one style, labels beside their lines, the same bytes from the same figures."""

from __future__ import annotations

import io
import math
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from harness.report.palette import COLOURS, GRID, INK, PAPER, SOFT

WIDTH_INCHES = 7.2
_REMARK_LETTERS = 130
_LAYOUT_ROUNDS = 2
"""Names at the ends of lines move with the axes that make room for them."""

_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "fixed",
    "path.simplify": True,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10.5,
    "axes.edgecolor": SOFT.light,
    "axes.labelcolor": SOFT.light,
    "axes.labelsize": 10.5,
    "axes.labelpad": 6,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": GRID.light,
    "grid.linewidth": 0.8,
    "text.color": INK.light,
    "xtick.color": SOFT.light,
    "ytick.color": SOFT.light,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "lines.linewidth": 1.8,
    "figure.facecolor": PAPER.light,
    "axes.facecolor": "none",
}


@dataclass(frozen=True)
class Picture:
    """One picture: `title` and `caption` stand around it, `text` says its content to who cannot see it."""

    name: str
    title: str
    caption: str
    text: str
    svg: str
    figure: Figure

    def alone(self, remark: str) -> tuple[str, bytes]:
        """(SVG, PNG) for where no page stands around it: with its title above, and a remark below."""
        svg, png = io.StringIO(), io.BytesIO()
        with mpl.rc_context(_STYLE):
            above = self.figure.text(0.01, 1.02, self.title, va="bottom", fontsize=12, fontweight="bold")
            lines = "\n".join(textwrap.wrap(remark, _REMARK_LETTERS))
            below = self.figure.text(0.01, -0.03, lines, va="top", fontsize=7.5, color=SOFT.light)
            whole: Any = {"bbox_inches": "tight", "pad_inches": 0.15}
            self.figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None}, **whole)
            self.figure.savefig(png, format="png", dpi=144, metadata={"Software": None}, **whole)
            above.remove()
            below.remove()
        return _tidy(svg.getvalue(), self.name), png.getvalue()


def make_picture(
    name: str,
    title: str,
    caption: str,
    draw: Callable[..., str],
    height_inches: float = 3.4,
    parts: Sequence[float] = (1.0,),
) -> Picture:
    """Draws on fresh axes. `draw` gets them and gives the picture's content in words.

    `parts`: heights, relative to one another, of several axes above one another that share their x axis.
    """
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH_INCHES, height_inches), layout="constrained")
        made = figure.subplots(len(parts), 1, sharex=True, squeeze=False, height_ratios=list(parts))
        text = draw(*made[:, 0])
        for _ in range(_LAYOUT_ROUNDS):
            figure.draw_without_rendering()
        figure.set_layout_engine("none")  # laid out now; every further drawing would do it again
        return Picture(name, title, caption, text, _svg(figure, name), figure)


def _svg(figure: Figure, name: str) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return _tidy(out.getvalue(), name)


_REFERENCE = re.compile(r"(?:url\(#|href=\"#)([\w.-]+)")
_ID = re.compile(r" id=\"([\w.-]+)\"")


def _tidy(svg: str, name: str) -> str:
    """Without ids that nobody refers to; the others carry the picture's name, so that pictures share a page."""
    used = set(_REFERENCE.findall(svg))
    svg = _ID.sub(lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", svg)
    svg = re.sub(r"(url\(#|href=\"#)", rf"\g<1>{name}-", svg)
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


# --- on a page that may be light or dark ---------------------------------------------------------------------

_VARIABLES = {
    INK.light: "var(--ink)",
    SOFT.light: "var(--soft)",
    GRID.light: "var(--grid)",
    PAPER.light: "var(--paper)",
    **{c.light: f"var(--target-{n})" for n, c in enumerate(COLOURS)},
}


def inlined(picture: Picture) -> str:
    """The SVG element for a page: its colours are the page's, its text scales with it."""
    body = picture.svg[picture.svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", body, flags=re.S)
    for literal, variable in _VARIABLES.items():
        body = body.replace(literal, variable)
    body = re.sub(r"<svg ([^>]*?)width=\"[^\"]*\"", r"<svg \1", body, count=1)
    body = re.sub(r"<svg ([^>]*?)height=\"[^\"]*\"", r"<svg \1", body, count=1)
    body = body.replace("'DejaVu Sans', ", "").replace("'DejaVu Sans'", "sans-serif")
    return body.replace("<svg ", f'<svg role="img" aria-labelledby="about-{picture.name}" ', 1)


def plain_ticks(axis: Any) -> None:
    """Round figures on a logarithmic axis, written out; every power of ten, and 2 and 5 where there is room."""
    low, high = axis.get_view_interval()
    decades = math.log10(high / low)
    steps: tuple[float, ...] = (1.0, 2.0, 5.0) if decades < 2.2 else (1.0, 3.0) if decades < 3.5 else (1.0,)
    if decades < 0.7:
        steps = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)
    axis.set_major_locator(LogLocator(base=10, subs=steps, numticks=20))
    axis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 10 else f"{value:.3g}")
