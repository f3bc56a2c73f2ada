"""The page of trends: what changed, and every figure night by night. One file that needs nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from harness.model import JsonObject
from harness.report import trend_text, wording
from harness.report.charts.drawing import inlined
from harness.report.charts.trend import trend_picture
from harness.report.claims import claimed_order, read_published
from harness.report.palette import Look, looks
from harness.report.templating import render_page
from harness.report.trend_model import Series, Trend

_FEWEST_DRAWN = 2


def trend_page(trend: Trend) -> str:
    """The same history gives the same bytes."""
    chosen_looks = looks({s.target for s in trend.series}, claimed_order(read_published()))
    return render_page(
        "trend.html",
        heading=trend_text.heading(trend),
        heads=trend_text.HEADS,
        changes=[
            {
                "slot": chosen_looks[series.target].slot,
                "cells": trend_text.shift_cells(series, shift),
                "kind": {True: "fails", False: "meets", None: ""}[trend_text.is_worse(series.column, shift)],
            }
            for series, shift in trend_text.newest_first(trend)
        ],
        settings=[_setting(number, series, chosen_looks) for number, series in enumerate(_settings(trend))],
        dropped=trend.dropped,
    )


def _settings(trend: Trend) -> list[list[Series]]:
    """Series whose keys differ in the target alone, so that they may share pictures; the newest first."""
    found: dict[str, list[Series]] = {}
    for series in trend.series:
        shared = {name: value for name, value in series.key.items() if name != "target"}
        found.setdefault(json.dumps(shared, sort_keys=True), []).append(series)
    return sorted(found.values(), key=lambda s: -max(one.points[-1].origin.unix_ns for one in s))


def _setting(number: int, series: Sequence[Series], chosen_looks: Mapping[str, Look]) -> dict[str, Any]:
    key = series[0].key
    drawn: dict[str, list[Series]] = {}
    for one in series:
        if len(one.points) >= _FEWEST_DRAWN:
            drawn.setdefault(one.column.key, []).append(one)
    renewed = {s.target: s for s in series if s.renewals}
    return {
        "id": f"setting-{number}",
        "title": f"{key['scenario']}{', nights of the guard' if key['kind'] == 'gate' else ''}, Linux {key['kernel']}",
        "machine": _machine_text(key),
        "renewals": [
            f"{target}: a new series since {trend_text.when_text(s.points[0].origin)}: {trend_text.renewal_text(s)}"
            for target, s in renewed.items()
        ],
        "rows": [_row(s, chosen_looks) for s in series],
        "pictures": [
            _picture(f"trend-{number}-{re.sub('[^a-z0-9]+', '-', name)}", found, chosen_looks)
            for name, found in drawn.items()
        ],
    }


def _machine_text(key: JsonObject) -> str:
    """`process driver, native engine; Example CPU, 2 cores, Linux 6.12 (x86_64); shared generator core`."""
    return (
        f"{key['driver']} driver, {key['engine']} engine; {key['cpu_model'] or 'unknown processor'}, "
        f"{key['cores']} cores, Linux {key['kernel']} ({key['architecture']}); {key['sharing']}"
    )


def _row(series: Series, chosen_looks: Mapping[str, Look]) -> dict[str, Any]:
    column, last = series.column, series.points[-1]
    if series.unknown:
        said = f"cannot tell yet: {series.unknown}"
    elif series.shifts:
        said = "; ".join(
            f"{trend_text.change_text(column, s)} since {trend_text.when_text(s.first)}"
            for s in series.shifts
        )
    else:
        said = "no change"
    return {
        "slot": chosen_looks[series.target].slot,
        "target": series.target,
        "figure": wording.column_text(column),
        "nights": len(series.points),
        "latest": trend_text.amount_text(last.centre, column),
        "sort": repr(last.centre),
        "said": said,
    }


def _picture(name: str, series: Sequence[Series], chosen_looks: Mapping[str, Look]) -> dict[str, Any]:
    made = trend_picture(name, series, chosen_looks)
    return {
        "name": made.name,
        "title": made.title,
        "caption": made.caption,
        "text": made.text,
        "svg": Markup(inlined(made)),
    }
