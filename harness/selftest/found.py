"""What one night of known outcome came to: each handicap found or missed, each false alarm. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from harness.model import JsonObject
from harness.selftest.handicaps import Burdened, Handicap
from harness.store import SCHEMA
from harness.units import NS_PER_MS


@dataclass(frozen=True, slots=True)
class Tried:
    """One handicap in one night. planned, arrived, least and most (that may arrive) are in `unit`.

    arrived: None where no account tells it. change_ratio: what the guard saw, head ÷ base − 1; None without pairs
    enough to judge by. due_ratio: what it should have seen, by what arrived; None where that is not known.
    twins_half_ratio: half the interval of the twins in that metric. cannot_tell: whether that was the guard's word.
    in_metric: whether the guard called that metric slower, confirmed. found: the same; where the head has no other
    handicap, of any of its metrics, because what it burns shows in several.
    """

    name: str
    metric: str
    unit: str
    planned: float
    least: float
    most: float
    arrived: float | None
    change_ratio: float | None
    due_ratio: float | None
    twins_half_ratio: float | None
    cannot_tell: bool
    in_metric: bool
    found: bool

    @property
    def judged(self) -> bool:
        return self.change_ratio is not None

    @property
    def as_planned(self) -> bool:
        return self.arrived is not None and self.least <= self.arrived <= self.most

    @property
    def is_beyond_telling(self) -> bool:
        """Not found by a guard that says so, where identical twins alone seem to differ by more than half of it."""
        if self.found or not self.cannot_tell or self.due_ratio is None or self.twins_half_ratio is None:
            return False
        return self.twins_half_ratio > self.due_ratio / 2


@dataclass(frozen=True, slots=True)
class Twins:
    """The identical twins of a night. compared: metrics with pairs enough; slower, faster: those called so."""

    compared: int
    slower: tuple[str, ...]
    faster: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NightFound:
    """A night. status: complete, interrupted. reasons: why nothing was measured. twins: None then."""

    run: str
    status: str
    seed: int
    reasons: tuple[str, ...]
    handicaps: tuple[Tried, ...]
    twins: Twins | None

    def to_json(self) -> JsonObject:
        """`selftest.json`; docs/file-formats.md tells its members."""
        return {"schema": SCHEMA, **asdict(self)}


def from_json(document: JsonObject) -> NightFound:
    """The reverse of `to_json`. Older nights knew only what was found in the handicap's own metric, and no noise."""
    twins = document["twins"]
    return NightFound(
        run=document["run"],
        status=document["status"],
        seed=document["seed"],
        reasons=tuple(document["reasons"]),
        handicaps=tuple(Tried(**{"in_metric": t["found"], **_NO_NOISE, **t}) for t in document["handicaps"]),
        twins=twins and Twins(twins["compared"], tuple(twins["slower"]), tuple(twins["faster"])),
    )


_NO_NOISE: JsonObject = {"due_ratio": None, "twins_half_ratio": None, "cannot_tell": False}


def found_in(night: JsonObject, heads: Sequence[Burdened], arrived: Mapping[str, float | None]) -> NightFound:
    """night: its gate.json. arrived: handicap's name → size by the target's own account."""
    targets = {t["target"].partition("+")[2]: t for t in night["targets"]}
    measured = night["status"] == "complete" and len(targets) == len(heads) + 1
    skipped = [f"{target}: {why}" for target, why in night["skipped"].items()]
    return NightFound(
        run=night["run"],
        status=night["status"],
        seed=night["seed"],
        reasons=() if measured else tuple(skipped or night["reasons"]),
        handicaps=tuple(t for h in heads for t in _head(h, targets, arrived)) if measured else (),
        twins=_twins(targets["twin"]["metrics"]) if measured else None,
    )


def _head(
    head: Burdened, targets: Mapping[str, JsonObject], arrived: Mapping[str, float | None]
) -> Iterator[Tried]:
    metrics, twins = ({m["metric"]: m for m in targets[name]["metrics"]} for name in (head.name, "twin"))
    alone = len(head.handicaps) == 1
    any_slower = any(m["word"] == "slower" for m in metrics.values())
    for handicap in head.handicaps:
        if handicap.metric in metrics:
            metric, twin = metrics[handicap.metric], twins[handicap.metric]
            yield _tried(handicap, metric, twin, arrived[handicap.name], alone and any_slower)


def _twins(metrics: list[JsonObject]) -> Twins:
    called = {word: tuple(m["title"] for m in metrics if m["word"] == word) for word in ("slower", "faster")}
    return Twins(sum(m["ratio"] is not None for m in metrics), called["slower"], called["faster"])


def _tried(
    handicap: Handicap, metric: JsonObject, twin: JsonObject, arrived: float | None, elsewhere: bool
) -> Tried:
    """elsewhere: whether another metric told of it."""
    in_metric = metric["word"] == "slower"
    least, most = handicap.accepted
    return Tried(
        name=handicap.name,
        metric=metric["title"],
        unit=handicap.unit,
        planned=handicap.planned,
        least=least,
        most=most,
        arrived=arrived,
        change_ratio=None if metric["ratio"] is None else metric["ratio"] - 1,
        due_ratio=_due_ratio(handicap, metric["base"], arrived),
        twins_half_ratio=None if twin["low"] is None else math.sqrt(twin["high"] / twin["low"]) - 1,
        cannot_tell=metric["word"] == "cannot tell",
        in_metric=in_metric,
        found=in_metric or elsewhere,
    )


def _due_ratio(handicap: Handicap, base: float | None, arrived: float | None) -> float | None:
    """What arrived as a share of the metric; a wait is added to a time, which is in ns."""
    if arrived is None or not base:
        return None
    return arrived / 100 if handicap.unit == "%" else arrived * NS_PER_MS / base
