"""Requests per CPU-second of the generator, 4 KB each way: this worker and wrk, interleaved.

Everything is recorded while it is measured. One null server serves all, so that the ratio of two neighbouring windows
says what the machine's mood cannot. In each round: wrk; this worker closed; this worker open at 60 % of that
rate. With --fast-http-user also Locust's own fastest user, at the end of each round.

    python worker/bench/throughput.py --rounds 5 --seconds 5 --server-cpu 0 --generator-cpu 1
"""

from __future__ import annotations

import argparse
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from placement import add_cpus, master_with, server_on, stay_on
from rig import BODY_BYTES, Json, Master, Worker, ended, load, null_answer, pool_file, run_window

WRK_SCRIPT = """
wrk.method = "POST"
wrk.body = '{"padding":"' .. string.rep("x", %d) .. '"}'
wrk.headers["Content-Type"] = "application/json"
"""

FAST_USER = """
from locust import FastHttpUser, constant, task

BODY = b'{"padding":"' + b"x" * %d + b'"}'

class Caller(FastHttpUser):
    wait_time = constant(0)

    @task
    def post(self):
        self.client.post("/", data=BODY, headers={"Content-Type": "application/json"})
"""


@dataclass(frozen=True)
class Figures:
    """One window."""

    rps: float
    per_cpu_s: float
    user_ratio: float
    per_busy_s: float | None = None
    """Busy by this worker's own account, which leaves waiting and spinning out."""


