"""Requests per CPU-second of the generator, closed load, 4 KB each way: this worker and wrk, interleaved.

Everything is recorded while it is measured. One null server serves both, so that the ratio of two neighbouring windows
says what the machine's mood cannot.

    python worker/bench/throughput.py --rounds 5 --seconds 5
"""

from __future__ import annotations

import argparse
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from rig import BODY_BYTES, Master, NullServer, Worker, ended, load, null_answer, pool_file, run_window

LUA = """
wrk.method = "POST"
wrk.body = '{"padding":"' .. string.rep("x", %d) .. '"}'
wrk.headers["Content-Type"] = "application/json"
"""


def on_cpu(cpu: int | None, command: list[str]) -> list[str]:
    """The command, bound to a CPU if one is given."""
    return command if cpu is None else ["taskset", "-c", str(cpu), *command]


def measure_wrk(port: int, script: Path, seconds: int, connections: int, cpu: int | None) -> tuple[float, float]:
    """(requests a second, requests a CPU-second) of a window of wrk."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), f"http://127.0.0.1:{port}/"]
    output = subprocess.run(on_cpu(cpu, command), check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    found = re.search(r"(\d+) requests in ([\d.]+)s", output)
    assert found is not None and "Socket errors" not in output and "Non-2xx" not in output, output
    requests, wall_s = int(found[1]), float(found[2])
    return requests / wall_s, requests / cpu_s


def measure_worker(master: Master, worker: Worker, plan: dict) -> tuple[float, float, float]:
    """(requests a second, requests a CPU-second, user-space share) of a window; the CPU time is all threads'."""
    before_s = worker.cpu_s()
    window = run_window(master, plan, [worker.name])
    cpu_s = worker.cpu_s() - before_s
    totals = window.done[worker.name]["totals"]
    assert totals["completed"] == totals["intended"], totals
    user_ratio = totals["cpu_user_ns"] / (totals["cpu_user_ns"] + totals["cpu_system_ns"])
    return totals["completed"] / plan["duration_s"], totals["completed"] / cpu_s, user_ratio


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--server-cpu", type=int)
    parser.add_argument("--generator-cpu", type=int)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        script = folder / "post.lua"
        script.write_text(LUA % (BODY_BYTES - 14))
        cpu_options = [] if options.server_cpu is None else ["--cpu", str(options.server_cpu)]
        with ended(NullServer(folder, *cpu_options)) as server, ended(Master()) as master:
            with ended(Worker(master.port)) as worker:
                master.wait_for("connected")
                cpus = None if options.generator_cpu is None else [options.generator_cpu]
                requests = pool_file(folder, expected=null_answer())
                ratios = []
                print("round    wrk /s   wrk /CPU-s   worker /s   worker /CPU-s   user space   ratio")
                for number in range(options.rounds):
                    wrk_rps, wrk_per_cpu = measure_wrk(
                        server.port, script, options.seconds, options.connections, options.generator_cpu
                    )
                    plan = load(
                        server.port,
                        requests,
                        duration_s=float(options.seconds),
                        connections=options.connections,
                        check_every=1_000,
                        cpus=cpus,
                    )
                    rps, per_cpu, user_ratio = measure_worker(master, worker, plan)
                    ratios.append(per_cpu / wrk_per_cpu)
                    print(
                        f"{number + 1:5} {wrk_rps:9,.0f} {wrk_per_cpu:12,.0f} {rps:11,.0f} {per_cpu:15,.0f}"
                        f" {user_ratio:12.1%} {ratios[-1]:7.2f}",
                        flush=True,
                    )
                print(f"median ratio of requests per CPU-second: {statistics.median(ratios):.2f} (goal: 1.30 or more)")


if __name__ == "__main__":
    main()
