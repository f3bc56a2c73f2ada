"""What the worker measures against what a null server knows: errors at P50, P99 and P99.9 under open load.

The truth of a fixed or bimodal delay is the null server's own histogram, from the last byte of a request to the
first of its answer; the difference is the way there and back through the kernel, and what the generator adds. The
truth of a stall is a simulation of the same arrivals on the same number of connections, as no histogram of a
stalled server can know what waits outside it.

    python worker/bench/accuracy.py --seconds 10 --server-cpu 0 --generator-cpu 1
"""

from __future__ import annotations

import argparse
import heapq
import math
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from hdrh.histogram import HdrHistogram
from placement import add_cpus, master_with, server_on, stay_on
from rig import Master, NullServer, Window, ended, load, null_answer, pool_file, run_window

from harness.load.plan import ALWAYS_US
from harness.probes.placement import GENERATOR_NICE

QUANTILES = (50.0, 99.0, 99.9)
LOW_RATE_GOALS_US, HALF_CEILING_GOALS_US = (20, 60), (30, 100)
STALL_PERIOD_S, STALL_LENGTH_S, STALL_DELAY_S = 10.0, 1.0, 0.001


@dataclass(frozen=True)
class Setting:
    """What all windows have in common."""

    seconds: float
    server_cpu: int | None
    generator_cpus: list[int] | None
    spin_us: int
    nap_us: int
    folder: Path

    def server(self, delay: str) -> NullServer:
        """A null server that never sleeps, if it has a CPU of its own to burn."""
        spin = [] if self.server_cpu is None else ["--spin"]
        return server_on(self.server_cpu, self.folder, "--delay", delay, *spin)

    def window(self, master: Master, port: int, **changes: object) -> Window:
        """A window of open load, all of it answered as expected."""
        settings = {
            "mode": "open",
            "connections": 64,
            "cpus": self.generator_cpus,
            "spin_us": self.spin_us,
            "nap_us": self.nap_us,
            "nice": GENERATOR_NICE,
            "check_every": 1_000,
        }
        plan = load(port, pool_file(self.folder, null_answer()), **(settings | changes))
        window = run_window(master, plan, ["native"])
        assert window.failed() == {} and window.total("dropped") == 0, window.done
        return window


def values(histogram: HdrHistogram) -> list[float]:
    """Its quantiles in µs."""
    return [histogram.get_value_at_percentile(quantile) / 1_000 for quantile in QUANTILES]


def show(name: str, measured: list[float], truth: list[float], window: Window) -> None:
    """A line of the table: truth and error at each quantile, and the generator's own delay.

    Late are those that left over 1 ms late by the generator's own fault: counted, and in no response time.
    """
    cells = [f"{true:9,.0f} {value - true:+8.1f}" for value, true in zip(measured, truth, strict=True)]
    own = window.histogram("own_delay").get_value_at_percentile(99) / 1_000
    busy_ns, wall_ns = window.total("busy_ns"), window.total("wall_ns")
    late = window.histogram("late_response").get_total_count() / window.total("completed")
    print(f"{name:34}{'  '.join(cells)} {own:9.1f} {late:8.3%} {busy_ns / wall_ns:6.0%}", flush=True)


def known_delay(
    setting: Setting, delay: str, rate_rps: float, arrivals: str, goals_us: tuple[int, int]
) -> None:
    """A delay the server knows itself; goals for the errors at P50 and P99."""
    server = setting.server(delay)
    with master_with("native") as (master, _):
        steps = [[rate_rps, setting.seconds]]
        window = setting.window(
            master, server.port, arrivals=arrivals, steps=steps, duration_s=setting.seconds
        )
    truth = server.histogram()
    assert truth.get_total_count() == window.total("completed")
    name = f"{delay}, {rate_rps:,.0f}/s, {arrivals}"
    measured, true = values(window.histogram("response")), values(truth)
    show(name, measured, true, window)
    p50_us, p99_us = (abs(one - other) for one, other in zip(measured[:2], true[:2], strict=True))
    is_met = p50_us <= goals_us[0] and p99_us <= goals_us[1]
    print(f"  goal: P50 within {goals_us[0]}, P99 within {goals_us[1]} µs: {'met' if is_met else 'missed'}")


def ceiling_rps(setting: Setting) -> float:
    """What a closed load reaches against a server that answers at once."""
    server = setting.server("none")
    with ended(server), master_with("native") as (master, _):
        window = setting.window(master, server.port, mode="closed", duration_s=3.0)
        return window.total("completed") / 3.0


