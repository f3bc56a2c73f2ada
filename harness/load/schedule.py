"""When requests of an open load are due: a pure function of the plan, the seed and a request's number.

Arrivals are drawn at a rate of one a unit (number n at n units, or the n-th point of a Poisson process), then
units are stretched to time: an arrival is due where the integral of the rate over time reaches its units. The
native worker computes the same instants.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterator, Sequence
from itertools import accumulate

from harness.load.plan import Arrivals
from harness.units import NS_PER_S

_MASK = (1 << 64) - 1


def uniform(seed: int, number: int) -> float:
    """A number in (0, 1] from a seed and a counter: SplitMix64's finaliser (Steele, Lea, Flood 2014)."""
    bits = (seed + (number + 1) * 0x9E3779B97F4A7C15) & _MASK
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & _MASK
    bits ^= bits >> 31
    return float((bits >> 11) + 1) / (1 << 53)


def arrivals_ns(arrivals: Arrivals, seed: int, steps: Sequence[tuple[float, float]]) -> list[int]:
    """All instants of a window, in ns from its start: the n-th is that of request number n.

    `steps` are (rate_rps, duration_s), one after the other; a rate of 0 is a pause.
    """
    units = _units(arrivals, seed)
    instants: list[int] = []
    at = next(units)
    start_ns, start_units = 0, 0.0
    for rate_rps, duration_s in steps:
        length_ns = round(duration_s * NS_PER_S)
        end_units = start_units + length_ns * rate_rps / 1e9
        end_ns = start_ns + length_ns
        while at < end_units:
            instant_ns = start_ns + int(max(at - start_units, 0.0) / rate_rps * 1e9)
            instants.append(min(instant_ns, end_ns - 1))
            at = next(units)
        start_ns, start_units = end_ns, end_units
    return instants


def fingerprint(instants_ns: Sequence[int]) -> str:
    """SHA-256 over the instants as little-endian 64-bit ns, in hexadecimal: equal hashes are equal loads."""
    return hashlib.sha256(struct.pack(f"<{len(instants_ns)}Q", *instants_ns)).hexdigest()


def _units(arrivals: Arrivals, seed: int) -> Iterator[float]:
    numbers = iter(range(1 << 62))
    if arrivals == "constant":
        return map(float, numbers)
    return accumulate(-math.log(uniform(seed, number)) for number in numbers)
