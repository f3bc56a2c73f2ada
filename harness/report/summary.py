"""run.json and its trials → the summary. Pure: the same results give the same summary, to the last digit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from harness.model import Window
from harness.report import metrics, special_metrics
from harness.report.metrics import Metric, Record
from harness.report.model import (
    Column,
    Machine,
    Panel,
    PanelKind,
    ScenarioSummary,
    Summary,
)
from harness.report.promises import kept_promises
from harness.report.rows import Measured, choose_trials, make_row
from harness.report.verdicts import judge
from harness.units import counted, percent

QUICK_STAMP = "quick look: not for decisions"
SHARING_NOTES = {
    "shared generator core": "shared generator core: the target is alone on its core, the load generator and the "
    "harness share the other",
    "direction only": "direction only: target and generator share one core; trust which way a difference points, "
    "not its size",
}


def summarise(run: Mapping[str, Any], trials: Sequence[Record], run_id: str) -> Summary:
    """The whole run. `run`: run.json; `trials`: every trial.json of it."""
    manifest = run["manifest"]
    placement = run["placement"]
    return Summary(
        run=run_id,
        created_unix_ns=run["created_unix_ns"],
        ended_unix_ns=run.get("ended_unix_ns"),
        status=run["status"],
        stamp=QUICK_STAMP if run["quick"] else None,
        sharing_note=SHARING_NOTES.get(placement["sharing"]),
        driver=run["driver"],
        engine=run["engine"],
        rounds=run["rounds"],
        seed=run["seed"],
        target_cores=len(placement["target_cpus"]),
        command=tuple(run["command"]),
        revision=manifest.get("git_revision"),
        revision_clean=manifest.get("git_clean"),
        machine=_machine(manifest),
        notes=tuple(dict.fromkeys([*run["notes"], *_awake_notes(placement), *_revision_notes(run)])),
        skipped=dict(run["skipped"]),
        scenarios=tuple(_scenario(run, name, trials) for name in _in_order(run["scenarios"])),
    )


def _in_order(scenarios: Mapping[str, Any]) -> list[str]:
    """Those with a peak first, then other loads, then memory and starts."""
    kinds = ("load", "reload", "memory", "cold-start")

    def place(name: str) -> tuple[int, bool, str]:
        scenario = scenarios[name]
        has_peak = any(w["mode"] == "closed" for w in scenario["windows"])
        return kinds.index(scenario["kind"]), not has_peak, name

    return sorted(scenarios, key=place)


def _machine(manifest: Mapping[str, Any]) -> Machine:
    cpus = manifest.get("cpus_online")
    return Machine(
        cpu_model=manifest.get("cpu_model"),
        cores=len(cpus) if cpus else None,
        memory_bytes=manifest.get("memory_bytes"),
        kernel=manifest.get("kernel"),
        architecture=manifest.get("architecture"),
        virtualisation=manifest.get("virtualisation"),
    )


def _awake_notes(placement: Mapping[str, Any]) -> list[str]:
    return (
        ["idle cores were kept from halting: a virtual one comes back late"]
        if placement.get("awake_cpus")
        else []
    )


def _revision_notes(run: Mapping[str, Any]) -> list[str]:
    """The sources must not have changed while they were measured."""
    before, after = run["manifest"], run.get("manifest_after")
    notes = []
    if again := run.get("resumed"):
        cuts = [counted(sitting["trials_kept"], "trial") for sitting in again]
        notes.append(f"measured in {len(again) + 1} sittings: gone on with after {', '.join(cuts)}")
    if before.get("git_clean") is False:
        notes.append("the sources had changes that were not committed")
    if after and after.get("git_revision") != before.get("git_revision"):
        notes.append("the sources' revision changed during the run")
    return notes


def _scenario(run: Mapping[str, Any], name: str, trials: Sequence[Record]) -> ScenarioSummary:
    scenario = run["scenarios"][name]
    own = [t for t in trials if t["case"]["scenario"] == name]
    panels = panels_of(scenario, pauses=pauses_known(own), locustfile=_locustfile(run))
    measured = [m for _, group in panels for m in group]
    cases = [c for c in run["cases"] if c["scenario"] == name]
    chosen = [choose_trials(case, own, run["rounds"]) for case in cases]
    rows = [make_row(c, measured, run["targets"].get(c.case["target"], {})) for c in chosen]
    judged = judge(rows, chosen, measured, [panel for panel, _ in panels])
    return ScenarioSummary(
        name=name,
        question=scenario["question"],
        kind=scenario["kind"],
        columns={m.column.key: m.column for m in measured},
        panels=tuple(panel for panel, _ in panels),
        rows=judged.rows,
        comparisons=judged.comparisons,
        ruler_ratio=judged.ruler_ratio,
        promises=kept_promises(scenario, judged.rows),
    )


# --- which columns a scenario has ----------------------------------------------------------------------------


def panels_of(
    scenario: Mapping[str, Any], *, pauses: bool = False, locustfile: str | None = None
) -> list[tuple[Panel, list[Measured]]]:
    """The scenario's panels, each with what is measured in it. `pauses`: some runtime told of its own.

    `locustfile`: the name of the user's own file, whose users are the load, whatever the windows' modes.
    """
    if scenario["kind"] == "cold-start":
        note = "from just before the process is started; each trial's median, slowest and first start"
        return [_panel("start", "Cold start", "cold-start", note, special_metrics.COLD_START_METRICS)]
    if scenario["kind"] == "memory":
        levels = sorted(scenario["memory"]["connections"])
        per_level = [m for n in levels for m in special_metrics.level_metrics(n)]
        held = [m for m in per_level if m.name.startswith("rss")]
        each = [m for m in per_level if not m.name.startswith("rss")]
        note = (
            "RSS of all the service's processes when idle, and with so many kept connections, each used once"
        )
        shown = (*special_metrics.IDLE_METRICS, *held, *each)
        return [_panel("memory", "Memory by connections", "memory", note, shown)]
    pauses_panel = [_pauses_panel()] if pauses else []
    if scenario["kind"] == "reload":
        return [*_reload_panels(scenario), *pauses_panel]
    windows = [e for w in scenario["windows"] for e in Window.model_validate(w).expanded()]
    found = [_window_panel(w, scenario) for w in windows]
    if locustfile:
        found = [(_of_users(panel, locustfile), measured) for panel, measured in found]
    return [*found, _service_panel(), *pauses_panel]


def pauses_known(trials: Sequence[Record]) -> bool:
    """Whether the log of any runtime tells of its pauses: else a table of them would be empty."""
    return any((trial.get("pauses") or {}).get("loaded") for trial in trials)


def _pauses_panel() -> tuple[Panel, list[Measured]]:
    note = (
        "in which the runtime lets no request go on, from its own log, over all windows; pauses that it does not "
        "log, and work beside the program, are not in it"
    )
    return _panel("pauses", "Pauses for garbage collection", "pauses", note, special_metrics.PAUSE_METRICS)


def _service_panel() -> tuple[Panel, list[Measured]]:
    note = "RSS of all the service's processes: before, during and after the load; from start to first healthy answer"
    return _panel("service", "Memory and start", "service", note, metrics.SERVICE_METRICS)


def _reload_panels(scenario: Mapping[str, Any]) -> list[tuple[Panel, list[Measured]]]:
    spec = scenario["reload"]
    title = f"{spec['changes']} changes of the routing table under {spec['rate_rps']:,.0f}/s"
    note = (
        "requests that failed; changes taken up; from a change to the first answer by the new table, when the service "
        "was told by a signal and when it had to notice; the last answer by an old table; P99 around changes and else"
    )
    window = Window(
        name="reload",
        mode="open",
        rate_rps=spec["rate_rps"],
        duration=(spec["changes"] + 1) * spec["every"],
        connections=(spec["connections"],),
    )
    changes = _panel("changes", title, "reload", note, special_metrics.RELOAD_METRICS)
    return [changes, _window_panel(window, scenario), _service_panel()]


def _window_panel(window: Window, scenario: Mapping[str, Any]) -> tuple[Panel, list[Measured]]:
    connections = ", ".join(f"{n:,}" for n in window.connections)
    shown = list(metrics.WINDOW_METRICS)
    if window.mode == "closed":
        best = "the best of " if len(window.connections) > 1 else ""
        noun = "connection" if window.connections == (1,) else "connections"
        title = f"{window.name}: closed load, {best}{connections} {noun}"
        note = "callers wait for each answer before they ask again, so these latencies flatter slow services"
    elif window.mode == "capacity":
        title = f"{window.name}: the highest open rate with P99 within {_ms_text(window.p99_limit)}"
        note = "searched by short windows that pass all checks; the other figures are those of the rate that was found"
        shown = [metrics.CAPACITY_METRIC, *metrics.AT_CAPACITY_METRICS]
    else:
        title = f"{window.name}: open load, {_rate_text(window)}"
        note = "requests arrive whether or not earlier ones were answered; response time from the intended instant"
    if scenario["expect_unavailable"]:
        shown.append(metrics.UNAVAILABLE_METRIC)
    panel, measured = _panel(window.name, title, window.mode, note, shown, window=window.name)
    steps = window.rate_steps
    offered = replace(
        panel,
        rate_rps=max((rate for rate, _ in steps), default=None),
        mean_rate_rps=sum(rate * s for rate, s in steps) / window.length_s if steps else None,
        duration_s=window.length_s,
        connections=window.connections[0] if len(window.connections) == 1 else None,
    )
    return offered, measured


def _locustfile(run: Mapping[str, Any]) -> str | None:
    path = (run.get("asked") or {}).get("locustfile")
    return PurePath(path).name if path else None


def _of_users(panel: Panel, locustfile: str) -> Panel:
    """The panel of a window in which a user's own Locust file was the load: the window's rate plays no part."""
    users = f"{panel.connections:,} users" if panel.connections else "users"
    return replace(
        panel,
        title=f"{panel.name}: {users} of {locustfile}",
        note="they do what the file says; times are those that Locust tells, of requests that wait for one another",
        rate_rps=None,
        mean_rate_rps=None,
    )


def _ms_text(seconds: float | None) -> str:
    return f"{(seconds or 0) * 1_000:g} ms"


def _rate_text(window: Window) -> str:
    if window.capacity_share is not None:
        return f"{percent(window.capacity_share)} of each target's own capacity"
    rates = dict.fromkeys(f"{rate:,.0f}" for rate, _ in window.rate_steps)
    return f"{next(iter(rates))}/s" if len(rates) == 1 else f"steps of {', '.join(rates)}/s"


def _panel(
    name: str,
    title: str,
    kind: PanelKind,
    note: str,
    shown: Sequence[Metric],
    window: str | None = None,
) -> tuple[Panel, list[Measured]]:
    measured = [Measured(m, _column(m, kind, window)) for m in shown]
    columns = tuple(m.column.key for m in measured)
    return Panel(name=name, title=title, kind=kind, note=note, columns=columns), measured


def _column(metric: Metric, kind: PanelKind, window: str | None) -> Column:
    return Column(
        key=f"{window}/{metric.name}" if window else metric.name,
        metric=metric.name,
        title=metric.title,
        unit=metric.unit,
        display=metric.display,
        better=metric.better,
        ranked=kind in metric.ranked_in,
        headline=metric.headline,
        window=window,
    )
