"""When a service is ready: `GET /healthz` answers 200. And which port it may have."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable
from pathlib import Path

from harness.errors import InfrastructureError, StartError
from harness.model import TargetSpec

FIRST_PAUSE_S = 0.001
LONGEST_PAUSE_S = 0.02
PAUSE_GROWTH = 1.05
ANSWER_DEADLINE_S = 2.0
LOG_LINES = 20


def wait_until_ready(host: str, port: int, deadline_s: float, ended: Callable[[float], str | None]) -> int:
    """Polls `/healthz`, every millisecond at first and every 20 ms in the end; the unix ns of the first 200.

    `ended(timeout_s)` waits so long for the service to end and says how it ended, or None if it still runs: a
    service that ends is noticed at once, not at the deadline. Raises StartError for either.
    """
    give_up = time.monotonic() + deadline_s
    pause_s = FIRST_PAUSE_S
    while time.monotonic() < give_up:
        if is_healthy(host, port):
            ready_unix_ns = time.time_ns()
            if (how := ended(0)) is not None:
                raise StartError(f"{how}, and another process answers on port {port}")
            return ready_unix_ns
        if (how := ended(pause_s)) is not None:
            raise StartError(f"{how} before it was ready")
        pause_s = min(pause_s * PAUSE_GROWTH, LONGEST_PAUSE_S)
    raise StartError(f"did not answer GET http://{host}:{port}/healthz with 200 within {deadline_s:g} s")


def is_healthy(host: str, port: int) -> bool:
    """Whether `/healthz` answers 200 now."""
    request = f"GET /healthz HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection((host, port), ANSWER_DEADLINE_S) as connection:
            connection.sendall(request.encode())
            answer = b""
            while b"\r\n" not in answer:
                chunk = connection.recv(4096)
                if not chunk:
                    return False
                answer += chunk
    except OSError:
        return False
    return answer.split(b" ", 2)[1:2] == [b"200"]


def failed_start(target: TargetSpec, why: object, log: str) -> StartError:
    """The error for a start that failed, with the last lines of the target's log."""
    ending = f"Its log ended with:\n{log}" if log else "Its log is empty."
    return StartError(f"{target.id}: {why}. {ending}")


def free_port(host: str) -> int:
    """A port nobody listens on, outside the range from which outgoing connections get theirs."""
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    candidates = [p for p in range(10_000, 65_536) if not low <= p <= high] or list(range(low, high + 1))
    for port in random.sample(candidates, k=min(len(candidates), 200)):
        if not port_in_use(host, port):
            return port
    raise InfrastructureError(f"no free port found on {host}")


def port_in_use(host: str, port: int) -> bool:
    """Whether binding to it fails."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False
