"""Pictures over time: memory and CPU of a trial, warm-up, and fresh starts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from harness.report.charts.drawing import Picture, make_picture, plain_ticks
from harness.report.charts.labels import End, label_ends, legend
from harness.report.charts.material import Material, alpha, name
from harness.report.charts.records import Course, course
from harness.report.metrics import disturbed_tries, not_steady
from harness.report.palette import GRID, SOFT
from harness.stats.steady import whole_seconds
from harness.units import BYTES_PER_MIB, NS_PER_MS

_LETTER_SHARE = 0.018
"""Of the picture's width: what a letter of a window's name takes."""

_STRIP = 0.09
"""Of the picture's height: what the warm-ups take, all targets' together."""

_MARKS_A_LINE = 8
"""So that lines can be told apart without their colours."""

_SEARCH = (
    " The waves after the last fixed rate are the search for capacity; shaded is the rate that was found."
)
_SINCE = "seconds since the first window began"


def over_time(material: Material) -> Iterator[Picture]:
    """Memory and CPU of each target's first shown trial, of those that were disturbed least: no window stands twice."""
    found = [
        (row, look, seen)
        for row, trials, look in material.rows()
        if (seen := course(material.run_path, min(trials, key=disturbed_tries)))
    ]
    if not found:
        return
    start = f"{material.scenario.name}"
    paused = [f for f in found if f[2].pauses is not None]
    yield make_picture(
        f"{start}-memory-over-time",
        "Memory over time" + (", and pauses" if paused else ""),
        "One trial of each target. Shaded: the windows of load, and lighter, in a target's colour below, its warm-up; "
        "before that it is idle and put through the cases. A line that keeps rising would be a leak."
        + (
            " Below: the longest pause for garbage collection in each second of the trial, those between the windows "
            "too, of runtimes that log them."
            if paused
            else ""
        ),
        partial(_draw_memory, found=found, paused=paused),
        height_inches=4.3 if paused else 3.4,
        parts=(3.0, 1.0) if paused else (1.0,),
    )
    yield make_picture(
        f"{start}-cpu-over-time",
        "CPU over time",
        "Cores in use, half a second at a time. In an open window all targets get the same work, so a lower line is a "
        "cheaper service; under closed load, warm-up included, each takes what it can."
        + (_SEARCH if material.panels("capacity") else ""),
        lambda axes: _draw_cpu(axes, found),
    )


_Courses = Sequence[tuple[Any, Any, Course]]


def _draw_memory(axes: Any, below: Any = None, *, found: _Courses, paused: _Courses) -> str:
    ends, texts = [], []
    for row, look, seen in found:
        x, y = list(seen.seconds), [v / BYTES_PER_MIB for v in seen.rss_bytes]
        _line(axes, row, look, x, y)
        ends.append(End(x[-1], y[-1], name(row), look.light))
        texts.append(f"{name(row)}: from {min(y):.3g} to {max(y):.3g} MiB")
    axes.set_yscale("log")
    axes.minorticks_off()
    plain_ticks(axes.yaxis)
    axes.set_ylabel("resident memory, MiB")
    _shade(axes, found)
    if below is None:
        axes.set_xlabel(_SINCE)
    else:
        texts += _draw_pauses(below, paused)
        _shade(below, found, named=False)
    label_ends(axes, ends)
    return "; ".join(texts)


def _draw_pauses(axes: Any, paused: _Courses) -> list[str]:
    """A thin line up to the longest pause of each second."""
    texts = []
    for row, look, seen in paused:
        pauses = [(at_s, length_ns / NS_PER_MS) for at_s, length_ns in seen.pauses or ()]
        x, y = [p[0] for p in pauses], [p[1] for p in pauses]
        axes.vlines(x, 0, y, color=look.light, alpha=alpha(row), linewidth=1.4)
        longest = f"longest pause {max(y):.3g} ms" if y else "no pause"
        texts.append(f"{name(row)}: {longest}")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("pause, ms")
    axes.set_xlabel(_SINCE)
    axes.annotate(
        ", ".join(name(row) for row, _, _ in paused),
        (1.0, 1.0),
        xycoords="axes fraction",
        xytext=(7, -10),
        textcoords="offset points",
        color=paused[0][1].light if len(paused) == 1 else SOFT.light,
        fontweight="bold",
        annotation_clip=False,
    )
    return texts


def _draw_cpu(axes: Any, found: _Courses) -> str:
    ends, texts = [], []
    for row, look, seen in found:
        x, y = list(seen.cpu_seconds), list(seen.cores_used)
        if not x:
            continue
        _line(axes, row, look, x, y)
        ends.append(End(x[-1], y[-1], name(row), look.light, look.marker))
        texts.append(f"{name(row)}: from {min(y):.2f} to {max(y):.2f} cores")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("cores in use")
    axes.set_xlabel(_SINCE)
    _shade(axes, found)
    legend(axes, ends)
    return "; ".join(texts)


