"""Memory of the worker over a long run: flat, as no sample is kept.

python worker/bench/endurance.py --minutes 10 --rate 100000 --server-cpu 0 --generator-cpu 1
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from placement import add_cpus, master_with, server_on, stay_on
from rig import (
    Worker,
    begin_window,
    ended,
    finish_window,
    load,
    null_answer,
    pool_file,
    prepare_window,
)

FLAT, FLAT_AT_LAST = 1.1, 1.01
"""How much memory may grow from a tenth of the run to its end, and over its second half."""


def resident_kb(worker: Worker) -> int:
    """Resident memory of the worker."""
    pages = int(Path(f"/proc/{worker.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def main() -> None:
    """Runs, watches, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=100_000.0)
    add_cpus(parser)
    options = parser.parse_args()
    duration_s = options.minutes * 60
    stay_on(options.generator_cpus)
    with tempfile.TemporaryDirectory() as name:
        server = server_on(options.server_cpu, Path(name))
        with ended(server), master_with("native") as (master, [worker]):
            plan = load(
                server.port,
                pool_file(Path(name), null_answer()),
                mode="open",
                steps=[[options.rate, duration_s]],
                duration_s=duration_s,
                connections=64,
                cpus=options.generator_cpus,
            )
            window = prepare_window(master, plan, [worker.name])
            begin_window(master, plan, [worker.name])
            samples: list[int] = []
            end_s = time.monotonic() + duration_s
            while time.monotonic() < end_s:
                master.wait_for("report")
                if int(time.monotonic()) % 10 == 0 or not samples:
                    samples.append(resident_kb(worker))
                    print(f"{end_s - time.monotonic():6.0f} s left: {samples[-1]:,} KB", flush=True)
            finish_window(master, plan, [worker.name], window)
            sent = window.total("sent")
    tenth, half, end = samples[len(samples) // 10], samples[len(samples) // 2], samples[-1]
    print(
        f"{sent:,} requests; resident memory {tenth:,} KB after a tenth of the run, {half:,} KB after half of it, "
        f"{end:,} KB at its end: {(end - tenth) * 1024 / sent:.4f} bytes a request"
    )
    sys.exit(1 if end > tenth * FLAT or end > half * FLAT_AT_LAST else 0)


if __name__ == "__main__":
    main()
