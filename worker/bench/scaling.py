"""One worker process against two that share one load: their counts add up exactly, and what the second adds.

In each round the same load, closed and then open at 60 % of what one worker reached, first with one worker and then
with two. Every count is held against the others: what the workers intended, sent and completed, what their
histograms hold, what Locust's master counted, and what the server answered. One core for both workers cannot show more
requests a second, but what each request costs; with as many cores as workers the rate grows too.

    python worker/bench/scaling.py --rounds 3 --seconds 5 --server-cpu 0 --generator-cpus 1
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from placement import add_cpus, master_with, server_on, stay_on
from rig import Json, Window, ended, load, null_answer, pool_file, run_window

WORKERS = ("first", "second")


@dataclass(frozen=True)
class Figures:
    """One window."""

    rps: float
    per_cpu_s: float
    requests: int


@dataclass
class Bench:
    """What all windows have in common."""

    options: argparse.Namespace
    folder: Path

    def window(self, count: int, **changes: object) -> Figures:
        """A window with this many workers, all of them new, whose counts agree or the program ends."""
        cpus: list[int] | None = self.options.generator_cpus
        server = server_on(self.options.server_cpu, self.folder)
        with ended(server), master_with(*WORKERS[:count]) as (master, workers):
            plan: Json = load(
                server.port,
                pool_file(self.folder, null_answer(), is_joined=True),
                duration_s=float(self.options.seconds),
                connections=64,
                check_every=1_000,
                **changes,
            )
            before_s = [worker.cpu_s() for worker in workers]
            window = run_window(master, plan, [worker.name for worker in workers], cpus)
            used_s = [worker.cpu_s() - before for worker, before in zip(workers, before_s, strict=True)]
            check_counts(window, master.totals(), server.histogram().get_total_count())
        completed = window.total("completed")
        return Figures(completed / plan["duration_s"], completed / sum(used_s), completed)


def check_counts(window: Window, locust: Json, served: int) -> None:
    """Every account of the window is the same number."""
    assert window.failed() == {} and window.total("dropped") == 0, window.done
    accounts = {
        "intended": window.total("intended"),
        "sent": window.total("sent"),
        "completed": window.total("completed"),
        "in rows by second": sum(row["completed"] for row in window.seconds()),
        "in histograms": window.histogram("service").get_total_count(),
        "counted by Locust": locust["requests"],
        "answered by the server": served,
    }
    assert len(set(accounts.values())) == 1, accounts


def show(results: dict[tuple[str, int], list[Figures]]) -> None:
    """Prints medians, and what two workers do compared with one."""
    print(f"{'median of rounds':24}{'requests/s':>12}{'per CPU-s':>12}{'requests':>12}  counts")
    for (mode, count), windows in results.items():
        rps = statistics.median(figures.rps for figures in windows)
        per_cpu_s = statistics.median(figures.per_cpu_s for figures in windows)
        requests = sum(figures.requests for figures in windows)
        name = f"{mode}, {count} worker{'s'[: count - 1]}"
        print(f"{name:24}{rps:12,.0f}{per_cpu_s:12,.0f}{requests:12,}  all agree")
    print("two workers against one, median of the rounds' ratios:")
    for mode in ("closed", "open"):
        pairs = list(zip(results[mode, 2], results[mode, 1], strict=True))
        rps = statistics.median(two.rps / one.rps for two, one in pairs)
        per_cpu_s = statistics.median(two.per_cpu_s / one.per_cpu_s for two, one in pairs)
        print(f"  {mode}: {rps:.2f} × the requests a second, {per_cpu_s:.2f} × those per CPU-second")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    add_cpus(parser)
    options = parser.parse_args()
    stay_on(options.generator_cpus)
    results: dict[tuple[str, int], list[Figures]] = {}
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(options, Path(name))
        for number in range(options.rounds):
            closed = [bench.window(count) for count in (1, 2)]
            steps = [[round(0.6 * closed[0].rps), float(options.seconds)]]
            opened = [bench.window(count, mode="open", steps=steps) for count in (1, 2)]
            for mode, windows in (("closed", closed), ("open", opened)):
                for count, figures in enumerate(windows, start=1):
                    results.setdefault((mode, count), []).append(figures)
            print(f"round {number + 1}: counts agree", flush=True)
        show(results)


if __name__ == "__main__":
    main()
