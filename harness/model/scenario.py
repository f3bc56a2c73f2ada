"""Scenario files: what is asked of every target, under which load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from harness.model.fields import Duration, Environment, EnvText, FileModel, Name, Ratio, Size
from harness.promised import Promised, of_scenario, of_window


def _useless(
    model: FileModel, of: str, now: str, useful: Mapping[str, tuple[str, ...]], place: tuple[int | str, ...]
) -> Iterator[InitErrorDetails]:
    """Keys at `place` that do nothing where the mode or kind (`of`) is `now`: `useful` says where they do.

    A key with its default's value is as good as left out.
    """
    for key, where in useful.items():
        if now not in where and getattr(model, key) != type(model).model_fields[key].get_default():
            why = f"does nothing where the {of} is {now}, only where it is {' or '.join(where)}"
            error = PydanticCustomError("useless_key", "{why}", {"why": why})
            yield InitErrorDetails(type=error, loc=(*place, key), input={})


class RateStep(FileModel):
    """A stretch of open load."""

    rate_rps: Annotated[float, Field(gt=0)]
    duration: Duration


_MODES_OF = {
    "duration": ("closed", "open"),
    "connections_full": ("closed",),
    "think_time": ("closed",),
    "arrivals": ("open", "capacity"),
    "rate_rps": ("open",),
    "capacity_share": ("open",),
    "shares": ("open",),
    "steps": ("open",),
    "p99_limit": ("capacity",),
    "probe": ("capacity",),
}
"""Keys of a window that not every mode has a use for: those that have."""


class Window(FileModel):
    """One stretch of load that is measured as a whole.

    closed: `connections` callers back to back; several numbers: the best is shown.
    open: requests arrive on a schedule of their own at `rate_rps`, along `steps`, or at a share of the
    capacity that a window before it has found (`shares`: a window for each of them).
    capacity: searches the highest open rate whose P99 stays within `p99_limit`, below the throughput of the
    closed window before it.
    """

    name: Name
    mode: Literal["closed", "open", "capacity"]
    duration: Duration | None = Field(None, description="length of the window; open windows may give steps")
    connections: tuple[Annotated[int, Field(ge=1, le=65_536)], ...] = (64,)
    connections_full: tuple[Annotated[int, Field(ge=1, le=65_536)], ...] = Field(
        (), description="closed: numbers of connections in the full protocol"
    )
    think_time: float = Field(0.0, ge=0, description="closed: seconds between answer and next request")
    arrivals: Literal["poisson", "constant"] = "poisson"
    rate_rps: Annotated[float, Field(gt=0)] | None = None
    capacity_share: Annotated[float, Field(gt=0, le=1.5)] | None = None
    shares: tuple[Annotated[float, Field(gt=0, le=1.5)], ...] = Field(
        (), description="open: response time against offered rate, a window for each share of the capacity"
    )
    steps: tuple[RateStep, ...] = ()
    p99_limit: Duration | None = Field(None, description="capacity: the limit on P99 response time")
    probe: Duration = Field(4.0, description="capacity: length of one step of the search")
    only_full: bool = Field(False, description="part of the full protocol only")

    @model_validator(mode="after")
    def _complete(self) -> Window:
        if self.mode == "closed" and self.duration is None:
            raise ValueError("a closed window needs `duration`")
        rates = [self.rate_rps, self.capacity_share, self.shares or None, self.steps or None]
        if self.mode == "open" and (
            sum(r is not None for r in rates) != 1 or (self.duration is None and not self.steps)
        ):
            raise ValueError(
                "an open window needs one of `rate_rps`, `capacity_share` or `shares` with `duration`, or `steps`"
            )
        if self.mode == "capacity" and self.p99_limit is None:
            raise ValueError("a capacity window needs `p99_limit`")
        if self.mode != "closed" and len(self.connections) > 1:
            raise ValueError("only closed windows may name several numbers of connections")
        return self

    @property
    def needs_capacity(self) -> bool:
        return self.capacity_share is not None or bool(self.shares)

    def expanded(self) -> tuple[Window, ...]:
        """A window for each of `shares`, named after it in percent; itself when it has none."""
        if not self.shares:
            return (self,)
        return tuple(
            self.model_copy(
                update={"name": f"{self.name}-{share * 100:.0f}", "shares": (), "capacity_share": share}
            )
            for share in self.shares
        )

    @property
    def rate_steps(self) -> tuple[tuple[float, float], ...]:
        """(rate_rps, duration_s) of an open window; empty for others."""
        if self.steps:
            return tuple((s.rate_rps, s.duration) for s in self.steps)
        if self.rate_rps is not None and self.duration is not None:
            return ((self.rate_rps, self.duration),)
        return ()

    @property
    def length_s(self) -> float:
        """How long the window takes; of a capacity search, how long one probe does at usual rates."""
        if self.rate_rps is None and self.mode == "capacity":
            return self.probe
        return sum(d for _, d in self.rate_steps) if self.rate_steps else (self.duration or 0.0)


class Warmup(FileModel):
    """Closed load until the steady-state test is content, never longer than `max`."""

    min: Duration = 3.0
    max: Duration = 60.0
    max_full: Duration | None = Field(None, description="in place of `max` under the full protocol")
    connections: int = Field(64, ge=1)


class Traffic(FileModel):
    """What the contract's own requests look like."""

    bad_tokens: Ratio = Field(0.02, description="share of requests with a token that must be refused")
    tokens: int = Field(1_000, ge=1, description="distinct good tokens")
    messages: int = Field(211, ge=1, le=211, description="distinct messages of about 4 KB")


