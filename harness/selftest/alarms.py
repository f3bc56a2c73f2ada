"""What nights without a difference came to: false alarms by night, by metric and by target, with bounds. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.model import JsonObject
from harness.stats.proportion import Rate
from harness.units import counted, span_text

BEGINS, ENDS = "<!-- alike begins -->", "<!-- alike ends -->"
"""Between these lines of a Markdown page stands what was counted."""
HEADINGS = (
    "target",
    "nights with a false alarm",
    "metrics with a false alarm",
    "looked slower, not confirmed",
    "called faster",
    "trials kept",
)


@dataclass(frozen=True, slots=True)
class Alarms:
    """Nights of one target, or of all. by_metric: of the metrics that had pairs enough to be compared.

    faster: metrics that were called so, which wakes nobody. unconfirmed: that looked slower, but not in further pairs.
    trials: that gave figures.
    """

    name: str
    by_night: Rate
    by_metric: Rate
    faster: int
    unconfirmed: int
    trials: int


def alarms_of(nights: Sequence[JsonObject]) -> tuple[Alarms, ...]:
    """Of each target in the order of its name, and of all together in the end. `nights`: lines of the ledger."""
    names = sorted({t["target"] for n in nights for t in n["targets"]})
    own = [[[t for t in n["targets"] if t["target"] == name] for n in nights] for name in names]
    return (
        *(
            _alarms(name, [targets for targets in found if targets])
            for name, found in zip(names, own, strict=True)
        ),
        _alarms("all", [n["targets"] for n in nights]),
    )


def false_alarms(targets: Sequence[JsonObject]) -> list[str]:
    """`go: CPU per request`: what was called slower in a night without a difference."""
    return [f"{t['target']}: {m['title']}" for t in targets for m in t["metrics"] if m["word"] == "slower"]


def _alarms(name: str, nights: Sequence[Sequence[JsonObject]]) -> Alarms:
    metrics = [[m for t in night for m in t["metrics"] if m["ratio"] is not None] for night in nights]
    every = [m for night in metrics for m in night]
    slower = [len(false_alarms(night)) for night in nights]
    return Alarms(
        name=name,
        by_night=Rate(sum(n > 0 for n in slower), len(nights)),
        by_metric=Rate(sum(slower), len(every)),
        faster=sum(m["word"] == "faster" for m in every),
        unconfirmed=sum(m["alert"] and m["word"] == "cannot tell" for m in every),
        trials=sum(
            2 * max((len(m["pairs"]) for m in t["metrics"]), default=0) for night in nights for t in night
        ),
    )


def markdown(nights: Sequence[JsonObject]) -> str:
    """A table and a sentence; the same nights, the same text."""
    if not nights:
        return "No night has been measured in this way yet.\n"
    return "\n".join([*_lines(alarms_of(nights)), "", f"{kinds_text(nights)}.", ""])


def kinds_text(nights: Sequence[JsonObject]) -> str:
    """`3 nights with looks after 6, 9, 12 rounds (scenario selftest; 12 min to 24 min each)`, of each kind there is."""
    kinds: dict[tuple[str, tuple[int, ...]], list[float]] = {}
    for night in nights:
        kinds.setdefault((night["scenario"], tuple(night["rules"]["looks"])), []).append(night["measured_s"])
    return "; ".join(
        f"{counted(len(took_s), 'night')} with looks after {', '.join(map(str, looks))} rounds "
        f"(scenario {scenario}; {span_text(min(took_s), max(took_s))} each)"
        for (scenario, looks), took_s in sorted(kinds.items())
    )


def _lines(found: Sequence[Alarms]) -> Iterator[str]:
    yield f"| {' | '.join(HEADINGS)} |"
    yield "|---|" + "--:|" * (len(HEADINGS) - 1)
    for one in found:
        yield f"| {' | '.join(cells(one))} |"


def cells(one: Alarms) -> tuple[str, ...]:
    """What stands below `HEADINGS`."""
    rates = (rate_text(rate) for rate in (one.by_night, one.by_metric))
    return (one.name, *rates, str(one.unconfirmed), str(one.faster), str(one.trials))


def rate_text(rate: Rate) -> str:
    """`0 of 12, at most 26.5 %`: the upper of the 95 % bounds."""
    return f"{rate.happened} of {rate.tries}, at most {100 * rate.bounds[1]:.1f} %"


def put_in(page: str, nights: Sequence[JsonObject]) -> str:
    """The page with what was counted in its place. Raises ValueError when it has none."""
    before, begins, rest = page.partition(BEGINS)
    _, ends, after = rest.partition(ENDS)
    if not begins or not ends:
        raise ValueError(f"it has no {BEGINS} … {ENDS} to stand between")
    return f"{before}{BEGINS}\n{markdown(nights)}{ENDS}{after}"
