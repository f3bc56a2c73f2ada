"""Ten thousand nights from a few real ones: how often would the guard cry wolf, how often sleep through a change?

A virtual night draws, for each target, one real session in which base and head were the same artifact, and from
it pairs with replacement, each with its sides exchanged at random. A trial stays whole, so what a busy minute does
to all its metrics at once happens here as well. Exchanging sides makes "no difference" true by construction.

The variance of draws from n values, about the values' own mean, is short by 1/n (Efron, The Jackknife, the Bootstrap
and Other Resampling Plans, 1982). So the levels of a session's pairs are first spread by √(n ÷ (n − 1)) about their
mean (Davison and Hinkley, Bootstrap Methods and their Application, 1997). The log ratios are not: as sides are
exchanged they scatter about 0, which is known, and not about a mean that was estimated from them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.stats.gate import Flags, GateRules, Signs, alerts, confirmed, noise_floor, same_within
from harness.stats.interval import Floats
from harness.stats.paired import paired_p_values, pooled_effect

Sessions = Sequence[Floats]
"""Of one target: a session is an array of natural logarithms, shape (pairs, 2, metrics)."""


@dataclass(frozen=True, slots=True)
class NightSetting:
    """What every night shares: the metrics' smallest relevant effects (as ratios, 0.05) and which way is worse.

    worse: +1 where more is worse, −1 where less is; both of shape (metrics,).
    """

    rules: GateRules
    relevant_ratio: Floats
    worse: Signs


@dataclass(frozen=True, slots=True)
class Nights:
    """What the guard would have said; arrays of shape (nights, targets, metrics), `pairs` without metrics.

    alerts: what looked like a change, before it was confirmed. slower: confirmed regressions.
    faster: improvements, which need no confirmation.
    """

    alerts: Signs
    slower: Flags
    faster: Flags
    pairs: Floats

    @property
    def alarm_nights(self) -> int:
        """Nights with any regression."""
        return int(self.slower.any(axis=(1, 2)).sum())


def simulate(
    sessions: Mapping[str, Sessions],
    effects: Mapping[str, Floats],
    setting: NightSetting,
    nights: int,
    rng: np.random.Generator,
) -> Nights:
    """Runs so many nights. effects: target → log ratio that is put into head, by metric; none means the same.

    Raises ValueError when a target has no session.
    """
    rules = setting.rules
    draws = rules.looks[-1] + rules.confirming
    drawn = [draw(sessions[name], nights, draws, rng) for name in sessions]
    base = np.stack([one for one, _ in drawn], axis=1)  # nights, targets, metrics, pairs
    head = np.stack([other for _, other in drawn], axis=1)
    for place, name in enumerate(sessions):
        if name in effects:
            head[:, place] += effects[name][:, None]
    return _judge(base, head - base, setting)


def draw(sessions: Sessions, nights: int, pairs: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """(base, head) of one target, each of shape (nights, metrics, pairs). Raises ValueError without a session."""
    if not sessions:
        raise ValueError("a target without a session cannot be drawn from")
    metrics = sessions[0].shape[-1]
    both = np.empty((nights, pairs, 2, metrics))
    which = rng.integers(0, len(sessions), nights)
    for number, session in enumerate(sessions):
        chosen = np.flatnonzero(which == number)
        both[chosen] = _spread(session)[rng.integers(0, len(session), (len(chosen), pairs))]
    exchanged = rng.random((nights, pairs)) < 0.5
    both[exchanged] = both[exchanged][:, ::-1]
    return both[:, :, 0].transpose(0, 2, 1), both[:, :, 1].transpose(0, 2, 1).copy()


def _spread(session: Floats) -> Floats:
    """The session with the levels of its pairs, the means of their two sides, so far apart that draws scatter right."""
    pairs = len(session)
    levels: Floats = session.mean(axis=1, keepdims=True)
    more = math.sqrt(pairs / (pairs - 1)) - 1 if pairs > 1 else 0.0
    return np.asarray(session + more * (levels - levels.mean(axis=0)))


def _judge(base: Floats, ratios: Floats, setting: NightSetting) -> Nights:
    """Look by look; a target is measured no further once it alerts or all its metrics are the same."""
    rules = setting.rules
    nights, targets, metrics, _ = base.shape
    relevant = np.log1p(setting.relevant_ratio)
    p_values = np.full((nights, targets, metrics), np.nan)
    found: Signs = np.zeros((nights, targets, metrics), dtype=np.int8)
    taken = np.zeros((nights, targets))
    active: Flags = np.ones((nights, targets), dtype=np.bool_)
    for pairs, level in zip(rules.looks, rules.levels, strict=True):
        seen = ratios[..., :pairs]
        now = paired_p_values(seen)
        p_values[active] = now[active]
        effects, thresholds = _effects(base[..., :pairs], seen, p_values <= level, relevant)
        flat = (nights, targets * metrics)
        new = alerts(p_values.reshape(flat), effects.reshape(flat), thresholds.reshape(flat), level)
        found = np.where(active[..., None], new.reshape(found.shape), found).astype(np.int8)
        taken[active] = pairs
        active = active & ~(found != 0).any(axis=-1) & ~same_within(seen, relevant).all(axis=-1)
    slower = _confirm(
        base, ratios, np.where(found == setting.worse, found, 0).astype(np.int8), taken, setting
    )
    return Nights(found, slower, (found != 0) & (found != setting.worse), taken)


def _effects(base: Floats, seen: Floats, wanted: Flags, relevant: Floats) -> tuple[Floats, Floats]:
    """Pooled effects and thresholds where they are wanted (0 elsewhere): most p-values need no further look."""
    effects = np.zeros(wanted.shape)
    thresholds = np.zeros(wanted.shape)
    if wanted.any():
        effects[wanted] = pooled_effect(seen[wanted])
        floors = noise_floor(base[wanted])
        thresholds[wanted] = np.maximum(np.broadcast_to(relevant, wanted.shape)[wanted], floors)
    return effects, thresholds


def _confirm(base: Floats, ratios: Floats, direction: Signs, taken: Floats, setting: NightSetting) -> Flags:
    """The further pairs of each alerting target are the last ones drawn, whenever it stopped."""
    held: Flags = np.zeros(direction.shape, dtype=np.bool_)
    rules = setting.rules
    relevant = np.log1p(setting.relevant_ratio)
    further = ratios.shape[-1] - rules.confirming
    for pairs in rules.looks:
        wanted = (direction != 0) & (taken == pairs)[..., None]
        if not wanted.any():
            continue
        used = [*range(pairs), *range(further, ratios.shape[-1])]
        effects, thresholds = _effects(base[..., used], ratios[..., used], wanted, relevant)
        holds = confirmed(direction, ratios[..., further:], effects, thresholds, rules)
        held |= wanted & holds
    return held
