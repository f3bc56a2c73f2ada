"""Pictures of a load: how latency spreads, what was got through, and what happens as the rate rises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from harness.report.charts.drawing import Picture, make_picture, plain_ticks
from harness.report.charts.labels import End, label_ends
from harness.report.charts.material import Material, alpha, known, name
from harness.report.charts.records import merged_latency
from harness.report.metrics import Record, percentile
from harness.report.numbers import figure_text, scaled, significant, value_text
from harness.report.palette import SOFT
from harness.stats.histogram import Histogram
from harness.stats.quantile import median
from harness.units import NS_PER_MS

_SPOKEN = (50.0, 90.0, 99.0, 99.9)
_PERCENTS = (0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999)


def latency_by_percentile(material: Material) -> Iterator[Picture]:
    """One for each open window: the whole distribution, not one figure of it."""
    for panel in material.panels("open"):
        merged = [
            (r, look, merged_latency(material.run_path, t, panel.name)) for r, t, look in material.rows()
        ]
        curves = [(row, look, found) for row, look, found in merged if len(found.curve()) > 1]
        if curves:
            yield make_picture(
                f"{material.scenario.name}-{panel.name}-latency",
                f"Response time by percentile, {panel.title}",
                "Each line is all requests of one target, of all its trials together, fastest to slowest; every step "
                "to the right is ten times rarer. Lower is better, and a line that stays flat keeps its promises for "
                "the unlucky requests too.",
                partial(_draw_curves, curves=curves),
            )


def _draw_curves(axes: Any, curves: Sequence[Any]) -> str:
    ends = []
    for row, look, found in curves:
        curve = found.curve()
        x = [1 / (1 - point.percentile / 100) for point in curve]
        y = [point.value_ns / NS_PER_MS for point in curve]
        axes.plot(x, y, color=look.light, alpha=alpha(row), dashes=look.dashes or (None, None))
        ends.append(End(x[-1], y[-1], name(row), look.light))
    axes.set_xscale("log")
    axes.set_yscale("log")
    right = max(end.x for end in ends)
    percents = [p for p in _PERCENTS if 1 / (1 - p / 100) <= right * 1.01]
    axes.set_xlim(1, right * 1.05)
    axes.set_xticks([1 / (1 - p / 100) for p in percents], [f"{p:g} %" for p in percents])
    axes.minorticks_off()
    plain_ticks(axes.yaxis)
    axes.set_xlabel("percent of requests that were at least as fast")
    axes.set_ylabel("response time, ms")
    label_ends(axes, ends)
    return "; ".join(f"{name(row)}: {_percentiles_text(found)}" for row, _, found in curves)


def _percentiles_text(found: Histogram) -> str:
    """`P50 0.235 ms, P99 0.759 ms`: of those that can be told."""
    known = [(p, value_ns) for p in _SPOKEN if (value_ns := found.percentile(p)) is not None]
    return ", ".join(f"P{p:g} {significant(value_ns / NS_PER_MS)} ms" for p, value_ns in known)


def throughput(material: Material) -> Iterator[Picture]:
    """One for each closed window: every trial a dot, the interval a bar."""
    for panel in material.panels("closed"):
        key = f"{panel.name}/throughput_rps"
        rows = [(r, look) for r, _, look in material.rows() if known(r, key)]
        if rows:
            yield make_picture(
                f"{material.scenario.name}-{panel.name}-throughput",
                f"Throughput, {panel.title}",
                "Small dots are trials, the large one their centre, the bar its 95 % interval. Whether "
                "two differ, the table says. Hollow: the target may not have been the limit.",
                partial(_draw_dots, rows=rows, key=key),
                height_inches=1.1 + 0.42 * len(rows),
            )


def _draw_dots(axes: Any, rows: Sequence[Any], key: str) -> str:
    texts = []
    for place, (row, look) in enumerate(rows):
        figure = row.figures[key]
        tint = look.light
        axes.plot(figure.trials, [place] * len(figure.trials), ".", color=tint, alpha=0.45 * alpha(row))
        if figure.low is not None and figure.high is not None:
            axes.plot([figure.low, figure.high], [place, place], color=tint, alpha=alpha(row), linewidth=2.2)
        fill = "none" if figure.at_least else tint
        axes.plot(
            [figure.centre],
            [place],
            look.marker,
            color=tint,
            markerfacecolor=fill,
            alpha=alpha(row),
            markersize=8,
        )
        text = f"{figure_text(figure, '/s')}/s"
        axes.annotate(
            text, (figure.centre, place), xytext=(0, 9), textcoords="offset points", ha="center", color=tint
        )
        texts.append(f"{name(row)} {text}")
    axes.set_yticks(range(len(rows)), [name(row) for row, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.75)
    axes.set_xlim(left=0)
    axes.margins(x=0.08)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlabel("requests a second")
    return "; ".join(texts)


def rate_against_latency(material: Material) -> Iterator[Picture]:
    """P99 over the offered rate: open windows, and what the search for capacity tried."""
    drawn = [
        (row, look, points)
        for row, trials, look in material.rows()
        if len(points := _points(material, trials)) > 1
    ]
    if not drawn:
        return
    limits_ns = {w["p99_limit_ns"] for _, w in _capacities(material)}
    yield make_picture(
        f"{material.scenario.name}-rates",
        "Response time against offered rate",
        "P99 response time at each rate that was offered, the median of the trials that were offered it. Where a "
        "line turns upwards the service nears its capacity, the highest rate within the limit (dashed), "
        "marked for each target.",
        lambda axes: _draw_rates(axes, material, drawn, sorted(limits_ns)),
    )


def _capacities(material: Material) -> list[tuple[Record, Record]]:
    """(trial, window) of every search for capacity."""
    return [
        (trial, window)
        for _, trials, _ in material.rows()
        for trial in trials
        for window in trial.get("windows") or []
        if window["mode"] == "capacity"
    ]


def _points(material: Material, trials: Sequence[Record]) -> list[tuple[float, float]]:
    """(rate in requests/s, P99 in ms) of all trials, by rate; rates within 2 % of one another as their median."""
    found: list[tuple[float, float]] = []
    for trial in trials:
        for window in trial.get("windows") or []:
            if window["mode"] == "capacity":
                probes = [p for p in window["probes"] if p["p99_ns"] is not None and p["holds"] is not None]
                found += [(p["rate_rps"], p["p99_ns"] / NS_PER_MS) for p in probes]
            elif (
                window["mode"] == "open"
                and window["intended_rps"]
                and (p99_ns := percentile("p99_ns")(window))
            ):
                found.append((window["intended_rps"], p99_ns / NS_PER_MS))
    groups: list[list[tuple[float, float]]] = []
    for point in sorted(found):
        if groups and point[0] <= groups[-1][0][0] * 1.02:
            groups[-1].append(point)
        else:
            groups.append([point])
    return [(median([x for x, _ in g]), median([y for _, y in g])) for g in groups]


def _draw_rates(axes: Any, material: Material, drawn: Sequence[Any], limits_ns: Sequence[int]) -> str:
    ends, texts = [], []
    for row, look, points in drawn:
        x, y = [p[0] for p in points], [p[1] for p in points]
        said = []
        axes.plot(x, y, marker=".", color=look.light, alpha=alpha(row))
        for key, figure in row.figures.items():
            if key.endswith("/capacity_rps") and figure.centre is not None:
                p99 = known(row, key.replace("capacity_rps", "p99_ns"))
                at = (p99.centre or 0) / NS_PER_MS if p99 else y[-1]
                fill = "none" if figure.at_least else look.light
                axes.plot(
                    [figure.centre],
                    [at],
                    look.marker,
                    color=look.light,
                    markerfacecolor=fill,
                    markersize=8,
                )
                said.append(f"{key.partition('/')[0]} {figure_text(figure, '/s')}/s")
        ends.append(End(x[-1], y[-1], name(row), look.light))
        said += [f"{value_text(a, '/s')}/s {significant(b)} ms" for a, b in points]
        texts.append(f"{name(row)}: {', '.join(said)}")
    for limit_ns in limits_ns:
        axes.axhline(limit_ns / NS_PER_MS, color=SOFT.light, linestyle=(0, (4, 3)), linewidth=1)
    axes.set_yscale("log")
    axes.minorticks_off()
    plain_ticks(axes.yaxis)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlabel("requests a second, offered")
    axes.set_ylabel("P99 response time, ms")
    label_ends(axes, ends)
    return "; ".join(texts)


def throughput_against_memory(material: Material) -> Iterator[Picture]:
    """What a service gives for what it takes: its capacity, or its peak where no capacity was searched."""
    for kind, metric, gives in (
        ("capacity", "capacity_rps", "Capacity"),
        ("closed", "throughput_rps", "Throughput"),
    ):
        for panel in material.panels(kind):
            key = f"{panel.name}/{metric}"
            rows = [
                (r, look) for r, _, look in material.rows() if known(r, key) and known(r, "loaded_rss_bytes")
            ]
            if len(rows) > 1:
                yield make_picture(
                    f"{material.scenario.name}-pareto",
                    f"{gives} against memory, {panel.title.partition(' with ')[2] or panel.title}",
                    "Up and to the left is better: more requests from less memory. The dotted line joins those that "
                    "no other beats in both. Hollow: at least so many.",
                    partial(_draw_pareto, rows=rows, key=key),
                )
                return


def _draw_pareto(axes: Any, rows: Sequence[Any], key: str) -> str:
    ends, texts, points = [], [], []
    for row, look in rows:
        x = scaled(row.figures["loaded_rss_bytes"].centre, "MiB")
        y = row.figures[key].centre
        fill = "none" if row.figures[key].at_least else look.light
        axes.plot(
            [x], [y], look.marker, color=look.light, markerfacecolor=fill, alpha=alpha(row), markersize=9
        )
        ends.append(End(x, y, name(row), look.light))
        texts.append(f"{name(row)}: {figure_text(row.figures[key], '/s')}/s with {x:.3g} MiB")
        if row.valid:
            points.append((x, y))
    best = unbeaten(points)
    axes.step(
        [x for x, _ in best], [y for _, y in best], where="post", color=SOFT.light, linestyle=":", linewidth=1
    )
    axes.set_xscale("log")
    axes.margins(x=0.12, y=0.18)
    axes.set_ylim(bottom=0)
    axes.minorticks_off()
    plain_ticks(axes.xaxis)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlabel("memory under load (RSS), MiB")
    axes.set_ylabel("requests a second")
    label_ends(axes, ends)
    return "; ".join(texts)


def unbeaten(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Those of (cost, gain) for which no other costs no more and gains no less, the cheapest first."""
    best: list[tuple[float, float]] = []
    for cost, gain in sorted(points, key=lambda p: (p[0], -p[1])):
        if not best or gain > best[-1][1]:
            best.append((cost, gain))
    return best


PICTURES = (latency_by_percentile, throughput, rate_against_latency, throughput_against_memory)
