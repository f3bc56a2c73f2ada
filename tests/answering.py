"""Services of a few lines for tests: one that answers as a function says, one that sends the same bytes to all."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from harness.kit.cases import TITLES
from harness.kit.kit import Kit
from harness.kit.routing import route

KIT = Kit.make()
Answer = tuple[int, Mapping[str, str], bytes]
Service = Callable[[str, bytes], Answer]


def right_answer(path: str, body: bytes) -> Answer:
    """That of the contract to a good message."""
    message = json.loads(body)
    topic = path.removeprefix("/v1/messages/")
    answer = {"route": route(KIT.table, topic, message), "message": message}
    return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()


def problem(code: int, **more: Any) -> Answer:
    """A whole refusal, with the headers that any status needs, and further members."""
    body = {"type": "about:blank", "title": TITLES[code], "status": code, **more}
    headers = {
        "Content-Type": "application/problem+json",
        "WWW-Authenticate": "Bearer",
        "Retry-After": "1",
    }
    return code, headers, json.dumps(body).encode()


@contextmanager
def serving(service: Service) -> Iterator[int]:
    """The port of a service that answers POST and GET so; its answers have a Content-Length."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            status, headers, text = service(self.path, body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: Any) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = 128

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def sending(raw: bytes) -> Iterator[int]:
    """The port of a service that reads the beginning of a request, sends these bytes and closes."""

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65_536)
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65_536):
                pass

    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
