"""A capacity window: short open windows, each at the rate that the search asks for, judged at once."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.figures import ALL_KINDS
from harness.load.result import logged
from harness.model import JsonObject, Window
from harness.stats.checks import Finding
from harness.trials.capacity import Found, Limit, Probe, Search, Try, next_step
from harness.trials.under_load import Offered, UnderLoad
from harness.trials.undisturbed import offer_undisturbed
from harness.trials.window_record import window_record
from harness.units import NS_PER_S

_SAMPLES = 1_200
"""A P99 needs 1,000 samples; some requests are of another kind, and Poisson arrivals vary."""

_LONGEST_PROBE_S = 12.0
_ERRORS = "errors"
"""The check that is one of the search's own limits, so that it invalidates no probe."""

_ON_TIME = frozenset({"send delay", "late share"})
"""Checks of how punctually requests left. What leaves late only adds to response times that run from the intended
instant, so a limit that is held by all of them, the late ones too, is held."""

_OFFERED = "offered rate"
"""The check that requests left within the window. Wrong alone, the generator was on time and had time to spare: the
rest waited for a connection, and how long all of them took says whether the target held the limit."""


@dataclass(frozen=True)
class Searched:
    """A finished search: its probes as offered, what was read off each, and the window's record."""

    offered: tuple[Offered, ...]
    record: JsonObject


def search_capacity(load: UnderLoad, window: Window, peak_rps: float) -> Searched:
    """Searches below the peak, or around what the last trial of this target has found.

    The record is that of the probe at the capacity, with `capacity_rps`, `bound` and all `probes`. Raises
    LoadError.
    """
    assert window.p99_limit is not None
    trial = load.trial
    case = trial.planned.case
    key = (case.scenario.name, case.target.id, window.name)
    limit = Limit(p99_ns=round(window.p99_limit * NS_PER_S))
    known_rps = trial.bench.capacities.get(key)
    draw = random.Random(f"{trial.bench.seed}/{case.id}/{trial.planned.round}/{window.name}").random()
    search = Search.around(limit, known_rps, draw) if known_rps else Search.below_peak(limit, peak_rps)
    offered: list[Offered] = []
    records: list[JsonObject] = []
    probes: list[Probe] = []
    while isinstance(step := next_step(search, probes), Try):
        name = f"{window.name}/{len(probes) + 1:02d}"
        probe = _window_at(window, step.rate_rps)
        offered.append(offer_undisturbed(load, probe, window.connections[0], name))
        records.append(window_record(trial, offered[-1], trial.rows(offered[-1].end_unix_ns)))
        probes.append(_read(step.rate_rps, records[-1], offered[-1].folder, limit))
    if step.capacity_rps is not None and step.bound == "exact":
        trial.bench.capacities[key] = step.capacity_rps
    return Searched(tuple(offered), _record(step, search, probes, records, known_rps))


def _window_at(window: Window, rate_rps: float) -> Window:
    duration_s = min(max(window.probe, _SAMPLES / rate_rps), max(window.probe, _LONGEST_PROBE_S))
    return window.model_copy(update={"rate_rps": rate_rps, "duration": duration_s})


def _read(rate_rps: float, record: JsonObject, folder: Path, limit: Limit) -> Probe:
    """The probe as offered. Of one that was not punctual, or whose requests waited for a connection, all response times
    are read; within the limit, it counts. Beyond it, it counts where nothing but the target kept requests waiting."""
    headline, requests = record["headline"], record["requests"]
    times = record["latency"][headline["kind"]][headline["measure"]]
    p99_ns = times and times["p99_ns"]
    wrong = [f for f in record["findings"] if f["ok"] is False and f["name"] != _ERRORS]
    names = {f["name"] for f in wrong}
    finished = requests["completed"] + requests["failures"]
    error_ratio = requests["failures"] / finished if finished else None
    if p99_ns is not None and names and names <= {*_ON_TIME, _OFFERED}:
        kinds = None if headline["kind"] == ALL_KINDS else [headline["kind"]]
        p99_ns = logged(folder / "latency.hlog").responses(kinds).percentile(99)
        within = p99_ns is not None and p99_ns <= limit.p99_ns
        if within:
            _forgive(wrong)
        if within or names == {_OFFERED}:
            wrong = []
    reasons = [f["text"] for f in wrong] + (["too few samples for a P99"] if p99_ns is None else [])
    return Probe(rate_rps, p99_ns, error_ratio, tuple(reasons))


def _forgive(findings: Sequence[JsonObject]) -> None:
    """They do not spoil what was found in spite of them, and say so."""
    for finding in findings:
        finding["ok"] = None
        finding["text"] += "; with the late ones counted the limit was held all the same"


def _record(
    found: Found,
    search: Search,
    probes: Sequence[Probe],
    records: Sequence[JsonObject],
    known_rps: float | None,
) -> JsonObject:
    shown = next(
        (
            r
            for p, r in zip(probes, records, strict=True)
            if p.rate_rps == found.capacity_rps and p.holds(search.limit)
        ),
        records[-1],
    )
    # Without a capacity the figure is missing, for the reason given; the trial's other windows are none the worse.
    ok = None if found.capacity_rps is None else True
    finding = Finding("capacity", ok, found.capacity_rps, None, "rps", found.text)
    return {
        **shown,
        "findings": [*(shown["findings"] if ok else ()), asdict(finding)],
        "throughput_rps": shown["throughput_rps"] if ok else None,
        "capacity_rps": found.capacity_rps,
        "bound": found.bound,
        "p99_limit_ns": search.limit.p99_ns,
        "earlier_capacity_rps": known_rps,
        "disturbed": [try_ for record in records for try_ in record["disturbed"]],
        "probes": [
            {
                "rate_rps": probe.rate_rps,
                "p99_ns": probe.p99_ns,
                "error_ratio": probe.error_ratio,
                "holds": probe.holds(search.limit) if probe.judged else None,
                "invalid_because": list(probe.invalid_because),
                "folder": record["folder"],
            }
            for probe, record in zip(probes, records, strict=True)
        ],
    }
