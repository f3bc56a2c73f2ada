"""The HTTP side of a Python worker: a pool's requests as Locust's FastHttpUser sends them, and answers."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import Any

from gevent import Timeout
from geventhttpclient.client import HTTPClient, HTTPClientPool
from geventhttpclient.connectionpool import ConnectionPool
from geventhttpclient.response import HTTPConnectionClosed, HTTPParseError
from locust.contrib.fasthttp import LocustBadStatusCode

from harness.load.pool import RequestPool
from harness.load.recorder import Reason

_TCP_INFO_BYTES = 104
_TOTAL_RETRANS_OFFSET = 100  # tcpi_total_retrans in Linux's struct tcp_info
_WORDS_OF_AN_EARLY_END = ("EOF", "Incomplete", "closed")  # the HTTP parser has one class for all its errors


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request of the pool, taken apart again for a client that puts requests together itself."""

    kind: str
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    wire_bytes: int
    expect: int
    expected_body: bytes | None
    also: dict[int, str]


def prepare(pool: RequestPool) -> tuple[Prepared, ...]:
    """The pool's requests, in its own numbering."""
    prepared = []
    for request in pool.requests:
        wire = pool.wire(request)
        head, _, body = wire.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        # Locust would ask for compressed answers, whose length is not that of the expected one.
        headers = {"Accept-Encoding": "identity"}
        headers |= dict(line.split(": ", 1) for line in lines)
        expected = None if request.body is None else pool.bodies[request.body]
        prepared.append(
            Prepared(
                kind=request.kind,
                method=method,
                target=target,
                headers=headers,
                body=body,
                wire_bytes=len(wire),
                expect=request.expect,
                expected_body=expected,
                also=dict(request.also),
            )
        )
    return tuple(prepared)


class Connections(HTTPClientPool):
    """Keep-alive connections to one address, shared by all users of a window and opened before it begins."""

    def __init__(self, host: str, port: int, size: int, timeout_s: float) -> None:
        super().__init__()
        self._pool = _CountingPool(host, port, size, timeout_s)
        client = HTTPClient(host, port, concurrency=size)
        client._connection_pool = self._pool
        self._client = client

    def get_client(self, url: Any) -> HTTPClient:
        """The client for any URL: a window has one address."""
        return self._client

    def open(self) -> int:
        """Opens all connections and returns their number. Raises OSError."""
        opened = [self._pool.get_socket() for _ in range(self._pool.size)]
        for sock in opened:
            self._pool.return_socket(sock)
        return len(opened)

    @property
    def opened(self) -> int:
        return self._pool.opened

    @property
    def lost(self) -> int:
        """Connections that ended while the window still needed them."""
        return self._pool.lost

    def finish(self) -> int:
        """Closes all and returns how many segments had to be sent again."""
        self._pool.close()
        return self._pool.retransmits


class _CountingPool(ConnectionPool):
    def __init__(self, host: str, port: int, size: int, timeout_s: float) -> None:
        self.opened = self.lost = self.retransmits = 0
        super().__init__(
            host, port, host, port, size=size, connection_timeout=timeout_s, network_timeout=timeout_s
        )

    def after_connect(self, sock: Any) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.opened += 1

    def release_socket(self, sock: Any) -> None:
        self.lost += 1
        self._take_retransmits(sock)
        super().release_socket(sock)

    def close(self) -> None:
        for sock in list(self._socket_queue.queue):
            self._take_retransmits(sock)
        super().close()

    def _take_retransmits(self, sock: Any) -> None:
        if sock.fileno() >= 0:
            info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
            self.retransmits += struct.unpack_from("=I", info, _TOTAL_RETRANS_OFFSET)[0]


def failure(error: BaseException | None) -> Reason | None:
    """Why there was no whole answer; None when there was one, whatever its status."""
    cause = getattr(error, "original", None) or error
    match cause:
        case None | LocustBadStatusCode():
            return None
        case Timeout() | TimeoutError():
            return "timeout"
        case ConnectionResetError() | BrokenPipeError() | HTTPConnectionClosed():
            return "reset"
        case HTTPParseError():
            return "short" if any(word in str(cause) for word in _WORDS_OF_AN_EARLY_END) else "malformed"
        case OSError():
            return "connect"
        case _:
            return "malformed"
