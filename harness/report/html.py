"""The page: one file that needs nothing else, made of the summary and the raw records behind it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from harness.calibrate import COLUMNS, calibration_rows
from harness.model import JsonObject
from harness.report import page, versus_text, wording
from harness.report.charts.drawing import Picture, inlined
from harness.report.charts.gallery import pictures
from harness.report.charts.material import Material
from harness.report.claims import claimed_order, judge_claims, read_published
from harness.report.constraints import constraint_data
from harness.report.glance import glance
from harness.report.glossary import find, read_glossary, sections
from harness.report.index import Listed, index_context
from harness.report.metrics import Record
from harness.report.model import Summary
from harness.report.numbers import ratio_text
from harness.report.palette import Look, looks
from harness.report.rows import choose_trials
from harness.report.templating import render_page
from harness.report.trust import gather
from harness.report.versus_marks import mark_of, reach_of
from harness.report.versus_model import Effect, Versus

PRESETS = (
    {"title": "a million a day: 12/s, bursts of 120", "limits": "rate=120&p99=100&memory=2048&cores=1"},
    {"title": "1,000/s in 10 ms", "limits": "rate=1000&p99=10&memory=512&cores=1"},
    {
        "title": "the published table: 48,200/s on 16 cores",
        "limits": "rate=48200&p99=98&memory=32768&cores=16",
    },
)
FIELDS = (
    {"name": "rate", "title": "wanted rate", "unit": "requests/s", "value": 120},
    {"name": "p99", "title": "P99 within", "unit": "ms", "value": 100},
    {"name": "memory", "title": "memory within", "unit": "MiB", "value": 2048},
    {"name": "cores", "title": "running on", "unit": "cores", "value": 1},
)


@dataclass(frozen=True)
class Page:
    """The report of one run: `html`, and the pictures in it by scenario."""

    html: str
    pictures: tuple[Picture, ...]


def make_page(run_path: Path, run: JsonObject, trials: Sequence[Record], summary: Summary) -> Page:
    """Raises StoreError when a raw record cannot be read."""
    published = read_published()
    chosen_looks = looks((c["target"] for c in run["cases"]), claimed_order(published))
    drawn = {
        s.name: _pictures(run_path, run, trials, summary, s.name, chosen_looks) for s in summary.scenarios
    }
    entries = read_glossary()
    calibration = _calibration(run)
    scenarios = [_scenario(s, chosen_looks, entries, drawn[s.name]) for s in summary.scenarios]
    html = render_page(
        "report.html",
        summary=summary,
        heading=_heading(summary),
        machine=wording.machine_text(summary.machine),
        how=wording.run_text(summary),
        cautions=wording.cautions(summary),
        constraints=constraint_data(run, summary, chosen_looks),
        presets=PRESETS,
        fields=FIELDS,
        scenarios=scenarios,
        glance=glance(summary.scenarios[0], chosen_looks) if summary.scenarios else (),
        claims=judge_claims(published, summary) if published else None,
        trust=gather(trials),
        calibration=calibration,
        notes=[note for note in summary.notes if note not in calibration["missed"]],
        command=_again(summary),
        manifest=page.manifest_facts(run["manifest"]),
        targets=page.target_facts(run["targets"], summary),
        sections=sections(entries, without=("The nightly guard",)),
        glossary=lambda name: find(entries, name),
    )
    return Page(html, tuple(p for found in drawn.values() for p in found))


def versus_page(versus: Versus) -> str:
    """The page of a comparison of runs."""
    chosen_looks = looks({e.target for e in versus.effects}, claimed_order(read_published()))
    reach = reach_of(versus.effects)
    scenarios = [
        {"name": name, "effects": [_effect(e, versus, chosen_looks, reach) for e in versus.of(name)]}
        for name in versus.scenarios
    ]
    return render_page(
        "versus.html",
        versus=versus,
        cautions=versus_text.cautions(versus),
        runs=[
            {
                "run": r.run,
                "revision": (r.revision or "unknown")[:12],
                "how": wording.run_text(r),
                "machine": wording.machine_text(r.machine),
            }
            for r in versus.runs
        ],
        around=versus_text.around_text(versus),
        unlike=[{"text": versus_text.unlike_text(u), "grave": u.grave} for u in versus.unlike],
        scenarios=scenarios,
        counts=versus_text.counts_text(versus),
        told=any(e.comparison for e in versus.effects),
        reach=f"{reach:.2g}",
    )


def _effect(effect: Effect, versus: Versus, chosen_looks: Mapping[str, Look], reach: float) -> dict[str, Any]:
    found = effect.comparison
    kinds = {"faster": "meets", "slower": "fails", "same": "", "cannot tell": ""}
    return {
        "cells": versus_text.cells(effect, versus),
        "slot": chosen_looks[effect.target].slot,
        "told": found is not None,
        "mark": mark_of(effect, reach),
        "ratio": "" if found is None else repr(found.ratio),
        "ratio_text": "–" if found is None else ratio_text(found.ratio),
        "kind": kinds[found.verdict] if found else "",
    }


def index_page(listed: Sequence[Listed], unread: Sequence[str]) -> str:
    """The page of all runs."""
    targets = {r.target for one in listed for s in one.summary.scenarios for r in s.rows}
    context = index_context(listed, unread, looks(targets, claimed_order(read_published())))
    return render_page("index.html", **context)


def _again(summary: Summary) -> str:
    """The command that measures the same once more: what was typed, and what `auto` and the defaults came to."""
    argv = list(summary.command) or ["harness", "bench"]
    came_to = {
        "driver": summary.driver,
        "engine": summary.engine,
        "seed": summary.seed,
        "rounds": summary.rounds,
    }
    if any(word.partition("=")[0] in ("--resume", "--url", "--budget", "--until-tight") for word in argv):
        came_to = {"seed": summary.seed}
    for name, value in came_to.items():
        places = [n for n, word in enumerate(argv) if word.partition("=")[0] == f"--{name}"]
        for place in reversed(places):
            del argv[place : place + (1 if "=" in argv[place] else 2)]
        argv += [f"--{name}", str(value)]
    at = f"git checkout {summary.revision[:12]} && " if summary.revision and summary.revision_clean else ""
    return at + shlex.join(argv)


def _heading(summary: Summary) -> str:
    names = list(dict.fromkeys(r.target for s in summary.scenarios for r in s.rows if not r.twin))
    if len(names) == 1:
        return f"What {names[0]} carries"
    return f"{wording.listed(names)} compared" if 1 < len(names) <= 5 else f"{len(names)} targets compared"


def _pictures(
    run_path: Path,
    run: JsonObject,
    trials: Sequence[Record],
    summary: Summary,
    name: str,
    chosen_looks: Mapping[str, Look],
) -> list[Picture]:
    scenario = next(s for s in summary.scenarios if s.name == name)
    cases = [c for c in run["cases"] if c["scenario"] == name]
    chosen = [choose_trials(case, trials, run["rounds"]) for case in cases]
    return pictures(Material(run_path, scenario, chosen, chosen_looks))


def _scenario(
    scenario: Any, chosen_looks: Mapping[str, Look], entries: Any, drawn: Sequence[Picture]
) -> dict[str, Any]:
    tables = page.Tables(scenario, chosen_looks, entries)
    return {
        "name": scenario.name,
        "question": scenario.question,
        "overview": tables.overview(),
        "panels": [tables.panel(p) for p in scenario.panels] if len(scenario.panels) > 1 else [],
        "ruler": wording.ruler_text(scenario),
        "verdicts": wording.best_texts(scenario),
        "remarks": page.remarks(scenario),
        "promises": page.promises(scenario),
        "pictures": [
            {
                "name": p.name,
                "title": p.title,
                "caption": p.caption,
                "text": p.text,
                "svg": Markup(inlined(p)),
            }
            for p in drawn
        ],
    }


def _calibration(run: JsonObject) -> dict[str, Any]:
    """The generator's own errors as a table, or why there is none."""
    found = run.get("calibration")
    if not found or not found.get("bouts"):
        why = (found or {}).get("missing_because") or "the generator was not calibrated in this run"
        return {"heads": (), "rows": (), "missed": (), "why": why}
    missed = [text for bout in found["bouts"] for text in bout["missed"]]
    return {"heads": COLUMNS, "rows": calibration_rows(found), "missed": missed, "why": None}
