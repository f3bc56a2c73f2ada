"""A window on a machine that others share: offered again where the hypervisor took a core from it."""

from __future__ import annotations

from dataclasses import replace

from harness import figures
from harness.model import Window
from harness.probes.usage import Usage
from harness.stats import checks
from harness.trials.trial import Trial
from harness.trials.under_load import Offered, UnderLoad

_TRIES = 3
"""Of a window: so many in all."""


def offer_undisturbed(load: UnderLoad, window: Window, connections: int, name: str) -> Offered:
    """Offers the window again at once, twice at most, where the hypervisor took a core from it (decision 0011).

    The last try counts, whatever it is like; the earlier ones are kept beside it. Raises LoadError.
    """
    disturbed: list[Offered] = []
    while True:
        number = len(disturbed) + 1
        offered = load.offer(window, connections, name if number == 1 else f"{name}-try-{number}")
        used = used_by(load.trial, offered)
        if number == _TRIES or checks.steal(used.steal_ratio if used else None).ok is not False:
            return replace(offered, disturbed=tuple(disturbed))
        disturbed.append(offered)


def used_by(trial: Trial, offered: Offered) -> Usage | None:
    """What the window used; None where nothing was sampled."""
    rows = trial.rows(offered.end_unix_ns)
    return figures.span(rows, offered.result.start_unix_ns, offered.end_unix_ns)
