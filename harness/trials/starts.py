"""Further starts of a service before the one that is loaded: one alone says little of the time to ready."""

from __future__ import annotations

import time

from harness.trials.trial import Trial

MOST = 4
WITHIN_S = 1.0


def further_starts(trial: Trial) -> list[int]:
    """Times to ready in ns of fresh processes, each stopped at once: `MOST`, but none begun after `WITHIN_S`.

    So they cost a runtime that starts fast little, and one that starts slowly, and scatters less, one start or two.
    None for a service that is not ours to start. Raises StartError.
    """
    if trial.bench.own_service:
        return []
    trial.tell("time to ready")
    found: list[int] = []
    last_begin_s = time.monotonic() + WITHIN_S
    while len(found) < MOST and time.monotonic() <= last_begin_s:
        launch = trial.launch(f"start-{len(found) + 1}.log", pauses=False)
        with trial.bench.driver.start(trial.artifact, launch) as running:
            if running.ready_ns is not None:
                found.append(running.ready_ns)
    return found