@dataclass
class Bench:
    """What all windows have in common."""

    options: argparse.Namespace
    folder: Path
    results: dict[str, list[Figures]] = field(default_factory=dict)

    def record(
        self,
        name: str,
        requests: int,
        wall_s: float,
        user_s: float,
        system_s: float,
        busy_s: float | None = None,
    ) -> Figures:
        """Adds a window."""
        cpu_s = user_s + system_s
        per_busy_s = None if busy_s is None else requests / busy_s
        figures = Figures(requests / wall_s, requests / cpu_s, user_s / cpu_s, per_busy_s)
        self.results.setdefault(name, []).append(figures)
        return figures

    def command(self, name: str, command: list[str], pattern: str, seconds: int) -> None:
        """A generator that is a program of its own, whose output tells its count."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert "Socket errors" not in done.stdout and "Non-2xx" not in done.stdout, done.stdout
        found = re.search(pattern, done.stdout)
        assert found is not None, done.stdout
        user_s, system_s = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
        self.record(name, int(found[1]), seconds, user_s, system_s)

    def wrk(self, port: int) -> None:
        """A window of wrk, one thread."""
        script = self.folder / "post.lua"
        script.write_text(WRK_SCRIPT % (BODY_BYTES - 14))
        options = ["-t1", f"-c{self.options.connections}", f"-d{self.options.seconds}s", "-s", str(script)]
        url = f"http://127.0.0.1:{port}/"
        self.command("wrk, closed", ["wrk", *options, url], r"(\d+) requests in", self.options.seconds)

    def fast_http_user(self, port: int) -> None:
        """A window of Locust's FastHttpUser, one process: long enough that its start does not count for much."""
        seconds = max(20, self.options.seconds)
        script = self.folder / "fast_user.py"
        script.write_text(FAST_USER % (BODY_BYTES - 14))
        users = str(self.options.connections)
        options = ["--headless", "--users", users, "--spawn-rate", users, "--only-summary"]
        host = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "locust", "-f", str(script), "--host", host, *options]
        command += ["--run-time", f"{seconds}s", "--csv", str(self.folder / "fast")]
        # Its count is in a file; what it prints is for people.
        count = [
            "sh",
            "-c",
            '"$@" >&2; cut -d, -f3 "$0"_stats.csv | tail -1',
            str(self.folder / "fast"),
            *command,
        ]
        self.command("FastHttpUser, closed", count, r"(\d+)", seconds)

    def worker(self, name: str, master: Master, worker: Worker, port: int, **changes: object) -> Figures:
        """A window of this worker. The CPU time is that of all its threads."""
        plan: Json = load(
            port,
            # One piece of bytes, as wrk sends it.
            pool_file(self.folder, null_answer(), is_joined=True),
            duration_s=float(self.options.seconds),
            connections=self.options.connections,
            check_every=1_000,
            cpus=self.options.generator_cpus,
            **changes,
        )
        before_s = worker.cpu_s()
        window = run_window(master, plan, [worker.name])
        cpu_s = worker.cpu_s() - before_s
        assert window.failed() == {} and window.total("dropped") == 0, window.done
        user_ns, system_ns = window.total("cpu_user_ns"), window.total("cpu_system_ns")
        user_s = cpu_s * user_ns / (user_ns + system_ns)
        completed, busy_s = window.total("completed"), window.total("busy_ns") / 1e9
        return self.record(name, completed, plan["duration_s"], user_s, cpu_s - user_s, busy_s)

    def ratio(self, name: str, measure: str, reference: str) -> float:
        """The median over rounds of a measure's ratio to the reference's requests per CPU-second."""
        pairs = zip(self.results[name], self.results[reference], strict=True)
        ratios: list[float] = [getattr(one, measure) / other.per_cpu_s for one, other in pairs]
        return statistics.median(ratios)

    def show(self) -> None:
        """Prints the medians, and the ratios with their goals."""
        print(
            f"{'median of rounds':22}{'requests/s':>12}{'per CPU-s':>12}{'per busy s':>12}{'user space':>12}"
        )
        for name, windows in self.results.items():
            cells = []
            for measure in ("rps", "per_cpu_s", "per_busy_s", "user_ratio"):
                values = [getattr(figures, measure) for figures in windows]
                shape = "{:12.1%}" if measure == "user_ratio" else "{:12,.0f}"
                cells.append(" " * 12 if None in values else shape.format(statistics.median(values)))
            print(f"{name:22}{''.join(cells)}")
        print("requests per CPU-second against wrk, median of the rounds' ratios:")
        closed = self.ratio("worker, closed", "per_cpu_s", "wrk, closed")
        print(f"  closed: {closed:.2f} (goal: 1.30 or more)")
        is_open = self.ratio("worker, open", "per_busy_s", "wrk, closed")
        print(f"  open at 60 % of that rate, per busy second: {is_open:.2f} (goal: 0.90 or more)")
        shares = [figures.user_ratio for figures in self.results["worker, closed"]]
        print(
            f"user space's share of its CPU time, closed: {statistics.median(shares):.1%} (goal: 12 % or less)"
        )
        if "FastHttpUser, closed" in self.results:
            fast = self.ratio("worker, closed", "per_cpu_s", "FastHttpUser, closed")
            print(f"requests per CPU-second, closed, against FastHttpUser: {fast:.1f} (goal: 25 or more)")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=64)
    add_cpus(parser)
    parser.add_argument("--fast-http-user", action="store_true")
    options = parser.parse_args()
    stay_on(options.generator_cpus)
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(options, Path(name))
        server = server_on(options.server_cpu, bench.folder)
        with ended(server), master_with("native") as (master, [worker]):
            for number in range(options.rounds):
                bench.wrk(server.port)
                closed = bench.worker("worker, closed", master, worker, server.port)
                steps = [[0.6 * closed.rps, float(options.seconds)]]
                bench.worker("worker, open", master, worker, server.port, mode="open", steps=steps)
                if options.fast_http_user:
                    bench.fast_http_user(server.port)
                last = {name: windows[-1].per_cpu_s for name, windows in bench.results.items()}
                line = "  ".join(f"{name} {per_cpu_s:,.0f}" for name, per_cpu_s in last.items())
                print(f"round {number + 1}, per CPU-second: {line}", flush=True)
            bench.show()


if __name__ == "__main__":
    main()
