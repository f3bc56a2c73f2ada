"""How far the generator's own figures can be believed: it measures a null server that knows the truth.

The server answers after known delays and keeps its own histogram, from the last byte of a request to the first
of its answer. What the generator shows beyond that is the way through the kernel and its own error. The truth
of a stall is a simulation of the same arrivals on the same connections: a stalled server cannot know what waits
outside of it.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from harness import figures
from harness.errors import LoadError, StartError
from harness.load.plan import LoadPlan, native_threads, wakefulness
from harness.load.pool import PoolBuilder
from harness.load.result import read_reports
from harness.load.schedule import arrivals_ns
from harness.load.supervise import LoadGenerator, LoadResult
from harness.model import JsonObject
from harness.null_server import NullServer
from harness.probes.placement import Placement
from harness.stats.histogram import Histogram
from harness.units import NS_PER_MS, NS_PER_S, NS_PER_US

_CONNECTIONS = 64
_SEED = 1
_RATE_RPS = 2_000.0
_BODY_BYTES = 4_096
_STALL_RATIO_GOAL = 0.005
_GOALS_NS = {"p50_ns": 20 * NS_PER_US, "p99_ns": 60 * NS_PER_US}
"""Against a known delay at 2,000/s, the core idle otherwise. P99.9 has no goal on a virtual machine."""

_PERCENTILES = {"p50_ns": 50.0, "p99_ns": 99.0, "p999_ns": 99.9}


@dataclass(frozen=True, slots=True)
class Stall:
    """From each multiple of the period after its first request on, the server answers nothing for a while."""

    period_ns: int
    length_ns: int

    def answered_ns(self, read_ns: int, first_ns: int) -> int:
        """When a request is answered that was read at `read_ns`; the first of all was at `first_ns`."""
        period, into_ns = divmod(read_ns - first_ns, self.period_ns)
        if period and into_ns < self.length_ns:
            return first_ns + period * self.period_ns + self.length_ns
        return read_ns


@dataclass(frozen=True, slots=True)
class Bout:
    """One short window against one kind of server."""

    name: str
    delay: str
    mode: Literal["closed", "open"]
    seconds: float
    stall: Stall | None = None


_CEILING = Bout("ceiling", "none", "closed", 1.5)
_FIXED = Bout("fixed 1 ms", "fixed:1ms", "open", 5.2)
_BIMODAL = Bout("bimodal 1 / 10 ms", "bimodal:1ms,10ms,0.1", "open", 3.5)
_STALLED = Bout("1 s stall", "stall:2500ms,1s", "open", 4.0, Stall(2_500 * NS_PER_MS, NS_PER_S))
_QUICK_FIXED = Bout("fixed 1 ms", "fixed:1ms", "open", 2.0)


def run_calibration(
    generator: LoadGenerator, placement: Placement, null_server: Path, folder: Path, *, quick: bool
) -> JsonObject:
    """All bouts, in about 20 s (quick: two bouts in 6 s). The result is a run's `calibration`.

    It stands without bouts, with `missing_because`, where the null server is not built or does not start.
    """
    if not null_server.is_file():
        return {
            "schema": 1,
            "bouts": [],
            "missing_because": "the null server is not built: it needs cargo or Docker",
        }
    folder.mkdir(parents=True, exist_ok=True)
    bouts = (_CEILING, _QUICK_FIXED) if quick else (_CEILING, _FIXED, _BIMODAL, _STALLED)
    try:
        done = [_bout(generator, placement, null_server, folder, bout) for bout in bouts]
    except (LoadError, StartError) as error:
        return {"schema": 1, "bouts": [], "missing_because": str(error)}
    return {
        "schema": 1,
        "bouts": done,
        "missing_because": None,
        "ceiling_rps": done[0]["throughput_rps"],
        "requests_per_cpu_s": done[0]["generator"]["requests_per_cpu_s"],
        "goals_ns": _GOALS_NS,
        "notes": [text for bout in done for text in bout["missed"]],
    }


def _bout(
    generator: LoadGenerator, placement: Placement, null_server: Path, folder: Path, bout: Bout
) -> JsonObject:
    """The window's figures, the truth, and where they differ by more than the goal."""
    alone = placement.sharing != "direction only"
    with NullServer(null_server, folder, bout.delay, placement.target_cpus, spin=alone) as server:
        pool = folder / "requests.msgpack"
        builder = PoolBuilder("127.0.0.1", server.port)
        builder.add("POST", "/v1/messages/calibration", body=b"x" * _BODY_BYTES)
        builder.build().write(pool)
        plan = _plan(bout, server.port, pool, placement, native=generator.engine.name == "native")
        result = generator.offer(plan, folder / "window")
        truth = server.finish()
    if result.problems:
        raise LoadError(f"calibration {bout.name}: {result.problems[0]}")
    return _figures(bout, plan, result, truth)


