"""What a night leaves: pairs, and for each metric of each target a verdict. Frozen; `document` makes JSON of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.gate.pairs import Side
from harness.gate.sources import Source
from harness.probes.noise import Noise
from harness.stats.gate import GateRules, Word

NightWord = Literal["regression", "improvement", "no change", "cannot tell"]


@dataclass(frozen=True, slots=True)
class Gated:
    """A metric as the guard judges it. `worse`: +1 where more is worse, −1 where less is."""

    name: str
    title: str
    unit: str
    display: str
    window: str | None
    worse: int
    relevant_ratio: float
    must_tell: bool


@dataclass(frozen=True, slots=True)
class PairFigures:
    """A pair whose two trials are valid: metric → figure of each side; a metric that one side lacks is in neither."""

    round: int
    first: Side
    base: Mapping[str, float]
    head: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class TargetNight:
    """One target so far. `stopped_by`: why it is measured no further; `level`: what its last look might spend.

    alerts: metric → +1 or −1. further: the pairs that were to confirm them; no_time: the budget had no room for all of
    these. lost: pairs without two valid trials.
    """

    target: str
    pairs: tuple[PairFigures, ...] = ()
    further: tuple[PairFigures, ...] = ()
    lost: int = 0
    alerts: Mapping[str, int] | None = None
    stopped_by: Literal["an alert", "all the same"] | None = None
    no_time: bool = False


@dataclass(frozen=True, slots=True)
class MetricVerdict:
    """One metric of one target. Ratios are head ÷ base; None: too few pairs.

    word: slower is always the worse way, whatever the metric. `alert`: a discovery beyond the threshold.
    agreeing: further pairs that point the alert's way, of `further`. open_because: why an alert for the worse was
    neither confirmed nor refuted: further pairs are lacking that might still confirm it.
    """

    metric: Gated
    pairs: int
    base: float | None
    head: float | None
    ratio: float | None
    low: float | None
    high: float | None
    p_value: float | None
    floor_ratio: float | None
    alert: bool
    further: int
    agreeing: int | None
    open_because: Literal["no time", "lost pairs"] | None
    word: Word
    rounds_more: int | None
    text: str


@dataclass(frozen=True, slots=True)
class TargetVerdict:
    """`enough`: whether there are pairs enough to judge by."""

    target: str
    pairs: int
    lost: int
    enough: bool
    stopped_by: str | None
    metrics: tuple[MetricVerdict, ...]


@dataclass(frozen=True, slots=True)
class Night:
    """A night so far. `rounds`: done, the confirming ones not counted. looks: (rounds, level that it might spend).

    same_artifact: targets whose two sides are one and the same build, run in the same way.
    too_noisy: why nothing was measured. not_compared: why targets were not that should have been; a night with any
    is no "no change". cut_short: the budget ended the rounds.
    """

    base: Source
    head: Source
    seed: int
    rules: GateRules
    metrics: tuple[Gated, ...]
    noise: Noise
    targets: tuple[TargetNight, ...] = ()
    rounds: int = 0
    looks: tuple[tuple[int, float], ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    same_artifact: frozenset[str] = frozenset()
    too_noisy: tuple[str, ...] = ()
    not_compared: tuple[str, ...] = ()
    cut_short: bool = False
