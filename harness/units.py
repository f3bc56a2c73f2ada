"""Conversions, each written once. Files hold integers of nanoseconds and bytes."""

from __future__ import annotations

import re

NS_PER_US = 1_000
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
BYTES_PER_MIB = 1 << 20
BYTES_PER_GIB = 1 << 30

_TENFOLD = 10

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_DURATION_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KB|MB|GB|KiB|MiB|GiB)")
_SIZE_BYTES = {
    "B": 1,
    "KB": 1_000,
    "MB": 1_000_000,
    "GB": 1_000_000_000,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
}


def parse_duration_s(text: str) -> float:
    """`90s`, `10m`, `1h30m`, `250ms` → seconds. Raises ValueError for anything else."""
    parts = _DURATION.findall(text)
    if not parts or "".join(n + u for n, u in parts) != text:
        raise ValueError(f"{text!r} is not a duration; write 90s, 10m, 1h30m or 250ms")
    return sum(float(number) * _DURATION_S[unit] for number, unit in parts)


def parse_size_bytes(text: str) -> int:
    """`512MiB`, `32GB` → bytes. Raises ValueError for anything else."""
    match = _SIZE.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a size; write 512MiB, 2GiB or 32GB")
    return int(float(match[1]) * _SIZE_BYTES[match[2]])


def duration_text(seconds: float) -> str:
    """`45 s`, `12 min`: for estimates, so no more precise than that."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def span_text(least_s: float, most_s: float) -> str:
    """`12 min to 24 min`; one of them where both read alike."""
    return " to ".join(dict.fromkeys(duration_text(s) for s in (least_s, most_s)))


def counted(number: int, noun: str) -> str:
    """`1 trial`, `12 trials`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def percent(ratio: float, places: int = 0) -> str:
    """`5 %`, and with two places `0.13 %`."""
    return f"{ratio * 100:.{places}f} %"


def change_percent(quotient: float) -> str:
    """`+6.1 %`: how far a quotient is from 1."""
    return f"{_change(quotient)} %"


def change_interval(low: float, high: float) -> str:
    """`-3.0 to +6.1 %`: how far two quotients are from 1. Digits of one beyond tenfold would say nothing."""

    def bound(quotient: float) -> str:
        if quotient > _TENFOLD:
            return f"over {_change(_TENFOLD, places=0)}"
        if quotient < 1 / _TENFOLD:
            return f"under {_change(1 / _TENFOLD, places=0)}"
        return _change(quotient)

    return f"{bound(low)} to {bound(high)} %"


def _change(quotient: float, places: int = 1) -> str:
    return f"{(quotient - 1) * 100:+.{places}f}"
