"""`gate.yaml`: what the nightly guard compares, what it calls a change, and how much noise it works under."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from harness.model import Duration, FileModel, Name, Ratio

MetricName = Literal[
    "cpu_ns_per_request", "throughput_rps", "p50_ns", "p99_ns", "loaded_rss_bytes", "ready_ns"
]
Positive = Annotated[float, Field(gt=0)]
WINDOWED: frozenset[str] = frozenset({"cpu_ns_per_request", "throughput_rps", "p50_ns", "p99_ns"})
FEWEST_PAIRS = 4


class GatedMetric(FileModel):
    """One figure that is guarded."""

    metric: MetricName
    window: Name | None = Field(None, description="of the scenario; memory and time to ready have none")
    relevant_ratio: Positive = Field(description="the smallest effect that matters: 0.05 is 5 %")
    must_tell: bool = Field(True, description="a night that cannot tell here is no `no change`")

    @model_validator(mode="after")
    def _whole(self) -> GatedMetric:
        if (self.window is not None) != (self.metric in WINDOWED):
            raise ValueError(
                f"{self.metric} is read from a window: give `window`"
                if self.metric in WINDOWED
                else f"{self.metric} belongs to no window: leave `window` out"
            )
        return self


class Confirmation(FileModel):
    """What an alert has to stand: further pairs of the alerting target alone."""

    pairs: int = Field(4, ge=1, le=20)
    agreeing: int = Field(3, ge=1, le=20)

    @model_validator(mode="after")
    def _possible(self) -> Confirmation:
        if self.agreeing > self.pairs:
            raise ValueError(f"{self.agreeing} of {self.pairs} pairs can never agree")
        return self


class NoiseLimits(FileModel):
    """Beyond any of these the machine is too noisy to compare on."""

    steal_ratio: Ratio = Field(0.01, description="of a core's time, taken by the hypervisor")
    other_load_ratio: Ratio = Field(0.10, description="of a core's time, used by other programs")
    jitter_p99: Duration = Field(
        0.002, description="how late a timer of 1 ms may be in one case of a hundred"
    )
    bandwidth_spread_ratio: Positive = Field(0.5, description="(P95 − P5) ÷ median of memory bandwidth")


class Accepted(FileModel):
    """The revision that the next ones are compared with."""

    revision: str = Field(pattern=r"^[0-9a-f]{7,40}$")
    reason: str


class GateFile(FileModel):
    """The whole file."""

    schema_version: Literal[1] = Field(alias="schema")
    accepted: Accepted | None = Field(None, description="base, unless --base names another")
    scenario: str = Field("gate", description="what is measured: a scenario of kind load")
    targets: tuple[str, ...] = Field((), description="which targets; none named: all")
    looks: tuple[Annotated[int, Field(ge=FEWEST_PAIRS, le=60)], ...] = Field(
        (6, 9, 12), min_length=1, description="after so many rounds the figures are looked at"
    )
    false_discovery_ratio: Annotated[float, Field(gt=0, le=0.2)] = Field(
        0.05, description="of a night's alerts, over all its looks together"
    )
    confirmation: Confirmation = Confirmation()
    budget: Duration = Field(85 * 60.0, description="the session ends within it, builds and all")
    metrics: tuple[GatedMetric, ...] = Field(min_length=1)
    noise: NoiseLimits = NoiseLimits()

    @model_validator(mode="after")
    def _whole(self) -> GateFile:
        if list(self.looks) != sorted(set(self.looks)):
            raise ValueError(f"looks come in rising order, each once (here: {list(self.looks)})")
        named = [m.metric for m in self.metrics]
        if twice := [m for m in named if named.count(m) > 1]:
            raise ValueError(f"metric {twice[0]} stands here twice")
        return self
