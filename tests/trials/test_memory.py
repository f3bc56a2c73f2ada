"""Connections of a memory trial: each is answered once, as it should be, or the trial fails with the reason."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from answering import KIT, Answer, right_answer, sending, serving

from harness.errors import LoadError
from harness.kit.cases import CaseRequest
from harness.trials.memory import Connection, grow

REQUEST = KIT.maker.request(CaseRequest(), "es256")


def opened(port: int, wanted: int) -> int:
    """How many connections are held in the end."""
    running: Any = SimpleNamespace(host="127.0.0.1", port=port)
    held: list[Connection] = []

    async def grow_and_close() -> None:
        try:
            await grow(held, wanted, running, REQUEST)
        finally:
            for _, writer in held:
                writer.close()

    asyncio.run(grow_and_close())
    return len(held)


def test_connections_that_are_answered_are_held() -> None:
    with serving(right_answer) as port:
        assert opened(port, 70) == 70


def test_an_answer_with_another_status_fails_the_trial() -> None:
    def busy(*_: Any) -> Answer:
        return 503, {}, b"{}"

    with serving(busy) as port, pytest.raises(LoadError, match=r"'HTTP/1.1 503 .*', not status 200"):
        opened(port, 1)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}", "without a Content-Length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}", "without a Content-Length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", "2 bytes read"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, "limit"),
        (b"200\r\n\r\n", "not status 200"),
        (b"", "0 bytes read"),
    ],
)
def test_an_answer_that_is_none_fails_the_trial_with_the_reason(answer: bytes, reason: str) -> None:
    with sending(answer) as port, pytest.raises(LoadError, match=f"connections 1 to 3 of 3 .*{reason}"):
        opened(port, 3)
