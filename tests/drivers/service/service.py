"""A service as small as it can be, with the faults that a driver must cope with.

FAULT is exit-early, never-ready, deaf (ignores SIGTERM) or runaway (leaves a child in a session of its own).
`/eat` takes 512 MiB, `/crash` exits with code 7.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FAULT = os.environ.get("FAULT", "")
HANG_UPS: list[int] = []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/healthz":
            self._answer(503 if FAULT == "never-ready" else 200, {"status": "ok"})
        elif self.path == "/info":
            self._answer(200, about())
        elif self.path == "/eat":
            self._answer(200, {"bytes": len(b"x" * (512 << 20))})
        elif self.path == "/crash":
            print("crashing as asked", flush=True)
            os._exit(7)

    def _answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Stays silent."""


def about() -> dict[str, object]:
    routes = os.environ.get("ROUTES_FILE")
    return {
        "pids": [os.getpid()],
        "cpus": sorted(os.sched_getaffinity(0)),
        "nofile": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "environment": dict(os.environ),
        "routes": Path(routes).read_text() if routes else None,
        "hang_ups": len(HANG_UPS),
    }


def main() -> int:
    print("starting", flush=True)
    if FAULT == "exit-early":
        print("PORT: bad value 'x'", file=sys.stderr, flush=True)
        return 2
    server = ThreadingHTTPServer((os.environ.get("BIND", "127.0.0.1"), int(os.environ["PORT"])), Handler)
    signal.signal(signal.SIGHUP, lambda *_: HANG_UPS.append(1))
    if FAULT == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    if FAULT == "runaway":
        child = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True
        )
        print(f"child {child.pid}", flush=True)
        child.returncode = 0  # it is never waited for
    server.serve_forever(poll_interval=0.01)
    print("stopped in order", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
