"""Samples lost at stop: loads ended at random moments in every way there is, counted against the service's own count.

python worker/bench/stops.py --stops 100
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from rig import (
    Json,
    Master,
    NullServer,
    Worker,
    begin_window,
    ended,
    finish_window,
    load,
    pool_file,
    prepare_window,
)

Moment = Callable[[], None]


def by_hand(master: Master, server: NullServer, how: str, pause: Moment) -> int:
    """Requests that Locust counts, after a load by hand was ended by `stop`, `quit` or a signal to the worker."""
    with ended(Worker(master.port, "native", "--url", f"http://127.0.0.1:{server.port}/")) as worker:
        master.wait_for("connected")
        master.tell(cmd="start", users=16, rate=100)
        master.wait_until(lambda totals: totals["requests"] > 0)
        pause()
        if how == "quit":
            master.tell(cmd="quit")
            return int(master.wait_for("totals")["requests"])
        if how == "stop":
            master.tell(cmd="stop")
        else:
            worker.end(signal.Signals[how])
        return int(master.wait_until(lambda totals: totals["state"] == "stopped")["requests"])


def window(master: Master, server: NullServer, how: str, pause: Moment, folder: Path) -> int | None:
    """Requests that the worker counts, after a window was ended by `flush` or Locust's `stop`.

    None: the worker was killed, which its missing `bench_done` shows.
    """
    with ended(Worker(master.port)) as worker:
        master.wait_for("connected")
        plan: Json = load(server.port, pool_file(folder), duration_s=60.0)
        prepared = prepare_window(master, plan, [worker.name])
        begin_window(master, plan, [worker.name])
        master.wait_for("report", where=lambda report: report["requests"] > 0)
        pause()
        if how == "SIGKILL":
            worker.end(signal.SIGKILL)
            try:
                master.wait_for_message("bench_done", timeout_s=2.0)
            except TimeoutError:
                return None
            raise AssertionError("a killed worker cannot have said that it is done")
        command: Json = {
            "cmd": "send",
            "type": "bench_flush",
            "data": {"run": plan["run"]},
            "worker": worker.name,
        }
        master.tell(**(command if how == "flush" else {"cmd": "stop"}))
        done = finish_window(master, plan, [worker.name], prepared)
        total = done.total("completed")
        assert total == sum(record["completed"] for record in done.records())
        assert done.failed() == {}
        return total


def main() -> None:
    """Ends loads, and counts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stops", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    moments = random.Random(options.seed)
    ways = ["stop", "quit", "SIGTERM", "SIGINT", "window stop", "window flush", "window SIGKILL"]
    stops, lost, requests = Counter[str](), Counter[str](), Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def pause() -> None:
            time.sleep(moments.uniform(0.0, 1.2))

        for number in range(options.stops):
            way = ways[number % len(ways)]
            server = NullServer(folder)
            with ended(server), ended(Master()) as master:
                is_window, how = way.startswith("window"), way.rsplit(" ", 1)[-1]
                if is_window:
                    counted = window(master, server, how, pause, folder)
                else:
                    counted = by_hand(master, server, how, pause)
                truth = server.histogram().get_total_count()
            stops[way] += 1
            requests[way] += truth
            lost[way] += 0 if counted is None else abs(truth - counted)
            print(f"\r{number + 1}/{options.stops}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print(f"{'ended by':18}{'times':>6}{'requests':>12}{'lost':>6}")
    for way in ways:
        note = "   (known to be invalid: no bench_done)" if "SIGKILL" in way else ""
        print(f"{way:18}{stops[way]:6}{requests[way]:12,}{lost[way]:6}{note}")
    sys.exit(1 if lost.total() else 0)


if __name__ == "__main__":
    main()
