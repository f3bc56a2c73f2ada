"""Statuses that are expected beside the usual one: completed, under a kind of their own; by both engines."""

from __future__ import annotations

from pathlib import Path

import pytest
from load.kinds import Offer
from load.service import BODY, Service

from harness.errors import LoadError
from harness.load.plan import LoadPlan
from harness.load.pool import PoolBuilder, RequestPool
from harness.load.result import disagreements, read_reports


def pool(port: int) -> RequestPool:
    builder = PoolBuilder("127.0.0.1", port)
    for path in ("/ok", "/wrong-status", "/refused"):
        builder.add("POST", path, body=b"y", expected_body=BODY, also=[(500, "unavailable")])
    return builder.build()


def test_alternatives_survive_the_file(tmp_path: Path) -> None:
    before = pool(80)
    before.write(tmp_path / "pool")
    assert RequestPool.read(tmp_path / "pool") == before


def test_a_status_cannot_be_expected_twice() -> None:
    builder = PoolBuilder("127.0.0.1", 80)
    builder.add("GET", "/", expect=200, also=[(200, "unavailable")])
    with pytest.raises(LoadError, match="expects status 200 twice"):
        builder.build()


def test_an_answer_with_another_expected_status_is_completed_as_its_own_kind(
    offer: Offer, service: Service, tmp_path: Path
) -> None:
    pool(service.port).write(tmp_path / "pool")
    plan = LoadPlan(
        run=tmp_path.name,
        host="127.0.0.1",
        port=service.port,
        requests=str(tmp_path / "pool"),
        mode="open",
        connections=4,
        steps=((300.0, 1.0),),
        duration_s=1.0,
        check_every=1,
    )
    result = offer(plan)
    recording = read_reports(result.reports)
    assert recording.completed["unavailable"] == service.asked["/wrong-status"]
    assert recording.completed["accepted"] == service.asked["/ok"]
    assert recording.failed["accepted"] == {"status": service.asked["/refused"]}
    assert recording.responses(["unavailable"]).count == service.asked["/wrong-status"]
    assert disagreements(recording, result.totals.values()) == []
