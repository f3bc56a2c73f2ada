"""Whose limit is a closed window's throughput? The generator gets a core less, for real, and says."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from scene import NULL_SERVER, WORKER, busy_with_others

from harness.load.plan import LoadPlan
from harness.load.pool import PoolBuilder
from harness.load.supervise import LoadGenerator, native
from harness.model import Window
from harness.null_server import NullServer
from harness.stats import checks
from harness.trials.load import offer_closed
from harness.trials.trial import Trial
from harness.trials.under_load import Offered, UnderLoad
from harness.units import NS_PER_S

CPUS = tuple(sorted(os.sched_getaffinity(0)))
WINDOW = Window(name="peak", mode="closed", duration=2.0)
CONNECTIONS = 32
WAIT_MS = 20
ATTEMPTS = 3
"""On a machine with other work two windows may differ in truth, so one pair of several has to be alike."""

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(not WORKER.is_file(), reason="the native worker is not built"),
    pytest.mark.skipif(len(CPUS) < 2, reason="two cores are needed"),
]


class IdleTargetLoad:
    """UnderLoad whose target's CPU time is not known, so that only the second core can tell."""

    def __init__(self, generator: LoadGenerator, port: int, folder: Path) -> None:
        self._generator, self._port, self._folder = generator, port, folder
        self.threads: list[int] = []
        self.trial = cast(Trial, SimpleNamespace(rows=lambda until_unix_ns: (), budget_cores=1))

    def offer(
        self, window: Window, connections: int, folder_name: str, threads: int | None = None
    ) -> Offered:
        self.threads.append(threads or 2)
        plan = LoadPlan(
            run=folder_name,
            host="127.0.0.1",
            port=self._port,
            requests=str(self._folder / "requests.msgpack"),
            mode="closed",
            connections=connections,
            duration_s=window.length_s,
            threads=self.threads[-1],
            cpus=CPUS[:2],
        )
        result = self._generator.offer(plan, self._folder / folder_name)
        end_unix_ns = result.start_unix_ns + round(plan.duration_s * NS_PER_S)
        return Offered(window, connections, plan, result, self._folder / folder_name, None, end_unix_ns)


def test_a_server_that_makes_its_callers_wait_is_the_limit_and_not_the_generator() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            NullServer(NULL_SERVER, folder, f"fixed:{WAIT_MS}ms", CPUS[-1:], spin=False) as server,
            LoadGenerator(native(WORKER), folder / "load") as generator,
        ):
            builder = PoolBuilder("127.0.0.1", server.port)
            builder.add("POST", "/", body=b"x" * 4_096)
            builder.build().write(folder / "requests.msgpack")
            for number in range(ATTEMPTS):
                if _is_the_servers(IdleTargetLoad(generator, server.port, folder), f"peak-{number}"):
                    return
    if busy := busy_with_others():
        pytest.skip(busy)
    pytest.fail("with a core less the generator never reached the same")


def _is_the_servers(load: IdleTargetLoad, folder_name: str) -> bool:
    """Whether the window told so: with a core less the generator reached the same, near what the waits allow."""
    offered = offer_closed(cast(UnderLoad, load), WINDOW, CONNECTIONS, folder_name)
    assert load.threads == [2, 1]
    gain_ratio = offered.second_core_gain_ratio
    assert gain_ratio is not None
    is_near = offered.completed_rps == pytest.approx(CONNECTIONS / WAIT_MS * 1_000, rel=0.2)
    return is_near and checks.peak_is_the_targets(None, 1.0, gain_ratio).ok is True
