"""A small HTTP service with known vices, one a path, in a thread of its own. It counts what it is asked."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from types import TracebackType
from typing import Self

BODY = b'{"table_version":7,"filling":"' + b"x" * 4_000 + b'"}'
SLOW_S = 0.05


class Service:
    """`asked` counts whole requests by path."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.port = 0
        self.connections: set[_Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._listening.wait(60)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    @property
    def total(self) -> int:
        return self.asked.total()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await self._loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, backlog=4096)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._stop.wait()
        # What is just being accepted has a task, which fails, its socket left open, when the server is closed under it.
        for listening in server.sockets:
            self._loop.remove_reader(listening.fileno())
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))
        server.close()
        open_now = list(self.connections)
        for connection in open_now:
            connection.abort()
        for connection in open_now:
            await connection.lost.wait()


class _Connection(asyncio.Protocol):
    def __init__(self, service: Service) -> None:
        self._service = service
        self._buffer = b""
        self._transport: asyncio.Transport
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._service.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._service.connections.discard(self)
        self.lost.set()

    def abort(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
            length = next((int(v) for n, _, v in (x.partition(":") for x in lines) if _is_length(n)), 0)
            if len(self._buffer) < end + 4 + length:
                return
            self._buffer = self._buffer[end + 4 + length :]
            self._answer(head.split(" ")[1])

    def _answer(self, path: str) -> None:
        self._service.asked[path] += 1
        send = self._transport.write
        match path:
            case "/refused":
                send(_response(b"{}", status=401))
            case "/wrong-status":
                send(_response(BODY, status=500))
            case "/wrong-length":
                send(_response(BODY + b" "))
            case "/wrong-bytes":
                send(_response(BODY.upper()))
            case "/slow":
                asyncio.get_running_loop().call_later(SLOW_S, send, _response(BODY))
            case "/never":
                pass
            case "/closes":
                self._transport.close()
            case "/short":
                send(_response(BODY)[:1_000])
                self._transport.close()
            case "/garbage":
                send(b"this is not HTTP\r\n\r\n")
            case _:
                send(_response(BODY))


def _is_length(name: str) -> bool:
    return name.lower() == "content-length"


def _response(body: bytes, status: int = 200) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
