"""A service that answers as a test says: byte for byte, in pieces, never, or with a broken connection."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from rig import BODY_BYTES


@dataclass(frozen=True)
class Reply:
    """What to do with a request."""

    pieces: tuple[bytes, ...] = ()
    """Sent one by one, with a pause between them."""
    then: str = "stay"
    """`stay`, `close` or `reset`."""


def whole(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    """A proper answer."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


class ScriptedService:
    """Calls `script` with the number of each request (from 0, over all connections) and does what it returns."""

    def __init__(self, script: Callable[[int], Reply], family: socket.AddressFamily = socket.AF_INET) -> None:
        self.script = script
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        self.listener.listen(128)
        self.port: int = self.listener.getsockname()[1]
        self.requests = 0
        self.lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accepts nothing more."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while self._read_request(connection):
                with self.lock:
                    number, self.requests = self.requests, self.requests + 1
                reply = self.script(number)
                for index, piece in enumerate(reply.pieces):
                    if index:
                        time.sleep(0.001)
                    connection.sendall(piece)
                if reply.then == "reset":
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                if reply.then != "stay":
                    return

    @staticmethod
    def _read_request(connection: socket.socket) -> bool:
        content = b""
        while b"\r\n\r\n" not in content:
            if not (received := connection.recv(65536)):
                return False
            content += received
        left = BODY_BYTES - len(content.split(b"\r\n\r\n", 1)[1])
        while left > 0:
            if not (received := connection.recv(left)):
                return False
            left -= len(received)
        return True
