"""What nights of known outcome say of the guard together: rates with bounds, and what keeps it from being proven."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from harness.errors import ExitCode
from harness.model import JsonObject
from harness.selftest.found import NightFound, Tried
from harness.stats.proportion import Rate
from harness.units import percent


@dataclass(frozen=True, slots=True)
class Tally:
    """All nights; in `found` and `by_metric` only what had pairs enough to be judged.

    found: handicap → how often it was; in_metric: how often in its own metric. by_night, by_metric: false alarms of
    the twins.
    false_improvements: metrics of the twins that were called faster, which wakes nobody.
    """

    tried: dict[str, list[Tried]]
    found: dict[str, Rate]
    in_metric: dict[str, Rate]
    by_night: Rate
    by_metric: Rate
    false_improvements: Rate


def tally_of(nights: Sequence[NightFound]) -> Tally:
    tried: dict[str, list[Tried]] = {}
    for one in (t for night in nights for t in night.handicaps):
        tried.setdefault(one.name, []).append(one)
    judged = {name: [t for t in tries if t.judged] for name, tries in tried.items()}
    twins = [n.twins for n in nights if n.twins is not None]
    compared = sum(t.compared for t in twins)
    return Tally(
        tried=tried,
        found={name: Rate(sum(t.found for t in tries), len(tries)) for name, tries in judged.items()},
        in_metric={name: Rate(sum(t.in_metric for t in tries), len(tries)) for name, tries in judged.items()},
        by_night=Rate(sum(bool(t.slower) for t in twins), len(twins)),
        by_metric=Rate(sum(len(t.slower) for t in twins), compared),
        false_improvements=Rate(sum(len(t.faster) for t in twins), compared),
    )


def reasons(nights: Sequence[NightFound]) -> Iterator[tuple[ExitCode, str]]:
    """What keeps the guard from being proven here, each with the exit code that it calls for."""
    for night in nights:
        if night.status != "complete":
            yield ExitCode.INTERRUPTED, f"{night.run} was {night.status}"
        for text in night.reasons if night.status == "complete" else ():
            yield ExitCode.TOO_FEW_TRIALS, text
        if night.twins and not night.twins.compared:
            yield ExitCode.TOO_FEW_TRIALS, "identical twins: no metric with enough valid pairs"
    tally = tally_of(nights)
    for name, tries in tally.tried.items():
        if lost := sum(not t.judged for t in tries):
            yield ExitCode.TOO_FEW_TRIALS, f"{name}: {lost} of {len(tries)} nights without enough valid pairs"
        for one in (t for t in tries if t.judged and not t.as_planned):
            size = "unknown" if one.arrived is None else f"{one.arrived:.3g} {one.unit}"
            text = f"{name}: arrived as {size}, not {one.least:g} to {one.most:g}: that night proves nothing"
            yield ExitCode.TOO_FEW_TRIALS, text
        yield from _missed(name, [t for t in tries if t.judged])
    if tally.by_metric.happened:
        alarms = sorted({title for n in nights if n.twins for title in n.twins.slower})
        text = f"identical twins: {tally.by_metric.happened} false alarms ({', '.join(alarms)})"
        yield ExitCode.BROKEN_PROMISE, text
    if not nights:
        yield ExitCode.TOO_FEW_TRIALS, "no night was measured"


def _missed(name: str, judged: Sequence[Tried]) -> Iterator[tuple[ExitCode, str]]:
    beyond = [t.twins_half_ratio for t in judged if t.is_beyond_telling and t.twins_half_ratio is not None]
    if beyond:
        yield (
            ExitCode.TOO_FEW_TRIALS,
            f"{name}: could not be told in {len(beyond)} of {len(judged)} nights: "
            f"identical twins alone scattered by up to ±{percent(max(beyond))}",
        )
    if missed := sum(not t.found for t in judged) - len(beyond):
        yield ExitCode.BROKEN_PROMISE, f"{name}: missed in {missed} of {len(judged)} nights"


def to_json(nights: Sequence[NightFound]) -> JsonObject:
    """What `--json` prints; docs/file-formats.md tells its members."""
    tally = tally_of(nights)
    return {
        "schema": 1,
        "nights": [asdict(n) for n in nights],
        "found": {name: rate.to_json() for name, rate in tally.found.items()},
        "in_metric": {name: rate.to_json() for name, rate in tally.in_metric.items()},
        "false_alarms": {"by_night": tally.by_night.to_json(), "by_metric": tally.by_metric.to_json()},
        "false_improvements": tally.false_improvements.to_json(),
        "reasons": [text for _, text in reasons(nights)],
    }
