"""Pictures of memory: before, during and after a load, and by the number of connections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from harness.report.charts.drawing import Picture, make_picture, plain_ticks
from harness.report.charts.labels import End, label_ends
from harness.report.charts.material import Material, alpha, known, name
from harness.report.numbers import scaled, value_text

_LEVELS = (
    ("idle_rss_bytes", "idle", "o", "none"),
    ("loaded_rss_bytes", "loaded", "o", "full"),
    ("peak_rss_bytes", "peak", "|", "full"),
    ("after_rss_bytes", "after", "x", "full"),
)


def levels(material: Material) -> Iterator[Picture]:
    """Idle, loaded, peak and after, one line per target."""
    rows = [(r, look) for r, _, look in material.rows() if known(r, "loaded_rss_bytes")]
    if rows:
        yield make_picture(
            f"{material.scenario.name}-memory",
            "Memory before, during and after the load",
            "Resident memory of all the service's processes. Hollow: idle. Filled: median under load. Bar: highest. "
            "Cross: two seconds after. The scale is logarithmic: each step is a multiple.",
            lambda axes: _draw_levels(axes, rows),
            height_inches=1.0 + 0.42 * len(rows),
        )


def _draw_levels(axes: Any, rows: Sequence[Any]) -> str:
    texts = []
    for place, (row, look) in enumerate(rows):
        tint = look.light
        values = {}
        for key, label, marker, fill in _LEVELS:
            if figure := known(row, key):
                value = values[label] = scaled(figure.centre or 0.0, "MiB")
                axes.plot(
                    [value], [place], marker, color=tint, alpha=alpha(row), markersize=8,
                    markerfacecolor="none" if fill == "none" else tint, markeredgewidth=1.8,
                )  # fmt: skip
        axes.plot([min(values.values()), max(values.values())], [place, place], color=tint, alpha=0.35)
        texts.append(f"{name(row)}: " + ", ".join(f"{label} {v:.3g} MiB" for label, v in values.items()))
    axes.set_xscale("log")
    axes.minorticks_off()
    plain_ticks(axes.xaxis)
    axes.margins(x=0.06)
    axes.set_yticks(range(len(rows)), [name(row) for row, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("resident memory, MiB")
    return "; ".join(texts)


def by_connections(material: Material) -> Iterator[Picture]:
    """Memory with more and more kept connections."""
    keys = [k for k in material.scenario.columns if k.startswith("rss_bytes_at_")]
    rows = [(r, look) for r, _, look in material.rows() if any(known(r, k) for k in keys)]
    if rows and len(keys) > 1:
        yield make_picture(
            f"{material.scenario.name}-connections",
            "Memory by kept connections",
            "Resident memory with so many keep-alive connections that were each used once and then wait. The steeper "
            "a line, the more each connection costs.",
            lambda axes: _draw_connections(axes, rows, keys),
        )


def _draw_connections(axes: Any, rows: Sequence[Any], keys: Sequence[str]) -> str:
    ends, texts = [], []
    for row, look in rows:
        points = [
            (int(k.removeprefix("rss_bytes_at_")), scaled(f.centre or 0.0, "MiB"))
            for k in keys
            if (f := known(row, k))
        ]
        x, y = [p[0] for p in points], [p[1] for p in points]
        axes.plot(x, y, marker=look.marker, color=look.light, alpha=alpha(row))
        ends.append(End(x[-1], y[-1], name(row), look.light))
        texts.append(f"{name(row)}: " + ", ".join(f"{n:,} {value_text(v, '')} MiB" for n, v in points))
    for axis, set_scale in ((axes.xaxis, axes.set_xscale), (axes.yaxis, axes.set_yscale)):
        set_scale("log")
        plain_ticks(axis)
    axes.minorticks_off()
    axes.set_xlabel("kept connections")
    axes.set_ylabel("resident memory, MiB")
    label_ends(axes, ends)
    return "; ".join(texts)


LOAD_PICTURES = (levels,)
CONNECTION_PICTURES = (by_connections,)
