"""The trial of a `load` scenario: warm-up until steady, then each window, then what the records say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness import figures
from harness.drivers.base import RunningTarget
from harness.errors import LoadError
from harness.model import JsonObject, Window
from harness.probes.samples import Row
from harness.service import info
from harness.stats import checks
from harness.trials.capacity_window import Searched, search_capacity
from harness.trials.pauses import note_pauses
from harness.trials.stages import checked_service, conformance_after, memory_at_rest, stop
from harness.trials.starts import further_starts
from harness.trials.trial import Trial
from harness.trials.under_load import Offered, UnderLoad, under_load
from harness.trials.undisturbed import offer_undisturbed, used_by
from harness.trials.warmup import warm_up
from harness.trials.window_record import window_record
from harness.units import NS_PER_S

_AFTER_S = 2.0


def measure_load(trial: Trial) -> None:
    """Fills the trial's record. Raises the errors that make the trial a failed one."""
    done: list[Offered | Searched] = []
    further_ready_ns = further_starts(trial)
    with checked_service(trial) as running:
        trial.record["start"]["further_ready_ns"] = further_ready_ns
        load = under_load(trial, running)
        warm_up(load)
        for window in trial.planned.case.scenario.windows:
            done += _measure_window(load, window, done)
            if not running.is_alive():
                break
        end_load(trial, running)
    trial.tell("reading the records")
    evaluate(trial, done)


def end_load(trial: Trial, running: RunningTarget) -> None:
    """What follows the last window: memory at rest, the cases once more, the service's account, its end."""
    memory_at_rest(trial, running, "after", _AFTER_S)
    conformance_after(trial, running)
    trial.record["info_after"] = info(running.url)
    stop(trial, running)


def _measure_window(
    load: UnderLoad, window: Window, before: Sequence[Offered | Searched]
) -> list[Offered | Searched]:
    """Offers the window, a closed one with each number of connections. Raises LoadError and StoreError."""
    if window.mode == "capacity":
        return [search_capacity(load, window, _peak_rps(before))]
    if window.capacity_share is not None:
        capacity_rps = _capacity_rps(before)
        if capacity_rps is None:
            load.trial.note(f"{window.name} was left out: no capacity was found that it could be a share of")
            return []
        window = window.model_copy(update={"rate_rps": window.capacity_share * capacity_rps})
    several = len(window.connections) > 1
    offer = offer_closed if window.mode == "closed" else offer_undisturbed
    return [
        offer(load, window, n, name)
        for n in window.connections
        for name in (f"{window.name}-{n}" if several else window.name,)
    ]


def offer_closed(load: UnderLoad, window: Window, connections: int, name: str) -> Offered:
    """Where the target did not use up its CPU, offers the window again with a core less for the generator.

    If that changes little, something else than the generator was the limit. Raises LoadError.
    """
    offered = offer_undisturbed(load, window, connections, name)
    if offered.plan.threads < 2 or _target_is_the_limit(load.trial, offered):
        return offered
    fewer = load.offer(window, connections, f"{name}-a-core-less", threads=offered.plan.threads - 1)
    return replace(offered, a_core_less=fewer)


def _target_is_the_limit(trial: Trial, offered: Offered) -> bool:
    used = used_by(trial, offered)
    budget_ns = offered.plan.duration_s * NS_PER_S * trial.budget_cores
    return checks.peak_is_the_targets(used.cpu_ns if used else None, budget_ns).ok is True


def _peak_rps(before: Sequence[Offered | Searched]) -> float:
    peaks = [o.completed_rps for o in before if isinstance(o, Offered) and o.plan.mode == "closed"]
    if not max(peaks, default=0.0):
        raise LoadError("no request was completed under closed load, so there is no peak to search below")
    return max(peaks)


def _capacity_rps(before: Sequence[Offered | Searched]) -> float | None:
    """Of the first capacity window: a scenario's main limit stands first."""
    return next((o.record["capacity_rps"] for o in before if isinstance(o, Searched)), None)


# --- when the service is gone --------------------------------------------------------------------------------


def evaluate(trial: Trial, done: Sequence[Offered | Searched]) -> None:
    """Decodes the records, once nothing is measured any more, and adds every figure to the trial's record."""
    rows = trial.rows()
    offered = [o for d in done for o in (d.offered if isinstance(d, Searched) else (d,))]
    trial.record["memory"] = memory_figures(rows, offered)
    trial.record["windows"] = [
        d.record if isinstance(d, Searched) else window_record(trial, d, rows) for d in done
    ]
    note_unsettled(trial)
    note_pauses(trial, offered)


def note_unsettled(trial: Trial) -> None:
    """A note for each closed window in which the service was still warming up. The record's `windows` must be there."""
    for window in trial.record["windows"]:
        if (found := window.get("settled")) and found["ok"] is False:
            trial.note(f"{window['name']}: the service was still warming up, {found['text']}")


def memory_figures(rows: Sequence[Row], offered: Sequence[Offered]) -> JsonObject:
    """Idle, loaded (over all windows) and after load; None where it was not sampled."""
    loaded = figures.span(rows, offered[0].result.start_unix_ns, offered[-1].end_unix_ns) if offered else None
    return {
        "idle": figures.rest_memory(rows, "idle"),
        "loaded": figures.memory(loaded) if loaded else None,
        "after": figures.rest_memory(rows, "after"),
    }