class RequestSpec(FileModel):
    """Requests to any service, in place of the contract's traffic."""

    method: str = "POST"
    path: str = "/"
    headers: dict[str, EnvText] = Field(default_factory=dict)
    body_files: tuple[str, ...] = Field((), description="files beside the scenario; used in turn")
    token_file: str | None = Field(None, description="one bearer token a line; used in turn")
    expect_status: int = Field(200, ge=100, le=599)


class ColdStart(FileModel):
    """Fresh starts, each timed to the first answered and the first authorised request."""

    starts: int = Field(10, ge=1)


class MemoryProbe(FileModel):
    """Memory when idle, and with so many keep-alive connections each having been used once."""

    connections: tuple[Annotated[int, Field(ge=1)], ...] = (64, 1_024, 10_000)
    settle: Duration = 2.0


class Reload(FileModel):
    """The routing table is changed so many times under a fixed open load.

    The service is told of every other change by a signal; the others it has to notice by itself.
    """

    changes: int = Field(10, ge=1)
    every: Duration = Field(3.0, description="time between two changes")
    rate_rps: Annotated[float, Field(gt=0)] = 500.0
    connections: int = Field(64, ge=1, le=65_536)

    @property
    def length_s(self) -> float:
        """All changes, with the time between two before the first and after the last."""
        return (self.changes + 1) * self.every


class Promise(FileModel):
    """A service level: `metric` of `window` must not exceed `at_most` (or fall under `at_least`)."""

    metric: str = Field(description="what is promised, with its unit: response_p99_ms, memory_peak_mib")
    window: Name | None = None
    at_most: float | None = None
    at_least: float | None = None

    @model_validator(mode="after")
    def _limited(self) -> Promise:
        if self.at_most is None and self.at_least is None:
            raise ValueError("a promise needs `at_most` or `at_least`")
        return self


_KINDS_OF = {
    "request": ("load",),
    "windows": ("load",),
    "cold_start": ("cold-start",),
    "memory": ("memory",),
    "reload": ("reload",),
}
"""Keys of a scenario that not every kind has a use for: those that have."""


class Scenario(FileModel):
    """One question, asked of every target in the same way."""

    schema_version: Literal[1] = Field(alias="schema")
    name: Name
    question: str = Field(description="one sentence that the scenario answers")
    kind: Literal["load", "cold-start", "memory", "reload"] = "load"
    service: Environment = Field(default_factory=dict, description="environment variables of the contract")
    traffic: Traffic = Traffic()
    request: RequestSpec | None = None
    warmup: Warmup | None = Warmup()
    windows: tuple[Window, ...] = ()
    cold_start: ColdStart = ColdStart()
    memory: MemoryProbe = MemoryProbe()
    reload: Reload = Reload()
    timeout: Duration = Field(10.0, description="deadline of a request from its intended instant")
    memory_limit: Size | None = Field(None, description="limit on the service's memory")
    expect_unavailable: bool = Field(
        False, description="503 is an expected answer, with a histogram of its own"
    )
    promises: tuple[Promise, ...] = ()
    folder: Path = Field(Path(), exclude=True)

    @model_validator(mode="after")
    def _of_use(self) -> Scenario:
        """Of a file only: a run's record holds every key, and may be older than a default."""
        wrong = list(_useless(self, "kind", self.kind, _KINDS_OF, ()))
        for number, window in enumerate(self.windows):
            wrong += _useless(window, "mode", window.mode, _MODES_OF, ("windows", number))
        if wrong:
            raise ValidationError.from_exception_data("Scenario", wrong)
        return self

    @model_validator(mode="after")
    def _whole(self) -> Scenario:
        names: set[str] = set()
        for number, window in enumerate(self.windows):
            for name in (e.name for e in window.expanded()):
                if name in names:
                    error = PydanticCustomError("same_name", "two windows have the same name")
                    where = InitErrorDetails(type=error, loc=("windows", number, "name"), input=name)
                    raise ValidationError.from_exception_data("Scenario", [where])
                names.add(name)
        if self.kind == "load" and not self.windows:
            raise ValueError("a scenario of kind `load` needs `windows`")
        for place, window in enumerate(self.windows):
            before = {w.mode for w in self.windows[:place]}
            if window.mode == "capacity" and "closed" not in before:
                raise ValueError(f"window {window.name}: a closed window must come before a capacity window")
            if window.needs_capacity and "capacity" not in before:
                raise ValueError(
                    f"window {window.name}: a capacity window must come before shares of capacity"
                )
        if wrong := [e for n, p in enumerate(self.promises) for e in self._promise_errors(n, p)]:
            raise ValidationError.from_exception_data("Scenario", wrong)
        return self

    def promisable(self, window: str | None) -> dict[str, Promised] | None:
        """What may be promised of the window, or of the service as a whole; None where there is no such window."""
        if window is None:
            return of_scenario(self.kind)
        mode = self._modes().get(window)
        return None if mode is None else of_window(mode)

    def _modes(self) -> dict[str, str]:
        """The mode of each window by its name; a reload scenario has one of its own."""
        own = {"reload": "open"} if self.kind == "reload" else {}
        return own | {e.name: e.mode for w in self.windows for e in w.expanded()}

    def _promise_errors(self, number: int, promise: Promise) -> list[InitErrorDetails]:
        """A promise of what will not be measured is told before anything is."""
        known = self.promisable(promise.window)
        if known is not None and promise.metric in known:
            return []
        key, name, valid = (
            ("window", promise.window, sorted(self._modes()))
            if known is None
            else ("metric", promise.metric, sorted(known))
        )
        error = PydanticCustomError("unknown_name", "unknown {key}", {"key": key, "valid": valid})
        return [InitErrorDetails(type=error, loc=("promises", number, key), input=name)]

    @property
    def algorithm(self) -> str:
        return self.service.get("AUTH_ALGORITHM", "ES256")
