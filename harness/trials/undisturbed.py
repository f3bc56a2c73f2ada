"""A window on a machine that others share: offered again where the machine spoilt it and not the service."""

from __future__ import annotations

from dataclasses import replace

from harness import figures
from harness.load.result import read_reports
from harness.model import Window
from harness.probes.usage import Usage
from harness.stats import checks
from harness.trials.trial import Trial
from harness.trials.under_load import Offered, UnderLoad, headline_kind
from harness.validity import punctuality

_TRIES = 3
"""Of a window: so many in all."""


def offer_undisturbed(load: UnderLoad, window: Window, connections: int, name: str) -> Offered:
    """Offers the window again at once, twice at most, where something disturbed it (decision 0011).

    That is a core that the hypervisor took, or, in a window at a given rate, a generator that was late. A probe of a
    search for capacity may be late and still tell something, so it is not made again for that.

    The last try counts, whatever it is like; the earlier ones are kept beside it. Raises LoadError and StoreError.
    """
    disturbed: list[Offered] = []
    while True:
        number = len(disturbed) + 1
        offered = load.offer(window, connections, name if number == 1 else f"{name}-try-{number}")
        if number == _TRIES or not (reasons := _disturbances(load.trial, offered)):
            return replace(offered, disturbed=tuple(disturbed))
        disturbed.append(replace(offered, disturbed_by=tuple(reasons)))


def used_by(trial: Trial, offered: Offered) -> Usage | None:
    """What the window used; None where nothing was sampled."""
    rows = trial.rows(offered.end_unix_ns)
    return figures.span(rows, offered.result.start_unix_ns, offered.end_unix_ns)


def _disturbances(trial: Trial, offered: Offered) -> list[str]:
    """What spoilt it though the service had no part in it, in words."""
    used = used_by(trial, offered)
    found = [checks.steal(used.steal_ratio if used else None)]
    if offered.window.mode == "open" and offered.plan.mode == "open":
        records = read_reports(offered.folder / "reports.jsonl")
        # Without a delay of its own, a generator cannot tell whether it was late or had to wait for the service.
        if records.histogram("own_delay").count:
            shares_core = trial.bench.placement.sharing != "none"
            found += punctuality(records, headline_kind(records), shares_core=shares_core)
    return [finding.text for finding in found if finding.ok is False]
