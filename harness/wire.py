"""HTTP/1.1 over a socket, requests exactly as a case gives them, however odd: nothing is checked or mended."""

from __future__ import annotations

import http.client
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from harness.kit.cases import ReadyRequest

_CHUNK_BYTES = 1_000


@dataclass(frozen=True)
class Answer:
    """What came back; `closed`: the connection cannot be used again."""

    status: int
    headers: dict[str, str]
    body: bytes
    closed: bool


class Connection:
    """One connection, opened at its first exchange and anew after the service has closed it."""

    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        self._address = (host, port)
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._is_cut = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def cut(self) -> None:
        """Ends, from another thread, an exchange that is under way: it fails where it waits. No other follows."""
        self._is_cut = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def exchange(self, request: ReadyRequest) -> Answer:
        """Sends it and waits for the answer, which may come before the body is all sent.

        Raises OSError, http.client.HTTPException for what is no HTTP answer.
        """
        if self._socket is None:
            self._socket = socket.create_connection(self._address, self._timeout_s)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._is_cut:
            raise ConnectionAbortedError("the connection was cut")
        try:
            self._socket.sendall(self._head(request))
            self._socket.sendall(_chunked(request.body) if request.chunked else request.body)
        except (BrokenPipeError, ConnectionResetError):
            pass
        response = http.client.HTTPResponse(self._socket, method=request.method)
        try:
            response.begin()
            body = response.read()
            headers = {k.lower(): v for k, v in response.getheaders()}
            answer = Answer(response.status, headers, body, response.will_close)
        finally:
            response.close()
        if answer.closed:
            self.close()
        return answer

    def _head(self, request: ReadyRequest) -> bytes:
        host, port = self._address
        lines = [f"{request.method} {request.target} HTTP/1.1"]
        if not any(name.lower() == "host" for name, _ in request.headers):
            lines.append(f"Host: {f'[{host}]' if ':' in host else host}:{port}")
        lines += [f"{name}: {value}" for name, value in request.headers]
        if request.chunked:
            lines.append("Transfer-Encoding: chunked")
        elif request.body or request.method not in ("GET", "HEAD"):
            lines.append(f"Content-Length: {len(request.body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogatepass")


def _chunked(body: bytes) -> bytes:
    pieces = [body[start : start + _CHUNK_BYTES] for start in range(0, len(body), _CHUNK_BYTES)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
