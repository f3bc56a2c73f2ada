"""A verdict in one sentence; the same in the terminal, Markdown, JUnit, the page and the night's document."""

from __future__ import annotations

from harness.gate.model import MetricVerdict
from harness.units import change_interval, change_percent


def verdict_text(verdict: MetricVerdict) -> str:
    """`slower by 12 % (10 to 14 %), confirmed by 4 of 4`, `same within 5 %`, `cannot tell: …, about 6 more rounds`."""
    if verdict.ratio is None:
        return f"cannot tell: {verdict.pairs} valid pairs"
    if verdict.word == "same":
        return f"same within {percent(verdict.metric.relevant_ratio)} ({_effect(verdict)})"
    if verdict.word == "faster":
        return f"{word(verdict)}: {_effect(verdict)}"
    if verdict.word == "slower":
        return f"{word(verdict)}: {_effect(verdict)}; {verdict.agreeing} of {verdict.further} further pairs agree"
    if verdict.open_because:
        lack = (
            "there was no time" if verdict.open_because == "no time" else "too few further pairs were valid"
        )
        return (
            f"cannot tell: {_effect(verdict)} looked {worse_word(verdict)}, and {lack} to confirm it "
            f"({verdict.agreeing or 0} of {verdict.further} further pairs agree)"
        )
    if verdict.alert:
        return (
            f"cannot tell: {_effect(verdict)} looked {worse_word(verdict)}, but was not confirmed "
            f"({verdict.agreeing or 0} of {verdict.further} further pairs agree)"
        )
    return f"cannot tell: {_effect(verdict)}; {_settled_by(verdict)}"


def word(verdict: MetricVerdict) -> str:
    """slower, faster, same, cannot tell; of CPU time and memory more and less."""
    if verdict.word == "slower":
        return worse_word(verdict)
    if verdict.word == "faster":
        return "less" if _is_amount(verdict) else "faster"
    return verdict.word


def worse_word(verdict: MetricVerdict) -> str:
    return "more" if _is_amount(verdict) else "slower"


def percent(ratio: float) -> str:
    """`5 %`, `0.4 %`; signs are the caller's."""
    return f"{ratio * 100:.1f} %".replace(".0 %", " %")


def _is_amount(verdict: MetricVerdict) -> bool:
    return verdict.metric.name in ("cpu_ns_per_request", "loaded_rss_bytes")


def _effect(verdict: MetricVerdict) -> str:
    assert verdict.ratio is not None
    assert verdict.low is not None
    assert verdict.high is not None
    return f"{change_percent(verdict.ratio)} ({change_interval(verdict.low, verdict.high)})"


def _settled_by(verdict: MetricVerdict) -> str:
    if verdict.rounds_more is None:
        return "no number of rounds that fits a night would settle it"
    return f"about {verdict.rounds_more} more round{'s' if verdict.rounds_more > 1 else ''} would settle it"