def _plan(bout: Bout, port: int, pool: Path, placement: Placement, *, native: bool) -> LoadPlan:
    steps = ((_RATE_RPS, bout.seconds),) if bout.mode == "open" else ()
    cores = len(placement.generator_cpus)
    return LoadPlan(
        run=f"calibration/{bout.name}-{time.time_ns()}",
        host="127.0.0.1",
        port=port,
        requests=str(pool.absolute()),
        mode=bout.mode,
        connections=_CONNECTIONS,
        duration_s=bout.seconds,
        steps=steps,
        seed=_SEED,
        threads=native_threads(bout.mode, steps, connections=_CONNECTIONS, cores=cores) if native else 1,
        cpus=placement.generator_cpus or None,
        **asdict(
            wakefulness(
                bout.mode, own_core=placement.sharing == "none", beside_target=placement.loads_target_cpus
            )
        ),
    )


def _figures(bout: Bout, plan: LoadPlan, result: LoadResult, served: Histogram) -> JsonObject:
    records = read_reports(result.reports)
    result.reports.unlink()
    totals = list(result.totals.values())
    completed = figures.counts(totals).completed
    lost = [] if completed == served.count else [f"{completed:,} answers came, {served.count:,} were given"]
    record: JsonObject = {
        "name": bout.name,
        "delay": bout.delay,
        "mode": bout.mode,
        "seconds": bout.seconds,
        "completed": completed,
        "served": served.count,
        "throughput_rps": figures.throughput_rps(completed, bout.seconds),
        "generator": figures.generator(totals, bout.seconds, plan.threads),
        "send_delay_p99_ns": None,
        "measured": None,
        "truth": None,
        "error_ns": None,
        "missed": lost,
    }
    if bout.mode == "closed":
        return record
    own = records.histogram("own_delay")
    truth = served if bout.stall is None else simulated(plan, bout.stall)
    measured, true = _percentiles(records.histogram("response")), _percentiles(truth)
    errors = {n: _difference(measured[n], true[n]) for n in _PERCENTILES}
    return record | {
        "send_delay_p99_ns": own.percentile(99),
        "measured": measured,
        "truth": true,
        "error_ns": errors,
        "missed": [*lost, *missed_goals(bout, errors, true)],
    }


def simulated(plan: LoadPlan, stall: Stall) -> Histogram:
    """Response times of the plan's own arrivals, first come first served on its connections."""
    free_ns = [0] * plan.connections
    first_ns: int | None = None
    histogram = Histogram()
    for intended_ns in arrivals_ns(plan.arrivals, plan.seed, plan.steps):
        sent_ns = max(intended_ns, free_ns[0])
        first_ns = sent_ns if first_ns is None else first_ns
        answered_ns = stall.answered_ns(sent_ns, first_ns)
        heapq.heapreplace(free_ns, answered_ns)
        histogram.record(answered_ns - intended_ns)
    return histogram


def missed_goals(bout: Bout, error_ns: dict[str, int | None], truth: dict[str, int | None]) -> list[str]:
    """A sentence for each percentile that is off by more than its goal. What is missing cannot be judged."""
    missed = []
    for name, goal_ns in _GOALS_NS.items():
        error, true = error_ns[name], truth[name]
        if error is None or true is None:
            continue
        limit_ns: float = goal_ns
        if bout.stall is not None:
            if name != "p99_ns":
                continue
            limit_ns = true * _STALL_RATIO_GOAL
        if abs(error) > limit_ns:
            percent = name.removesuffix("_ns").upper()
            missed.append(
                f"calibration, {bout.name}: {percent} is off by {error / NS_PER_US:+,.0f} µs "
                f"(goal {limit_ns / NS_PER_US:,.0f} µs)"
            )
    return missed


def _percentiles(histogram: Histogram) -> dict[str, int | None]:
    return {name: histogram.percentile(percent) for name, percent in _PERCENTILES.items()}


def _difference(measured: int | None, true: int | None) -> int | None:
    return None if measured is None or true is None else measured - true


# --- to look at ----------------------------------------------------------------------------------------------

COLUMNS = ("against", "P50", "error", "P99", "error", "P99.9", "error", "send delay P99", "requests/s")


def calibration_rows(calibration: JsonObject) -> list[tuple[str, ...]]:
    """The table under `COLUMNS`, as text: truth in ms, errors and send delay in µs. Missing is a dash."""
    return [
        (
            bout["name"],
            *(text for name in _PERCENTILES for text in _cells(bout, name)),
            _us(bout["send_delay_p99_ns"], "{:,.0f} µs"),
            f"{bout['throughput_rps']:,.0f}",
        )
        for bout in calibration["bouts"]
    ]


def _cells(bout: JsonObject, name: str) -> Sequence[str]:
    truth, error = (bout["truth"] or {}).get(name), (bout["error_ns"] or {}).get(name)
    return ("–" if truth is None else f"{truth / NS_PER_MS:,.3f} ms", _us(error, "{:+,.0f} µs"))


def _us(value_ns: int | None, form: str) -> str:
    return "–" if value_ns is None else form.format(value_ns / NS_PER_US)