def poisson_s(rate_rps: float, seconds: float, seed: int) -> Iterator[float]:
    """The worker's own arrivals: exponential gaps by inversion of SplitMix64."""
    mask, at, number = (1 << 64) - 1, 0.0, 0
    while True:
        bits = (seed + (number + 1) * 0x9E3779B97F4A7C15) & mask
        bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & mask
        bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & mask
        bits ^= bits >> 31
        at -= math.log(((bits >> 11) + 1) / (1 << 53)) / rate_rps
        if at >= seconds:
            return
        yield at
        number += 1


def simulate_stall(rate_rps: float, seconds: float, seed: int, connections: int) -> HdrHistogram:
    """Response times, in ns, of the same arrivals on ideal connections to an ideal server that stalls."""
    histogram = HdrHistogram(1_000, 60_000_000_000, 3)
    free_s = [0.0] * connections
    first_s: float | None = None
    for arrival_s in poisson_s(rate_rps, seconds, seed):
        read_s = max(arrival_s, heapq.heappop(free_s))
        first_s = read_s if first_s is None else first_s
        period, into_s = divmod(read_s + STALL_DELAY_S - first_s, STALL_PERIOD_S)
        is_stalled = period > 0 and into_s < STALL_LENGTH_S
        answered_s = first_s + period * STALL_PERIOD_S + (STALL_LENGTH_S if is_stalled else into_s)
        heapq.heappush(free_s, answered_s)
        histogram.record_value(int((answered_s - arrival_s) * 1e9))
    return histogram


def stall(setting: Setting, rate_rps: float, seconds: float) -> None:
    """A server that answers nothing for a second, which half of all load generators do not notice."""
    server = setting.server(f"stall:{STALL_PERIOD_S:.0f}s,{STALL_LENGTH_S:.0f}s,{STALL_DELAY_S * 1e3:.0f}ms")
    with ended(server), master_with("native") as (master, _):
        steps = [[rate_rps, seconds]]
        window = setting.window(
            master, server.port, arrivals="poisson", steps=steps, duration_s=seconds, seed=5
        )
    truth = values(simulate_stall(rate_rps, seconds, seed=5, connections=64))
    measured = values(window.histogram("response"))
    show(f"stall of 1 s in {seconds:.0f} s, {rate_rps:,.0f}/s", measured, truth, window)
    print(f"  P99 against the simulation: {measured[1] / truth[1] - 1:+.2%} (goal: within 0.5 %)")
    print(f"  P99 of the service time alone: {values(window.histogram('service'))[1]:,.0f} µs")


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=10.0)
    add_cpus(parser)
    parser.add_argument(
        "--spin-us",
        type=int,
        default=ALWAYS_US,
        help="how long before an instant it stops sleeping; 1 s: it never sleeps",
    )
    parser.add_argument(
        "--nap-us", type=int, default=0, help="the longest it sleeps at a time; 0: as long as it may"
    )
    parser.add_argument("--no-stall", action="store_true", help="leave the stall out; it takes 20 s")
    options = parser.parse_args()
    stay_on(options.generator_cpus)
    with tempfile.TemporaryDirectory() as name:
        setting = Setting(
            options.seconds,
            options.server_cpu,
            options.generator_cpus,
            options.spin_us,
            options.nap_us,
            Path(name),
        )
        heads = "  ".join(f"{name:>9} {'error':>8}" for name in ("P50", "P99", "P99.9"))
        print(f"{'µs':34}{heads} {'own P99':>9} {'late':>8} {'busy':>6}")
        known_delay(setting, "fixed:1ms", 2_000.0, "constant", LOW_RATE_GOALS_US)
        known_delay(setting, "fixed:1ms", 2_000.0, "poisson", LOW_RATE_GOALS_US)
        known_delay(setting, "bimodal:1ms,10ms,0.1", 2_000.0, "poisson", LOW_RATE_GOALS_US)
        half_rps = round(ceiling_rps(setting) / 2, -2)
        # On 64 connections a delay of 1 ms would itself be a limit.
        known_delay(setting, "fixed:100us", half_rps, "poisson", HALF_CEILING_GOALS_US)
        if not options.no_stall:
            stall(setting, 2_000.0, 20.0)


if __name__ == "__main__":
    main()
