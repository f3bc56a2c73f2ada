"""A running service and the generator that loads it: how a window of a scenario becomes a plan and is offered."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.drivers.base import RunningTarget
from harness.errors import ProbeError
from harness.figures import ALL_KINDS
from harness.live import LiveWindow
from harness.load.plan import LoadPlan, Mode, native_threads, wakefulness
from harness.load.result import Recording
from harness.load.supervise import LoadGenerator, LoadResult, Progress
from harness.model import Window
from harness.probes.link import LinkMeter, LinkUse, interface_to
from harness.service import info
from harness.traffic import ACCEPTED, contract_pool, own_pool, prime
from harness.trials.trial import Trial
from harness.units import NS_PER_S


@dataclass(frozen=True)
class Offered:
    """One window as it was offered; its records lie in `folder`, still undecoded.

    `answered`: how many answers the service itself counted meanwhile, None where it does not count. `link`: what went
    over the network interface, None where none took part. `a_core_less`: the same closed window with a core less
    for the generator, where it was in doubt whose limit the throughput is. `disturbed`: the tries before this one, each
    with what spoilt it in its `disturbed_by`.
    """

    window: Window
    connections: int
    plan: LoadPlan
    result: LoadResult
    folder: Path
    answered: int | None
    end_unix_ns: int
    link: LinkUse | None = None
    a_core_less: Offered | None = None
    disturbed: tuple[Offered, ...] = ()
    disturbed_by: tuple[str, ...] = ()

    @property
    def second_core_gain_ratio(self) -> float | None:
        """By how much the generator's last core raised the throughput; None: not tried."""
        fewer = self.a_core_less
        return self.completed_rps / fewer.completed_rps - 1 if fewer and fewer.completed_rps else None

    @property
    def completed_rps(self) -> float:
        """Completed requests a second, those of the drain included: near enough to choose further rates by."""
        return self.result.total("completed") / self.plan.duration_s


def headline_kind(records: Recording) -> str:
    """The kind of request whose latency is shown: the accepted ones, or all where nothing tells them apart."""
    return ACCEPTED if ACCEPTED in records.kinds else ALL_KINDS


@dataclass(frozen=True)
class UnderLoad:
    """What the windows of one trial have in common.

    `pool` is None when a Locust file makes the requests; `interface` when the service is on this machine.
    `only_messages`: all requests are messages of the contract, which a service counts itself; what a user's own
    requests ask for, it need not count.
    """

    trial: Trial
    running: RunningTarget
    generator: LoadGenerator
    pool: Path | None
    check_every: int
    marker: str | None = None
    interface: str | None = None
    only_messages: bool = False

    def plan(self, window: Window, connections: int, threads: int | None = None) -> LoadPlan:
        """The window as the load generator understands it. The seed differs from round to round.

        `threads` of each native worker: as many as are of use, if not given.
        """
        trial = self.trial
        case, placement = trial.planned.case, trial.bench.placement
        # Users of a Locust file send when they like: there is no schedule to be late against.
        mode: Mode = "closed" if window.mode == "closed" or self.pool is None else "open"
        return LoadPlan(
            run=f"{trial.bench.run_id}/{case.id}/{trial.planned.round}/{window.name}-{connections}-{time.time_ns()}",
            host=self.running.host,
            port=self.running.port,
            requests=None if self.pool is None else str(self.pool),
            mode=mode,
            connections=connections,
            duration_s=window.length_s,
            think_time_us=round(window.think_time * 1e6),
            arrivals=window.arrivals,
            steps=() if mode == "closed" else window.rate_steps,
            seed=trial.bench.seed * 1_000 + trial.planned.round,
            timeout_ms=round(case.scenario.timeout * 1_000),
            drain_ms=round(case.scenario.timeout * 1_000),
            check_every=self.check_every,
            marker=self.marker,
            threads=threads or self._threads(mode, window, connections),
            cpus=placement.generator_cpus or None,
            **asdict(
                wakefulness(
                    mode, own_core=placement.sharing == "none", beside_target=placement.loads_target_cpus
                )
            ),
        )

    def _threads(self, mode: Mode, window: Window, connections: int) -> int:
        bench = self.trial.bench
        if bench.engine != "native":
            return 1
        cores = len(bench.placement.generator_cpus)
        return native_threads(mode, window.rate_steps, connections=connections, cores=cores)

    def offer(
        self,
        window: Window,
        connections: int,
        folder_name: str,
        on_progress: Callable[[Progress], None] | None = None,
        threads: int | None = None,
    ) -> Offered:
        """Offers the window and counts, on both sides, what was answered. Raises LoadError."""
        folder = self.trial.folder / "windows" / folder_name
        plan = self.plan(window, connections, threads)

        def tell(now: Progress) -> None:
            self.trial.tell(
                f"{folder_name}: second {now.second} of {plan.duration_s:.0f}, {now.completed:,} done"
            )

        before = self.answered()
        meter = LinkMeter(self.interface) if self.interface else None
        with self.watched(folder_name, plan, folder):
            result = self.generator.offer(plan, folder, on_progress or tell)
        end_unix_ns = result.start_unix_ns + round(plan.duration_s * NS_PER_S)
        link = meter.use() if meter else None
        after = self.answered()
        self.trial.mark(f"{folder_name} ended")
        answered = after - before if before is not None and after is not None else None
        return Offered(window, connections, plan, result, folder, answered, end_unix_ns, link)

    def answered(self) -> int | None:
        """How many answers the service has counted; None where it does not count."""
        value = (info(self.running.url) or {}).get("messages_answered") if self.only_messages else None
        return value if isinstance(value, int) else None

    @contextmanager
    def watched(self, name: str, plan: LoadPlan, folder: Path) -> Iterator[None]:
        """While the context lasts, whoever looks at the trial sees the figures of this window."""
        window = LiveWindow(name, plan, folder / "reports.jsonl", self.trial.folder / "samples.csv")
        self.trial.watch(window.now)
        try:
            yield
        finally:
            self.trial.watch(None)


def under_load(trial: Trial, running: RunningTarget, marker: str | None = None) -> UnderLoad:
    """Makes the trial's requests ready. Raises ConformanceError when a message is not answered as it should be."""
    generator = trial.bench.generator()
    interface = _interface(trial, running)
    if trial.bench.locustfile:
        return UnderLoad(trial, running, generator, None, 0, marker, interface)
    scenario = trial.planned.case.scenario
    path = trial.files / "requests.msgpack"
    if scenario.request is not None:
        own_pool(running.host, running.port, scenario, scenario.request).write(path)
        return UnderLoad(trial, running, generator, path, 0, marker, interface)
    trial.tell("one answer to each message, checked")
    primed = prime(running.host, running.port, trial.bench.kit, scenario)
    if primed.varies:
        trial.note(
            "the service does not always write the same bytes for the same answer, so under load the length "
            "and status of answers were checked, not their bytes"
        )
    pool = contract_pool(
        running.host, running.port, trial.bench.kit, scenario, primed.answers, trial.bench.seed
    )
    pool.write(path)
    return UnderLoad(
        trial, running, generator, path, primed.check_every, marker, interface, only_messages=True
    )


def _interface(trial: Trial, running: RunningTarget) -> str | None:
    try:
        return interface_to(running.host, running.port)
    except ProbeError as error:
        trial.note(f"the load on the network was not judged: {error}")
        return None
