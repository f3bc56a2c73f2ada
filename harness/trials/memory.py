"""The trial of a `memory` scenario: memory when idle, then with more and more kept connections."""

from __future__ import annotations

import asyncio
import resource
import time

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
    wire = _wire(request, running)
    spec = trial.planned.case.scenario.memory
    held: list[Connection] = []
    spans = []
    try:
        for wanted in sorted(spec.connections):
            trial.tell(f"memory with {wanted:,} connections")
            await _grow(held, wanted, running, wire)
            if trial.sampler:
                trial.sampler.pss(True)
            start_unix_ns = time.time_ns()
            await asyncio.to_thread(rest, running, spec.settle)
            spans.append((wanted, start_unix_ns, time.time_ns()))
    finally:
        for _, writer in held:
            writer.close()
    return spans


async def _grow(held: list[Connection], wanted: int, running: RunningTarget, wire: bytes) -> None:
    """Opens connections until there are as many as wanted; each has been answered once."""
    while len(held) < wanted:
        batch = min(_OPENING_AT_ONCE, wanted - len(held))
        try:
            held += await asyncio.wait_for(
                asyncio.gather(*(_open(running, wire) for _ in range(batch))), _ANSWER_TIMEOUT_S
            )
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            raise LoadError(
                f"connection {len(held) + 1:,} of {wanted:,} was not answered: {error or type(error).__name__}"
            ) from error


async def _open(running: RunningTarget, wire: bytes) -> Connection:
    reader, writer = await asyncio.open_connection(running.host, running.port)
    writer.write(wire)
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    )
    await reader.readexactly(length)
    return reader, writer


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
