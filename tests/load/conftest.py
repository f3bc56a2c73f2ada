"""What the load tests share: a service to load, a generator of each engine, plans for one and the other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from load.kinds import Offer, PlanMaker
from load.service import BODY, Service

from harness.load.plan import LoadPlan
from harness.load.pool import PoolBuilder
from harness.load.supervise import LOCUST, Engine, LoadGenerator, LoadResult, Progress, native

NATIVE_WORKER = Path(__file__).parents[2] / ".build/worker/release/bench-worker"


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as running:
        yield running


@pytest.fixture(scope="package", params=["locust", "native"])
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param == "locust":
        return LOCUST
    if not NATIVE_WORKER.exists():
        pytest.skip("the native worker is not built (make build-worker)")
    return native(NATIVE_WORKER)


@pytest.fixture(scope="package")
def generator(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadGenerator]:
    """Two workers, for tests that leave them well."""
    with LoadGenerator(engine, tmp_path_factory.mktemp("generator"), workers=2) as running:
        yield running


@pytest.fixture
def offer(generator: LoadGenerator, tmp_path: Path) -> Offer:
    """Offers one window through the shared generator, with its reports in the test's own folder."""

    def call(plan: LoadPlan, on_progress: Callable[[Progress], None] | None = None) -> LoadResult:
        return generator.offer(plan, tmp_path, on_progress)

    return call


@pytest.fixture
def make_plan(service: Service, tmp_path: Path) -> PlanMaker:
    """A plan whose requests go to these paths of the service in turn, expected to be answered well."""
    numbers = itertools.count()

    def make(*paths: str, **fields: Any) -> LoadPlan:
        builder = PoolBuilder("127.0.0.1", service.port)
        for path in paths or ("/ok",):
            refused = path == "/refused"
            builder.add(
                "POST",
                path,
                headers=[("Content-Type", "application/json")],
                body=b"y" * 4_096,
                kind="refused" if refused else "accepted",
                expect=401 if refused else 200,
                expected_body=None if refused else BODY,
            )
        number = next(numbers)
        requests = tmp_path / f"requests-{number}.msgpack"
        builder.build().write(requests)
        known: dict[str, Any] = {
            "run": f"{tmp_path.name}-{number}",
            "host": "127.0.0.1",
            "port": service.port,
            "requests": str(requests),
            "mode": "open" if "steps" in fields else "closed",
            "connections": 8,
            "duration_s": sum(length for _, length in fields.get("steps", ())) or 1.5,
            "timeout_ms": 10_000,
            "drain_ms": 10_000,
        }
        return LoadPlan(**{**known, **fields})

    return make
