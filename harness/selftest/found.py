"""What one night of known outcome came to: each handicap found or missed, each false alarm. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from harness.model import JsonObject
from harness.selftest.handicaps import Burdened, Handicap
from harness.store import SCHEMA


@dataclass(frozen=True, slots=True)
class Tried:
    """One handicap in one night. planned, arrived, least and most (that may arrive) are in `unit`.

    arrived: None where no account tells it. change_ratio: what the guard saw, head ÷ base − 1; None without pairs
    enough to judge by. found: whether the guard called it slower, confirmed.
    """

    name: str
    metric: str
    unit: str
    planned: float
    least: float
    most: float
    arrived: float | None
    change_ratio: float | None
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
    """The reverse of `to_json`."""
    twins = document["twins"]
    return NightFound(
        run=document["run"],
        status=document["status"],
        seed=document["seed"],
        reasons=tuple(document["reasons"]),
        handicaps=tuple(Tried(**t) for t in document["handicaps"]),
        twins=twins and Twins(twins["compared"], tuple(twins["slower"]), tuple(twins["faster"])),
    )


def found_in(night: JsonObject, burden: Burdened, arrived: Mapping[str, float | None]) -> NightFound:
    """night: its gate.json. arrived: handicap's name → size by the target's own account."""
    targets = {t["target"].partition("+")[2]: t for t in night["targets"]}
    measured = night["status"] == "complete" and len(targets) == 2
    skipped = [f"{target}: {why}" for target, why in night["skipped"].items()]
    metrics = {m["metric"]: m for m in targets[burden.name]["metrics"]} if measured else {}
    return NightFound(
        run=night["run"],
        status=night["status"],
        seed=night["seed"],
        reasons=() if measured else tuple(skipped or night["reasons"]),
        handicaps=tuple(
            _tried(h, metrics[h.metric], arrived[h.name]) for h in burden.handicaps if h.metric in metrics
        ),
        twins=_twins(targets["twin"]["metrics"]) if measured else None,
    )


def _twins(metrics: list[JsonObject]) -> Twins:
    called = {word: tuple(m["title"] for m in metrics if m["word"] == word) for word in ("slower", "faster")}
    return Twins(sum(m["ratio"] is not None for m in metrics), called["slower"], called["faster"])


def _tried(handicap: Handicap, metric: JsonObject, arrived: float | None) -> Tried:
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
        found=metric["word"] == "slower",
    )
