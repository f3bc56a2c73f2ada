"""From pairs to words: each look of a night, what was confirmed, and the night's own verdict. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.building import first_line
from harness.gate.model import Gated, MetricVerdict, NightWord, PairFigures, TargetNight, TargetVerdict
from harness.gate.words import verdict_text
from harness.gate_file import FEWEST_PAIRS
from harness.stats.gate import (
    GateRules,
    Word,
    alerts,
    confirmed,
    interval,
    noise_floor,
    rounds_more,
    same_within,
)
from harness.stats.interval import Floats
from harness.stats.paired import paired_p_values, pooled_effect


def look(nights: Sequence[TargetNight], metrics: Sequence[Gated], level: float) -> tuple[TargetNight, ...]:
    """One look at all targets: who alerts, and who is the same in everything, is measured no further.

    A target that was stopped before stays as it was, and its metrics still count among the night's.
    """
    keys = [(n, m) for n in range(len(nights)) for m in range(len(metrics))]
    p_values, effects, thresholds = (np.full(len(keys), np.nan) for _ in range(3))
    for place, (n, m) in enumerate(keys):
        figures = _logs(nights[n].pairs, metrics[m].name)
        if figures.shape[-1] >= FEWEST_PAIRS:
            ratios = figures[1] - figures[0]
            p_values[place] = paired_p_values(ratios)
            effects[place] = pooled_effect(ratios)
            thresholds[place] = _threshold(figures[0], metrics[m])
    signs = alerts(p_values, effects, thresholds, level)
    found: list[dict[str, int]] = [{} for _ in nights]
    for (n, m), sign in zip(keys, signs, strict=True):
        if sign:
            found[n][metrics[m].name] = int(sign)
    return tuple(
        night if night.stopped_by else _after_look(night, found[n], metrics) for n, night in enumerate(nights)
    )


def _after_look(night: TargetNight, found: Mapping[str, int], metrics: Sequence[Gated]) -> TargetNight:
    if found:
        return replace(night, alerts=found, stopped_by="an alert")
    if all(_same(_logs(night.pairs, m.name), m) for m in metrics):
        return replace(night, alerts={}, stopped_by="all the same")
    return replace(night, alerts={})


def needs_confirming(night: TargetNight, metrics: Sequence[Gated]) -> bool:
    """Whether something got worse; what got better raises no alarm and needs no confirmation."""
    worse = {m.name: m.worse for m in metrics}
    return any(sign == worse[name] for name, sign in (night.alerts or {}).items())


def verdicts(
    nights: Sequence[TargetNight], metrics: Sequence[Gated], rules: GateRules, level: float
) -> tuple[TargetVerdict, ...]:
    """What is to be said in the end; `level`: what the last look might spend (for "about so many more rounds")."""
    return tuple(
        TargetVerdict(
            target=night.target,
            pairs=len(night.pairs),
            lost=night.lost,
            enough=len(night.pairs) >= rules.looks[0],
            stopped_by=night.stopped_by,
            metrics=tuple(_verdict(night, m, rules, level / (len(nights) * len(metrics))) for m in metrics),
        )
        for night in nights
    )


def not_compared(
    head_skipped: Mapping[str, str], base_skipped: Mapping[str, str], *, named: bool
) -> tuple[str, ...]:
    """A sentence for each target of which one side alone could be built, or neither where it was asked for by name.

    Neither side of a target that nobody named: its toolchain is missing here, which says nothing of head.
    """
    found = []
    for target in sorted(head_skipped.keys() | base_skipped.keys()):
        head, base = (
            first_line(skipped[target]) if target in skipped else None
            for skipped in (head_skipped, base_skipped)
        )
        if base is None:
            found.append(f"{target} was not compared: head could not be built, base could: {head}")
        elif head is None:
            found.append(f"{target} was not compared: base could not be built, head could: {base}")
        elif named:
            found.append(f"{target} was asked for by name and not compared: {head}")
    return tuple(found)


def night_word(judged: Sequence[TargetVerdict], not_compared: Sequence[str] = ()) -> NightWord:
    """The worst that any target has; a night that cannot tell where it must is not "no change"."""
    words = [m.word for t in judged for m in t.metrics]
    if "slower" in words:
        return "regression"
    untold = any(
        m.word == "cannot tell" and (m.metric.must_tell or m.open_because) for t in judged for m in t.metrics
    )
    if untold or not_compared or not judged or any(not t.enough for t in judged):
        return "cannot tell"
    return "improvement" if "faster" in words else "no change"


# --- one metric ----------------------------------------------------------------------------------------------


def _logs(pairs: Iterable[PairFigures], name: str) -> Floats:
    """(base, head) as logarithms, shape (2, pairs); pairs that lack the figure are left out."""
    found = [(p.base[name], p.head[name]) for p in pairs if name in p.base and name in p.head]
    return np.log(np.array(found, dtype=np.float64).reshape(-1, 2).T)


def _threshold(base_logs: Floats, metric: Gated) -> float:
    return max(math.log1p(metric.relevant_ratio), float(noise_floor(base_logs)))


def _same(figures: Floats, metric: Gated) -> bool:
    if figures.shape[-1] < FEWEST_PAIRS:
        return False
    return bool(same_within(figures[1] - figures[0], np.asarray(math.log1p(metric.relevant_ratio))))


def _verdict(night: TargetNight, metric: Gated, rules: GateRules, level: float) -> MetricVerdict:
    """level: what a single metric may spend at worst, which only tells how many rounds would settle it."""
    figures = _logs((*night.pairs, *night.further), metric.name)
    if figures.shape[-1] < FEWEST_PAIRS:
        return _untold(night, metric, figures)
    ratios = figures[1] - figures[0]
    effect, low, high = interval(ratios.tolist())
    sign = (night.alerts or {}).get(metric.name, 0)
    further = _logs(night.further, metric.name)
    agreeing = int((np.sign(further[1] - further[0]) == sign).sum()) if sign and night.further else None
    word, more = _word(night, metric, figures, sign, rules), None
    lacking = rules.confirming - further.shape[-1]
    is_open = sign == metric.worse and lacking > 0 and (agreeing or 0) + lacking >= rules.agreeing
    if word == "cannot tell" and not sign:
        more = rounds_more(ratios.tolist(), math.log1p(metric.relevant_ratio), level)
        more = more and max(more, rules.looks[0] - len(night.pairs))
    verdict = MetricVerdict(
        metric=metric,
        pairs=figures.shape[-1],
        base=math.exp(float(figures[0].mean())),
        head=math.exp(float(figures[1].mean())),
        ratio=math.exp(effect),
        low=math.exp(low),
        high=math.exp(high),
        p_value=float(paired_p_values(ratios)),
        floor_ratio=math.expm1(float(noise_floor(figures[0]))),
        alert=bool(sign),
        further=len(night.further),
        agreeing=agreeing,
        open_because=("no time" if night.no_time else "lost pairs") if is_open and word != "slower" else None,
        word=word,
        rounds_more=more,
        text="",
    )
    return replace(verdict, text=verdict_text(verdict))


def _word(night: TargetNight, metric: Gated, figures: Floats, sign: int, rules: GateRules) -> Word:
    if sign == -metric.worse:
        return "faster"
    if sign == metric.worse:
        further = _logs(night.further, metric.name)
        effect = pooled_effect(figures[1] - figures[0])
        holds = confirmed(
            np.asarray([sign], dtype=np.int8),
            (further[1] - further[0])[None, :],
            effect[None],
            np.asarray([_threshold(figures[0], metric)]),
            rules,
        )
        return "slower" if holds[0] else "cannot tell"
    return "same" if _same(figures, metric) else "cannot tell"


def _untold(night: TargetNight, metric: Gated, figures: Floats) -> MetricVerdict:
    pairs = figures.shape[-1]
    verdict = MetricVerdict(
        metric=metric,
        pairs=pairs,
        base=math.exp(float(figures[0].mean())) if pairs else None,
        head=math.exp(float(figures[1].mean())) if pairs else None,
        ratio=None,
        low=None,
        high=None,
        p_value=None,
        floor_ratio=None,
        alert=False,
        further=len(night.further),
        agreeing=None,
        open_because=None,
        word="cannot tell",
        rounds_more=None,
        text="",
    )
    return replace(verdict, text=verdict_text(verdict))
