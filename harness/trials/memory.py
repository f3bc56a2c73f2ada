"""The trial of a `memory` scenario: memory when idle, then with more and more kept connections."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Sequence

from harness import figures
from harness.drivers.base import RunningTarget
from harness.errors import LoadError
from harness.kit.cases import CaseRequest, ReadyRequest
from harness.model import JsonObject
from harness.service import setting_of
from harness.trials.stages import checked_service, conformance_after, rest, stop
from harness.trials.trial import Trial

_OPENING_AT_ONCE = 64
_ANSWER_TIMEOUT_S = 30.0

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def measure_memory(trial: Trial) -> None:
    """Each connection sends one request and stays open; memory is read once they have all been answered."""
    _allow_files(max(trial.planned.case.scenario.memory.connections) + 1_000)
    levels: list[JsonObject] = []
    with checked_service(trial) as running:
        spans = asyncio.run(_keep_connections(trial, running))
        conformance_after(trial, running)
        stop(trial, running)
    rows = trial.rows()
    for connections, start_unix_ns, end_unix_ns in spans:
        used = figures.span(rows, start_unix_ns, end_unix_ns)
        levels.append({"connections": connections, "memory": figures.memory(used) if used else None})
    trial.record["memory"] = {"idle": figures.rest_memory(rows, "idle"), "loaded": None, "after": None}
    trial.record["memory_levels"] = levels


async def _keep_connections(trial: Trial, running: RunningTarget) -> list[tuple[int, int, int]]:
    """(connections, start, end) of each span in which so many idle connections were held."""
    request = trial.bench.kit.maker.request(CaseRequest(), setting_of(trial.scenario_service))
    spec = trial.planned.case.scenario.memory
    held: list[Connection] = []
    spans = []
    try:
        for wanted in sorted(spec.connections):
            trial.tell(f"memory with {wanted:,} connections")
            await grow(held, wanted, running, request)
            if trial.sampler:
                trial.sampler.pss(True)
            start_unix_ns = time.time_ns()
            await asyncio.to_thread(rest, running, spec.settle)
            spans.append((wanted, start_unix_ns, time.time_ns()))
    finally:
        for _, writer in held:
            writer.close()
    return spans


async def grow(held: list[Connection], wanted: int, running: RunningTarget, request: ReadyRequest) -> None:
    """Opens connections until there are as many as wanted; each has been answered once, with a status expected.

    Raises LoadError with what came instead.
    """
    wire = _wire(request, running)
    while len(held) < wanted:
        opened = len(held)
        batch = min(_OPENING_AT_ONCE, wanted - opened)
        try:
            await asyncio.wait_for(
                asyncio.gather(*(_open(held, running, wire, request.statuses) for _ in range(batch))),
                _ANSWER_TIMEOUT_S,
            )
        except (OSError, EOFError, asyncio.LimitOverrunError, ValueError) as error:
            raise LoadError(
                f"of the connections {opened + 1:,} to {opened + batch:,} of {wanted:,} one was not answered as it "
                f"should be: {str(error) or type(error).__name__}"
            ) from error


async def _open(held: list[Connection], running: RunningTarget, wire: bytes, statuses: Sequence[int]) -> None:
    """Raises OSError, EOFError, LimitOverrunError, and ValueError for an answer that is not what was asked for."""
    reader, writer = await asyncio.open_connection(running.host, running.port)
    held.append((reader, writer))
    writer.write(wire)
    await reader.readexactly(_length(await reader.readuntil(b"\r\n\r\n"), statuses))


def _length(head: bytes, statuses: Sequence[int]) -> int:
    """The length of the body that follows. Raises ValueError for another status, and where no length is told."""
    status_line, *lines = head.decode("latin-1").split("\r\n")
    if status_line.split(" ")[1:2] not in [[str(s)] for s in statuses]:
        raise ValueError(f"{status_line!r}, not status {' or '.join(map(str, statuses))}")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if not headers.get("content-length", "").isdecimal():
        raise ValueError(f"{status_line!r} without a Content-Length")
    return int(headers["content-length"])


def _wire(request: ReadyRequest, running: RunningTarget) -> bytes:
    lines = [f"{request.method} {request.target} HTTP/1.1", f"Host: {running.host}:{running.port}"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    lines.append(f"Content-Length: {len(request.body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + request.body


def _allow_files(wanted: int) -> None:
    """Raises this process's own limit on open files. Raises LoadError where the system does not let it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise LoadError(f"{wanted:,} open files are needed, the system allows {hard:,}: raise `ulimit -Hn`")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
