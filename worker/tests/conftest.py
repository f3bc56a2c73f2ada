"""What the tests start: each gets its own, and ends it whatever happens."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import locusts
import pytest
from rig import Master, NullServer, P, Worker, ended


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Modules that say `EVERY_LOCUST = True` meet each of the three Locusts, the others the installed one."""
    if "locust" in metafunc.fixturenames:
        which = locusts.WHICH if getattr(metafunc.module, "EVERY_LOCUST", False) else ("installed",)
        metafunc.parametrize("locust", which, indirect=True, scope="session")


@pytest.fixture(scope="session")
def locust(request: pytest.FixtureRequest) -> locusts.Locust:
    """The Locust whose masters a test meets."""
    try:
        return locusts.find(request.param)
    except locusts.Unavailable as reason:
        pytest.skip(f"the {request.param} Locust is not tested: {reason}")


@pytest.fixture
def start() -> Iterator[Callable[[P], P]]:
    """Registers a program to be ended with the test."""
    with ExitStack() as programs:
        yield lambda program: programs.enter_context(ended(program))


@pytest.fixture
def null_server(tmp_path: Path) -> Iterator[NullServer]:
    """A null server that answers at once."""
    with ended(NullServer(tmp_path)) as server:
        yield server


@pytest.fixture
def master(locust: locusts.Locust) -> Iterator[Master]:
    """A master without workers."""
    with ended(locust.master()) as program:
        yield program


@pytest.fixture
def worker(master: Master) -> Iterator[Worker]:
    """A worker that the master knows."""
    with ended(Worker(master.port)) as program:
        master.wait_for("connected")
        yield program
