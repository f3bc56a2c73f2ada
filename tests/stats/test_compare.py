"""Comparisons: published examples, verdicts as a table, and error rates over many experiments."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest

from harness.stats.compare import Comparison, Pair, compare, holm, noise_ruler

# Student, The Probable Error of a Mean (1908): hours of sleep gained by ten patients under two drugs.
SLEEP_ONE = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SLEEP_OTHER = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def one(
    candidate: list[float],
    base: list[float],
    *,
    paired: bool = True,
    higher: bool = True,
    ruler_ratio: float | None = 0.0,
) -> Comparison:
    pair = Pair(candidate, base, paired=paired, higher_is_better=higher)
    return compare({"it": pair}, ruler_ratio)["it"]


def exps(values: list[float]) -> list[float]:
    return [math.exp(value) for value in values]


@pytest.mark.parametrize(
    ("base", "paired", "p_value", "low", "high"),
    [
        (SLEEP_ONE[:7], True, 0.0036040503206620053, 0.6051958589133186, 1.966232712515253),
        (SLEEP_ONE[:5], False, 0.027327161024443436, 0.345113134676748, 4.529172579608966),
    ],
)
def test_few_trials_give_scipys_figures(
    base: list[float], paired: bool, p_value: float, low: float, high: float
) -> None:
    """Oracle: SciPy 1.17, ttest_rel and ttest_ind(equal_var=False), of Student's first patients."""
    found = one(exps(SLEEP_OTHER[:7]), exps(base), paired=paired)
    assert found.p_value == pytest.approx(p_value, rel=1e-9)
    assert found.low is not None and found.high is not None
    assert math.log(found.low) == pytest.approx(low, rel=1e-9)
    assert math.log(found.high) == pytest.approx(high, rel=1e-9)


def test_welch_of_samples_of_different_spread() -> None:
    """Closed form for two trials each: logs 0, 2 and 10, 10: one sample has no variance, so df = 1."""
    found = one(exps([0, 2]), exps([10, 10]), paired=False)
    assert math.log(found.ratio) == pytest.approx(-9)
    assert found.p_value == pytest.approx(2 * (0.5 - math.atan(9) / math.pi), rel=1e-9)


def test_holm_on_a_worked_example() -> None:
    """Four p-values of Holm's kind: each times the number not yet rejected, never falling."""
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}) == pytest.approx(
        {"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06}
    )
    assert holm({"a": 0.9, "b": 0.8}) == {"b": 1.0, "a": 1.0}
    assert holm({}) == {}


TIGHT = [100.0, 100.5, 99.5, 100.2, 99.8]
LOOSE = [80.0, 120.0, 95.0, 110.0, 99.0]


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize(
    ("candidate", "ruler", "verdict"),
    [
        ([2 * v for v in TIGHT], 0.0, "faster"),
        ([v / 2 for v in TIGHT], 0.0, "slower"),
        ([1.005 * v for v in TIGHT], 0.0, "same"),
        ([1.10 * v for v in TIGHT], 0.05, "faster"),
        ([1.10 * v for v in TIGHT], 0.13, "same"),
        ([1.10 * v for v in TIGHT], 0.101, "cannot tell"),  # under the ruler, its interval partly above
        ([1.03 * v for v in TIGHT], 0.0, "faster"),  # small but sure
        (LOOSE, 0.0, "cannot tell"),
    ],
)
def test_verdicts(candidate: list[float], ruler: float, verdict: str, paired: bool) -> None:
    base = TIGHT[::-1]
    assert one(candidate, base, paired=paired, ruler_ratio=ruler).verdict == verdict
    mirrored = {"faster": "slower", "slower": "faster"}.get(verdict, verdict)
    assert one(candidate, base, paired=paired, ruler_ratio=ruler, higher=False).verdict == mirrored


def test_words() -> None:
    found = one([1.001 * v for v in TIGHT], TIGHT[::-1])
    assert found.text == "same within 3.0 %"
    assert one([2 * v for v in TIGHT], TIGHT).text == "faster"


def test_without_a_ruler_nothing_is_called_a_difference_but_what_is_the_same_is() -> None:
    assert one([2 * v for v in TIGHT], TIGHT, ruler_ratio=None).verdict == "cannot tell"
    assert one([1.001 * v for v in TIGHT], TIGHT[::-1], ruler_ratio=None).verdict == "same"


def test_one_trial_each_has_a_ratio_but_no_more() -> None:
    found = one([3.0], [2.0])
    assert found.ratio == pytest.approx(1.5)
    assert (found.low, found.high, found.p_value) == (None, None, None)


def test_paired_trials_have_to_be_pairs() -> None:
    with pytest.raises(ValueError, match="pairs, not 2 and 3"):
        one([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="above 0"):
        one([1, 0], [1, 2])


def test_pairing_takes_out_what_a_round_has_in_common() -> None:
    """Rounds differ by a factor of two, the candidate is 5 % ahead in each."""
    rounds = [100.0, 200.0, 150.0, 120.0, 180.0]
    candidate = [v * 1.05 * (1 + e) for v, e in zip(rounds, (0.001, -0.001, 0.0, 0.002, -0.002), strict=True)]
    assert one(candidate, rounds, paired=True).verdict == "faster"
    assert one(candidate, rounds, paired=False).verdict == "cannot tell"


def test_the_ruler_is_the_twins_difference() -> None:
    assert noise_ruler([100, 100], [104, 104]) == pytest.approx(0.04)
    assert noise_ruler([104, 104], [100, 100]) == pytest.approx(0.04), "whichever came out ahead"
    assert noise_ruler([5], [5]) == 0


@pytest.mark.parametrize(("trials", "paired"), [(3, True), (5, False), (8, True), (10, False)])
def test_identical_cases_are_rarely_told_apart(trials: int, paired: bool) -> None:
    """150 runs of six pairs without any difference: at most 5 % with one found, by Holm, and some chance."""
    rng = random.Random(trials)
    wrong = 0
    for _ in range(150):
        pairs = {
            str(i): Pair(
                [rng.lognormvariate(0, 0.1) for _ in range(trials)],
                [rng.lognormvariate(0, 0.1) for _ in range(trials)],
                paired=paired,
                higher_is_better=True,
            )
            for i in range(6)
        }
        found = compare(pairs, seed=rng.randrange(1 << 30))
        wrong += any(c.verdict in ("faster", "slower") for c in found.values())
    assert wrong / 150 <= 0.09


@pytest.mark.parametrize(("trials", "paired"), [(3, True), (5, True), (5, False), (8, True), (8, False)])
def test_a_real_difference_is_found(trials: int, paired: bool) -> None:
    rng = random.Random(trials)
    verdicts: Counter[str] = Counter()
    for _ in range(60):
        candidate = [rng.lognormvariate(math.log(1.2), 0.01) for _ in range(trials)]
        base = [rng.lognormvariate(0, 0.01) for _ in range(trials)]
        verdicts[one(candidate, base, paired=paired, higher=False).verdict] += 1
    assert verdicts["slower"] >= 57
    assert not verdicts["faster"]
