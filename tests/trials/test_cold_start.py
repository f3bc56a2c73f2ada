"""A trial of fresh starts: what does not keep the contract has no figures, however fast it starts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from answering import KIT, Answer, right_answer, serving

from harness.drivers.base import StopResult
from harness.errors import ConformanceError
from harness.kit.cases import CaseRequest, CaseSpec, Expect
from harness.trials.cold_start import measure_cold_start
from harness.trials.trial import Trial

GOOD = CaseSpec(name="good", settings=("es256",), request=CaseRequest())
REFUSED = CaseSpec(
    name="refused", settings=("es256",), request=CaseRequest(token=None, expect=Expect(status=401))
)


def answer(path: str, body: bytes) -> Answer:
    """Authenticates nobody."""
    return right_answer(path, body) if body else (200, {}, b"{}")


def a_trial(folder: Path, port: int, *, own_service: bool = False) -> Trial:
    """Of three starts, in which the service runs already; each takes a nanosecond to be ready."""
    running = SimpleNamespace(
        host="127.0.0.1",
        port=port,
        url=f"http://127.0.0.1:{port}",
        started_unix_ns=0,
        ready_ns=1,
        limits=(),
        network_mode="host",
        image_digest=None,
        pid_missing_because=None,
        stop=lambda: StopResult(0, 0.0, killed=False),
        log_tail=lambda: "",
    )
    trial = SimpleNamespace(
        planned=SimpleNamespace(
            case=SimpleNamespace(scenario=SimpleNamespace(cold_start=SimpleNamespace(starts=3)))
        ),
        bench=SimpleNamespace(kit=replace(KIT, specs=(GOOD, REFUSED))),
        artifact=SimpleNamespace(content_hash="c"),
        scenario_service={},
        keeps_contract=not own_service,
        record={},
        starts=[],
        tell=lambda text: None,
        launch=lambda log_name="target.log", pauses=True: log_name,
    )

    @contextmanager
    def start(_: Any, log_name: str) -> Iterator[Any]:
        trial.starts.append(log_name)
        yield running

    trial.bench.driver = SimpleNamespace(start=start)
    return cast(Trial, trial)


def test_a_service_that_breaks_the_contract_fails_the_trial_after_the_timed_starts(tmp_path: Path) -> None:
    with serving(answer) as port:
        trial = a_trial(tmp_path, port)
        with pytest.raises(ConformanceError, match=r"does not keep the contract:\n  refused \[es256\]"):
            measure_cold_start(trial)
    assert cast(Any, trial).starts == ["target-01.log", "target-02.log", "target-03.log", "target.log"]
    assert len(trial.record["cold_starts"]) == 3
    assert trial.record["conformance"]["before"]["checked"] == 2


def test_a_service_that_has_no_contract_to_keep_is_only_timed(tmp_path: Path) -> None:
    with serving(answer) as port:
        trial = a_trial(tmp_path, port, own_service=True)
        measure_cold_start(trial)
    assert len(cast(Any, trial).starts) == 3
