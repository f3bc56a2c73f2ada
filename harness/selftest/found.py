"""What one night of known outcome came to: each handicap found or missed, each false alarm. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from harness.model import JsonObject
from harness.selftest.handicaps import Burdened, Handicap
from harness.store import SCHEMA


@dataclass(frozen=True, slots=True)
class Tried:
    """One handicap in one night. planned, arrived, least and most (that may arrive) are in `unit`.

    arrived: None where no account tells it. change_ratio: what the guard saw, head ÷ base − 1; None without pairs
    enough to judge by. in_metric: whether the guard called that metric slower, confirmed. found: the same; where the
    head has no other handicap, of any of its metrics, because what it burns shows in several.
    """

    name: str
    metric: str
    unit: str
    planned: float
    least: float
    most: float
    arrived: float | None
    change_ratio: float | None
    in_metric: bool
    found: bool

    @property
    def judged(self) -> bool:
        return self.change_ratio is not None

    @property
    def as_planned(self) -> bool:
        return self.arrived is not None and self.least <= self.arrived <= self.most


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
    """The reverse of `to_json`. Older nights knew only what was found in the handicap's own metric."""
    twins = document["twins"]
    return NightFound(
        run=document["run"],
        status=document["status"],
        seed=document["seed"],
        reasons=tuple(document["reasons"]),
        handicaps=tuple(Tried(**{"in_metric": t["found"], **t}) for t in document["handicaps"]),
        twins=twins and Twins(twins["compared"], tuple(twins["slower"]), tuple(twins["faster"])),
    )


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
        handicaps=tuple(t for h in heads for t in _head(h, targets[h.name], arrived)) if measured else (),
        twins=_twins(targets["twin"]["metrics"]) if measured else None,
    )


def _head(head: Burdened, target: JsonObject, arrived: Mapping[str, float | None]) -> Iterator[Tried]:
    metrics = {m["metric"]: m for m in target["metrics"]}
    alone = len(head.handicaps) == 1
    any_slower = any(m["word"] == "slower" for m in metrics.values())
    for handicap in head.handicaps:
        if handicap.metric in metrics:
            yield _tried(handicap, metrics[handicap.metric], arrived[handicap.name], alone and any_slower)


def _twins(metrics: list[JsonObject]) -> Twins:
    called = {word: tuple(m["title"] for m in metrics if m["word"] == word) for word in ("slower", "faster")}
    return Twins(sum(m["ratio"] is not None for m in metrics), called["slower"], called["faster"])


def _tried(handicap: Handicap, metric: JsonObject, arrived: float | None, elsewhere: bool) -> Tried:
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
        in_metric=in_metric,
        found=in_metric or elsewhere,
    )
