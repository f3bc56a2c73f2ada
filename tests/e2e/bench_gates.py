"""Do the validity gates catch what spoils a window, and leave clean windows alone?

Trouble of each kind is made on purpose, in turn, in so many windows; each has to be flagged by a check that is
meant for it. Then as many windows as wanted without trouble, none of which may be flagged. Needs two cores, and root
for some kinds; a kind that cannot be made here is left out, and said so. Other work on the machine spoils clean
windows.

    python tests/e2e/bench_gates.py --overloads 56 --clean 0
    python tests/e2e/bench_gates.py --overloads 0 --clean 100
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from scene import SECONDS, Scene, Seen, Setting, cpu_group, held, hogs, network_namespace, scene

CROWDED = Setting(delay="stall:1s,300ms", options=("--backlog", "0", "--answers-per-connection", "2"))
Round = Callable[[], Seen | None]
"""One window with trouble; None: it cannot be made here."""


@contextmanager
def opened(setting: Setting | None = None) -> Iterator[Scene]:
    with tempfile.TemporaryDirectory() as folder, scene(Path(folder), setting) as made:
        yield made


def stopped_generator() -> Seen:
    with opened() as made:
        return made.window(held(made.worker_pid, 0.2))


def hogged_core() -> Seen:
    with opened() as made, hogs(made.cpus[0]) as hog:
        return made.window(hog)


def throttled_generator() -> Seen | None:
    """The worker gets a tenth of its core from the first second on."""
    with opened() as made, cpu_group("10000") as group:
        if group is None:
            return None

        def throttle() -> None:
            (group / "cgroup.procs").write_text(str(made.worker_pid))

        try:
            return made.window(throttle, rate_rps=20_000.0, connections=64)
        finally:
            made.generator.close()


def asked_for_too_much() -> Seen:
    with opened(Setting(delay="none")) as made:
        return made.window(rate_rps=1_000_000.0, connections=64)


def server_past_its_deadline() -> Seen:
    with opened() as made:
        return made.window(held(made.server.pid, 1.0), timeout_ms=300)


def accept_backlog() -> Seen:
    with opened(CROWDED) as made:
        return made.window(connections=64)


def accept_backlog_elsewhere() -> Seen | None:
    with network_namespace() as away:
        if away is None:
            return None
        with opened(Setting(CROWDED.delay, CROWDED.options, namespace=away)) as made:
            return made.window(connections=64)


def throttled_target() -> Seen | None:
    with cpu_group("2000") as group:
        if group is None:
            return None
        with opened(Setting(cgroup=group)) as made:
            return made.window()


def killed_worker() -> Seen:
    with opened() as made:
        return made.window(lambda: os.kill(made.worker_pid, signal.SIGKILL), after_s=SECONDS - 1.7)


LATE = frozenset({"send delay", "late share"})
KINDS: dict[str, tuple[Round, frozenset[str]]] = {
    "generator stopped for 200 ms": (stopped_generator, LATE),
    "generator's core hogged": (hogged_core, LATE),
    "generator throttled to a tenth": (throttled_generator, LATE | {"offered rate"}),
    "a million a second asked for": (asked_for_too_much, frozenset({"offered rate"})),
    "server stopped past its deadline": (server_past_its_deadline, frozenset({"errors"})),
    "accept backlog overflows": (accept_backlog, frozenset({"TCP faults"})),
    "the same in a network namespace": (accept_backlog_elsewhere, frozenset({"TCP faults"})),
    "target throttled": (throttled_target, frozenset({"throttling"})),
    "worker killed in the last second": (killed_worker, frozenset({"reports"})),
}


def overloads(count: int) -> bool:
    """Makes them; whether all were flagged."""
    made, caught, by = Counter[str](), Counter[str](), {name: Counter[str]() for name in KINDS}
    for number in range(count):
        name = list(KINDS)[number % len(KINDS)]
        run, meant = KINDS[name]
        seen = run()
        tell(f"{number + 1}/{count} {name}")
        if seen is None:
            continue
        made[name] += 1
        caught[name] += bool(seen.flagged & meant)
        by[name].update(seen.flagged)
    print(f"{'trouble':36}{'windows':>8}{'flagged':>8}  by")
    for name in KINDS:
        names = ", ".join(f"{check} {times}" for check, times in by[name].most_common())
        print(f"{name:36}{made[name]:8}{caught[name]:8}  {names or 'cannot be made here'}")
    print(f"{'all':36}{made.total():8}{caught.total():8}  (goal: all)")
    return made.total() == caught.total()


def clean(count: int) -> bool:
    """Offers them; whether none was flagged."""
    flagged: list[str] = []
    with ExitStack() as stack:
        made = stack.enter_context(opened())
        for number in range(count):
            seen = made.window()
            tell(f"{number + 1}/{count} clean")
            if seen.flagged:
                flagged.append(f"window {number + 1}: {'; '.join(seen.texts)}")
    print(f"clean windows: {count}, flagged: {len(flagged)} (goal: 0)")
    for text in flagged:
        print(f"  {text}")
    return not flagged


def tell(text: str) -> None:
    print(f"\r{text:70}", end="", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--overloads", type=int, default=54)
    parser.add_argument("--clean", type=int, default=100)
    options = parser.parse_args()
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        print("two cores are needed", file=sys.stderr)
        return 2
    good = [overloads(options.overloads)] if options.overloads else []
    good += [clean(options.clean)] if options.clean else []
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
