"""Is the machine quiet enough to compare on?"""

from __future__ import annotations

from harness.gate_file import NoiseLimits
from harness.probes.noise import Noise
from harness.units import NS_PER_S, percent


def why_too_noisy(noise: Noise, limits: NoiseLimits) -> list[str]:
    """A sentence for each limit that is exceeded; empty: it is quiet enough."""
    reasons = []
    for name, figure, limit in (
        ("of a core's time was stolen by the hypervisor", noise.worst("steal_ratio"), limits.steal_ratio),
        (
            "of a core's time was used by other programs",
            noise.worst("other_load_ratio"),
            limits.other_load_ratio,
        ),
    ):
        if figure > limit:
            reasons.append(f"too noisy: {percent(figure, 1)} {name} (at most {percent(limit, 1)})")
    late_s = noise.worst("late_p99_ns") / NS_PER_S
    if late_s > limits.jitter_p99:
        reasons.append(
            f"too noisy: timers of 1 ms woke {late_s * 1e3:.1f} ms late at P99 "
            f"(at most {limits.jitter_p99 * 1e3:.1f} ms)"
        )
    spread = noise.bandwidth_spread_ratio
    if spread is not None and spread > limits.bandwidth_spread_ratio:
        reasons.append(
            f"too noisy: memory bandwidth varied by {percent(spread)} "
            f"(at most {percent(limits.bandwidth_spread_ratio)})"
        )
    return reasons
