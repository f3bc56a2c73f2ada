"""The plan of one window of load, and the message that tells a worker its share of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from harness.errors import LoadError

SCHEMA = 1

Mode = Literal["closed", "open"]
Arrivals = Literal["poisson", "constant"]


@dataclass(frozen=True)
class Share:
    """Which part of a window is one worker's: the `index`-th of `count`, from 0."""

    index: int
    count: int


ALWAYS_US = 1_000_000
"""Spinning so long before an instant is spinning all the time, at any rate worth measuring."""


@dataclass(frozen=True)
class Wakefulness:
    """How a native worker waits for the next instant or answer; the fields are those of a `LoadPlan`."""

    spin_us: int
    nap_us: int


def wakefulness(mode: Mode, *, own_core: bool, beside_target: bool) -> Wakefulness:
    """The most exact way to wait that the core allows (docs/decisions/0004-how-the-generator-waits.md).

    A closed load sends when an answer comes, so it just sleeps. An open one on a core of its own never does; on one
    that it shares with the harness, spinning would use up its turn and make it wait for the others', so it takes
    short naps. On a cpu of the target's each end of a nap would interrupt what is measured, so there it sleeps.
    """
    if mode == "closed" or beside_target:
        return Wakefulness(spin_us=0, nap_us=0)
    if own_core:
        return Wakefulness(spin_us=ALWAYS_US, nap_us=0)
    return Wakefulness(spin_us=30, nap_us=20)


_RPS_PER_THREAD = 40_000
"""A fifth of what one engine thread can do, so that it is seldom busy when a request is due."""


def native_threads(mode: Mode, steps: Sequence[tuple[float, float]], *, connections: int, cores: int) -> int:
    """Data-plane threads of a native worker: closed load takes every core, an open rate as many as keep it on time.

    Threads share no connections. steps: of an open load, (rate in requests a second, seconds).
    """
    highest_rps = max((rate_rps for rate_rps, _ in steps), default=0.0)
    wanted = cores if mode == "closed" else math.ceil(highest_rps / _RPS_PER_THREAD)
    return max(1, min(wanted, connections, cores))


@dataclass(frozen=True)
class LoadPlan:
    """What is offered to `host:port`, by all workers together, for how long.

    closed: `connections` callers, each back to back with `think_time_us` between answer and next request.
    open: requests arrive by a schedule of their own, made of `steps` (rate in requests a second, seconds),
    and wait for one of the `connections` when all are in use.

    `run` names this window only. `requests` is the absolute path of a request pool (None: the workers run a
    Locust file). `marker` is text in answers before a whole number, such as `"table_version":`, whose values
    are reported with the times at which each was seen. `threads` are data-plane threads of a native worker,
    pinned to `cpus` in turn; `spin_us`: how long before an instant it stops sleeping; `nap_us`: the
    longest sleep (0: of any length), see `wakefulness`. The bytes of every `check_every`-th answer are
    compared with the expected ones (0: of none). Raises LoadError.
    """

    run: str
    host: str
    port: int
    requests: str | None
    mode: Mode
    connections: int
    duration_s: float
    think_time_us: int = 0
    arrivals: Arrivals = "poisson"
    steps: tuple[tuple[float, float], ...] = ()
    seed: int = 1
    timeout_ms: int = 10_000
    drain_ms: int = 10_000
    check_every: int = 1_000
    marker: str | None = None
    threads: int = 1
    cpus: tuple[int, ...] | None = None
    spin_us: int = 0
    nap_us: int = 0

    def __post_init__(self) -> None:
        problems = [text for wrong, text in _checks(self) if wrong]
        if problems:
            raise LoadError(f"this load cannot be offered: {'; '.join(problems)}")

    @property
    def deadline_s(self) -> float:
        """So long after its start a window is over even if a worker never answers."""
        return self.duration_s + self.drain_ms / 1_000 + 15

    def to_fields(self) -> dict[str, Any]:
        """As JSON, without share and schema."""
        return asdict(self)

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> LoadPlan:
        """Raises LoadError for a key that is missing, unknown, or holds what cannot be offered."""
        known = dict(fields)
        try:
            known["steps"] = tuple((float(rate), float(length)) for rate, length in known.get("steps", ()))
            if known.get("cpus") is not None:
                known["cpus"] = tuple(known["cpus"])
            return cls(**known)
        except (TypeError, ValueError) as error:
            raise LoadError(f"this is not a load plan: {error}") from error

    def to_message(self, share: Share) -> dict[str, Any]:
        """The data of a `bench_load` message for one worker."""
        return {"schema": SCHEMA, "share": asdict(share), **self.to_fields()}

    @classmethod
    def from_message(cls, data: Mapping[str, Any]) -> tuple[LoadPlan, Share]:
        """Raises LoadError when the message is of another schema or holds no plan."""
        fields = dict(data)
        if (schema := fields.pop("schema", None)) != SCHEMA:
            raise LoadError(f"bench_load has schema {schema}; this worker speaks {SCHEMA}")
        share = fields.pop("share", None)
        if not isinstance(share, dict) or not 0 <= share.get("index", -1) < share.get("count", 0):
            raise LoadError(f"bench_load names no share: {share!r}")
        return cls.from_fields(fields), Share(share["index"], share["count"])


def _checks(plan: LoadPlan) -> Iterable[tuple[bool, str]]:
    yield not plan.run, "run has no name"
    yield plan.mode not in get_args(Mode), f"mode {plan.mode!r} is neither closed nor open"
    yield (
        plan.arrivals not in get_args(Arrivals),
        f"arrivals {plan.arrivals!r} is neither poisson nor constant",
    )
    yield not 1 <= plan.port <= 65_535, f"port {plan.port} is not within 1..65535"
    yield plan.connections < 1, f"connections {plan.connections} is under 1"
    yield plan.duration_s <= 0, f"duration_s {plan.duration_s} is not above 0"
    yield plan.timeout_ms < 1, f"timeout_ms {plan.timeout_ms} is under 1"
    yield plan.threads < 1, f"threads {plan.threads} is under 1"
    for name in ("think_time_us", "drain_ms", "check_every", "spin_us", "nap_us", "seed"):
        yield getattr(plan, name) < 0, f"{name} {getattr(plan, name)} is under 0"
    yield plan.cpus == (), "cpus is an empty list; leave it out for any"
    if plan.mode == "open":
        yield not plan.steps, "an open load needs steps of (rate_rps, duration_s)"
        bad = [step for step in plan.steps if step[0] < 0 or step[1] <= 0]
        yield bool(bad), f"steps {bad} have a rate under 0 or no length"
    elif plan.steps:
        yield True, "a closed load has no steps: its callers wait for answers"
