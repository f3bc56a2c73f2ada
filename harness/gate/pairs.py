"""Which trial comes when: pairs of base and head, side by side in time. Pure: the same seed, the same order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Side = Literal["base", "head"]


@dataclass(frozen=True, slots=True)
class PlannedPair:
    """Base and head of one target, one right after the other."""

    target: str
    round: int
    first: Side

    @property
    def sides(self) -> tuple[Side, Side]:
        return ("base", "head") if self.first == "base" else ("head", "base")


def plan_rounds(
    targets: Sequence[str], rounds: int, seed: int, begin: int = 1
) -> list[tuple[PlannedPair, ...]]:
    """Every target once a round, in an order of its own; of each two rounds one begins with base, one with head.

    begin: the number of the first round; what is planned from there does not depend on what was before.
    """
    rng = random.Random(f"{seed}/{begin}")
    firsts: dict[str, list[Side]] = {t: [] for t in targets}
    planned = []
    for number in range(begin, begin + rounds):
        order = list(targets)
        rng.shuffle(order)
        for target in targets:
            if not firsts[target]:
                both: list[Side] = ["base", "head"]
                rng.shuffle(both)
                firsts[target] = both
        planned.append(tuple(PlannedPair(t, number, firsts[t].pop()) for t in order))
    return planned
