"""How quiet is the machine just now? Twenty seconds in which nothing of ours works, looked at by four instruments.

`python -m harness.probes.noise CPU SECONDS timer|memory` is one instrument, alone on its core.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from harness.errors import ProbeError
from harness.probes.procfs import PROC, CoreTime, parse_cores
from harness.units import NS_PER_MS, NS_PER_S, percent

TIMER_SHARE = 0.75
"""Of the time, for steal, other load and timers; the rest for memory bandwidth, which is a load of its own."""
_TICK_S = 0.001
_COPY_BYTES = 32 * 1024 * 1024
_DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True)
class CoreNoise:
    """One core while nothing of ours ran on it: shares of its time, and how late a timer of 1 ms woke up."""

    cpu: int
    steal_ratio: float
    other_load_ratio: float
    late_p50_ns: int
    late_p99_ns: int
    late_max_ns: int


@dataclass(frozen=True, slots=True)
class Noise:
    """`bandwidth_bytes_per_s`: median of copies that no cache holds, on the target's core; None: no time for it."""

    duration_s: float
    cores: tuple[CoreNoise, ...]
    bandwidth_bytes_per_s: float | None
    bandwidth_spread_ratio: float | None

    def worst(self, figure: Literal["steal_ratio", "other_load_ratio", "late_p99_ns"]) -> float:
        """Of the noisiest core."""
        return max(float(getattr(core, figure)) for core in self.cores)


def measure_noise(
    cpus: Sequence[int], target_cpu: int, duration_s: float, idle_ns: Callable[[], Mapping[int, int]] = dict
) -> Noise:
    """Watches the cores that targets and generator will have. Raises ProbeError.

    idle_ns: the time of each core so far in which it had nothing to do and was kept from halting.
    """
    timer_s = duration_s * TIMER_SHARE
    before, idle_before, began_ns = _cores(), idle_ns(), time.monotonic_ns()
    late = _run_on(cpus, timer_s, "timer")
    elapsed_ns = time.monotonic_ns() - began_ns
    after, idle_after = _cores(), idle_ns()
    known_ns = {c: late[c]["cpu_ns"] + idle_after.get(c, 0) - idle_before.get(c, 0) for c in cpus}
    bandwidth = _run_on([target_cpu], duration_s - timer_s, "memory")[target_cpu]
    return Noise(
        duration_s=duration_s,
        cores=tuple(_core(c, before[c], after[c], elapsed_ns, late[c], known_ns[c]) for c in cpus),
        bandwidth_bytes_per_s=bandwidth["median_bytes_per_s"],
        bandwidth_spread_ratio=bandwidth["spread_ratio"],
    )


def to_json(noise: Noise) -> dict[str, Any]:
    return asdict(noise) | {"cores": [asdict(core) for core in noise.cores]}


def noise_text(noise: Mapping[str, Any]) -> str:
    """Of `to_json`'s document: `steal 0.1 %, other load 1.2 %, timers 0.31 ms late at P99, memory 8.1 GB/s ± 3 %`."""
    cores = noise["cores"]
    text = (
        f"steal {percent(max(c['steal_ratio'] for c in cores), 1)}, "
        f"other load {percent(max(c['other_load_ratio'] for c in cores), 1)}, "
        f"timers {max(c['late_p99_ns'] for c in cores) / NS_PER_MS:.2f} ms late at P99"
    )
    if noise["bandwidth_bytes_per_s"]:
        spread = percent(noise["bandwidth_spread_ratio"])
        text += f", memory {noise['bandwidth_bytes_per_s'] / 1e9:.1f} GB/s ± {spread}"
    return text


def _core(
    cpu: int, before: CoreTime, after: CoreTime, elapsed_ns: int, late: Mapping[str, Any], known_ns: int
) -> CoreNoise:
    others_ns = max(0, after.busy_ns - before.busy_ns - known_ns)
    return CoreNoise(
        cpu=cpu,
        steal_ratio=(after.steal_ns - before.steal_ns) / elapsed_ns,
        other_load_ratio=others_ns / elapsed_ns,
        late_p50_ns=late["p50_ns"],
        late_p99_ns=late["p99_ns"],
        late_max_ns=late["max_ns"],
    )


def _cores() -> Mapping[int | None, CoreTime]:
    try:
        return parse_cores((PROC / "stat").read_bytes())
    except OSError as error:
        raise ProbeError(f"/proc/stat: {error.strerror}") from error


def _run_on(cpus: Sequence[int], seconds: float, instrument: str) -> dict[int, dict[str, Any]]:
    """One instrument on each core at once; each ends by itself. Raises ProbeError."""
    program = [sys.executable, "-m", "harness.probes.noise"]
    root = Path(__file__).resolve().parents[2]
    found = {}
    with ExitStack() as stack:
        running = {
            cpu: stack.enter_context(
                subprocess.Popen(
                    [*program, str(cpu), str(seconds), instrument],
                    stdout=subprocess.PIPE,
                    stdin=subprocess.DEVNULL,
                    cwd=root,
                )
            )
            for cpu in cpus
        }
        for cpu, process in running.items():
            try:
                text, _ = process.communicate(timeout=seconds + _DEADLINE_S)
            except BaseException as error:
                for each in running.values():
                    each.kill()
                if isinstance(error, subprocess.TimeoutExpired):
                    raise ProbeError(f"the {instrument} instrument on cpu {cpu} did not end") from None
                raise
            if process.returncode:
                raise ProbeError(f"the {instrument} instrument on cpu {cpu} failed ({process.returncode})")
            found[cpu] = json.loads(text)
    return found


# --- the instruments -----------------------------------------------------------------------------------------


def timer_lateness(seconds: float) -> dict[str, int]:
    """How late timers of 1 ms wake; CPU time from the process's start, which was a load on the core too."""
    late_ns = []
    end_ns = time.monotonic_ns() + round(seconds * NS_PER_S)
    while (due_ns := time.monotonic_ns() + NS_PER_MS) < end_ns:
        time.sleep(_TICK_S)
        late_ns.append(time.monotonic_ns() - due_ns)
    if not late_ns:
        raise ProbeError(f"{seconds} s are too short for a timer")
    p50, p99 = np.percentile(late_ns, (50, 99))
    return {
        "p50_ns": round(p50),
        "p99_ns": round(p99),
        "max_ns": max(late_ns),
        "cpu_ns": time.process_time_ns(),
    }


def memory_bandwidth(seconds: float) -> dict[str, float | None]:
    """Bytes copied a second, a block at a time; each block is read and written once."""
    source = np.ones(_COPY_BYTES, dtype=np.uint8)
    sink = np.empty_like(source)
    np.copyto(sink, source)  # the pages are there from now on
    rates = []
    end_ns = time.monotonic_ns() + round(seconds * NS_PER_S)
    while (began_ns := time.monotonic_ns()) < end_ns:
        np.copyto(sink, source)
        rates.append(_COPY_BYTES / ((time.monotonic_ns() - began_ns) / NS_PER_S))
    if not rates:
        return {"median_bytes_per_s": None, "spread_ratio": None}
    low, median, high = np.percentile(rates, (5, 50, 95))
    return {"median_bytes_per_s": float(median), "spread_ratio": float((high - low) / median)}


def main(arguments: Sequence[str]) -> None:
    cpu, seconds, instrument = int(arguments[0]), float(arguments[1]), arguments[2]
    os.sched_setaffinity(0, {cpu})
    measure = timer_lateness if instrument == "timer" else memory_bandwidth
    print(json.dumps(measure(seconds)))


if __name__ == "__main__":
    main(sys.argv[1:])