def _line(axes: Any, row: Any, look: Any, x: Sequence[float], y: Sequence[float]) -> None:
    axes.plot(
        x,
        y,
        color=look.light,
        alpha=alpha(row),
        dashes=look.dashes or (None, None),
        linewidth=1.4,
        marker=look.marker,
        markersize=4,
        markevery=(0, max(1, len(x) // _MARKS_A_LINE)),
    )


def _shade(axes: Any, found: _Courses, *, named: bool = True) -> None:
    """The windows, which are at about the same time for all; each target's warm-up as a strip of its own."""
    spans = found[0][2].spans
    for _, begins, finishes in spans:
        axes.axvspan(begins, finishes, color=GRID.light, alpha=0.5, linewidth=0)
    axes.margins(x=0.01)
    if named:
        _name_spans(axes, spans)
    warming = [(row, look, seen.warmup) for row, look, seen in found if named and seen.warmup]
    for place, (row, look, (begins, finishes)) in enumerate(warming):
        low, high = _STRIP * place / len(warming), _STRIP * (place + 1) / len(warming)
        axes.axvspan(begins, finishes, low, high, color=look.light, alpha=0.35 * alpha(row), linewidth=0)


def _name_spans(axes: Any, spans: Sequence[tuple[str, float, float]]) -> None:
    """Above each window its name, moved or left out where the name before it needs the room."""
    low, high = axes.get_xlim()
    free_from = low
    for title, begins, finishes in spans:
        middle, half = (begins + finishes) / 2, _LETTER_SHARE * len(title) * (high - low) / 2
        place = max(middle, free_from + half)
        if place - middle > half:
            continue
        free_from = place + half
        axes.annotate(
            title,
            (place, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            color=SOFT.light,
            fontsize=9,
        )


def warm_up(material: Material) -> Iterator[Picture]:
    """Requests a second from the first second of load on."""
    rows = [
        (row, look, trial["warmup"])
        for row, trials, look in material.rows()
        if (trial := trials[0]).get("warmup") and len(_whole_seconds(trial["warmup"])) > 1
    ]
    if rows:
        yield make_picture(
            f"{material.scenario.name}-warmup",
            "Warm-up",
            "Requests a second from the first second of load on, in one trial of each target. The mark is where the "
            "steady-state test was content; a line without one was never steady, or no more than level.",
            lambda axes: _draw_warmup(axes, rows),
        )


def _whole_seconds(warmup: Any) -> Sequence[int]:
    return whole_seconds(warmup["completed_per_second"], was_ended=not warmup["capped"])


def _draw_warmup(axes: Any, rows: Sequence[Any]) -> str:
    ends, texts = [], []
    for row, look, warmup in rows:
        series = _whole_seconds(warmup)
        x = [second + 0.5 for second in range(len(series))]
        axes.plot(x, series, color=look.light, alpha=alpha(row), dashes=look.dashes or (None, None))
        steady = warmup["steady_at_s"]
        if steady is not None and steady < len(series):
            axes.plot([x[steady]], [series[steady]], look.marker, color=look.light, markersize=8)
        texts.append(
            f"{name(row)}: "
            + (not_steady(warmup["verdict"]) if steady is None else f"steady from second {steady}")
        )
        ends.append(End(x[-1], series[-1], name(row), look.light))
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlabel("seconds of load")
    axes.set_ylabel("requests a second")
    label_ends(axes, ends)
    return "; ".join(texts)


def starts(material: Material) -> Iterator[Picture]:
    """Every fresh start a dot."""
    rows = [(row, trials, look) for row, trials, look in material.rows() if trials[0].get("cold_starts")]
    if rows:
        yield make_picture(
            f"{material.scenario.name}-starts",
            "Every fresh start",
            "Dots: time from spawn to the first healthy answer, one per start; rings: to the first authorised answer. "
            "The scale is logarithmic: each step is a multiple.",
            lambda axes: _draw_starts(axes, rows),
            height_inches=1.0 + 0.42 * len(rows),
        )


def _draw_starts(axes: Any, rows: Sequence[Any]) -> str:
    texts = []
    for place, (row, trials, look) in enumerate(rows):
        found = [s for trial in trials for s in trial["cold_starts"]]
        ready = [s["ready_ns"] / NS_PER_MS for s in found]
        authorised = [s["authorised_ns"] / NS_PER_MS for s in found]
        tint = look.light
        axes.plot(
            authorised,
            [place + 0.14] * len(found),
            "o",
            color=tint,
            markerfacecolor="none",
            alpha=0.6 * alpha(row),
        )
        axes.plot(ready, [place - 0.14] * len(found), "o", color=tint, alpha=0.6 * alpha(row), markersize=5)
        texts.append(f"{name(row)}: {min(ready):.3g} to {max(ready):.3g} ms")
    axes.set_xscale("log")
    axes.minorticks_off()
    plain_ticks(axes.xaxis)
    axes.set_yticks(range(len(rows)), [name(row) for row, _, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("ms")
    return "; ".join(texts)


PICTURES = (over_time, warm_up)
START_PICTURES = (starts,)
