"""What the tests start: each gets its own, and ends it whatever happens."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from rig import Master, NullServer, P, Worker, ended


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
def master() -> Iterator[Master]:
    """A master without workers."""
    with ended(Master()) as program:
        yield program


@pytest.fixture
def worker(master: Master) -> Iterator[Worker]:
    """A worker that the master knows."""
    with ended(Worker(master.port)) as program:
        master.wait_for("connected")
        yield program
