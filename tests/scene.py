"""A null server, a generator with native workers and a sampler: windows in which trouble is made on purpose.

The checks are those of a trial. Placed as a bench places them on two cores: the server on the last, all else on
the first.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from harness import figures
from harness.awake import kept_awake, why_not
from harness.catalogue import ROOT
from harness.load.plan import LoadPlan, wakefulness
from harness.load.pool import PoolBuilder
from harness.load.result import Recording, read_reports
from harness.load.supervise import LoadGenerator, native
from harness.null_server import NullServer
from harness.priority import set_nice
from harness.probes.link import LinkMeter, interface_to
from harness.probes.placement import GENERATOR_NICE, LOWEST_NICE
from harness.trials.sampling import Sampler, sampling
from harness.units import NS_PER_S
from harness.validity import WindowFacts, findings

WORKER = ROOT / ".build/worker/release/bench-worker"
NULL_SERVER = WORKER.with_name("null-server")
KEEP_AWAKE = WORKER.with_name("keep-awake")
SECONDS = 3.0
RATE_RPS = 1_000.0

_QUIET_PERCENT = 3.0
_NOBODYS_PORT = 9

Trouble = Callable[[], None]


@dataclass(frozen=True)
class Seen:
    """What the checks said of a window."""

    findings: list[dict[str, Any]]
    records: Recording

    @property
    def flagged(self) -> set[str]:
        return {f["name"] for f in self.findings if f["ok"] is False}

    @property
    def texts(self) -> list[str]:
        return [f["text"] for f in self.findings if f["ok"] is False]


@dataclass
class Scene:
    """What takes part. `host_network`: the server shares its network with everything else of this machine."""

    server: NullServer
    generator: LoadGenerator
    sampler: Sampler
    folder: Path
    cpus: tuple[int, ...]
    host: str
    host_network: bool
    windows: int = field(default=0)

    @property
    def worker_pid(self) -> int:
        return self.generator.pids["load worker 0"]

    def window(self, trouble: Trouble | None = None, after_s: float = 0.0, **changes: Any) -> Seen:
        """Offers a window; `trouble` is made in it, so long after its first report, which comes after a second."""
        self.windows += 1
        plan = self._plan(changes)
        begun, over = threading.Event(), threading.Event()

        def make_trouble() -> None:
            begun.wait()
            if trouble is not None and not over.wait(after_s):
                trouble()

        interface = interface_to(self.host, self.server.port)
        meter = LinkMeter(interface) if interface else None
        maker = threading.Thread(target=make_trouble)
        maker.start()
        try:
            result = self.generator.offer(plan, self.folder / f"window-{self.windows}", lambda _: begun.set())
        finally:
            over.set()
            begun.set()
            maker.join()
        link = meter.use() if meter else None
        end_unix_ns = result.start_unix_ns + int(plan.duration_s * NS_PER_S)
        records = read_reports(result.reports)
        facts = WindowFacts(
            plan=plan,
            records=records,
            counts=figures.counts(list(result.totals.values())),
            totals=result.totals,
            expected_workers=list(result.workers),
            problems=result.problems,
            answered_by_target=None,
            counted_by_locust=result.locust_requests,
            usage=figures.span(self._rows_until(end_unix_ns), result.start_unix_ns, end_unix_ns),
            target_cores=1,
            generator_shares_core=True,
            host_network=self.host_network,
            headline=figures.ALL_KINDS,
            link=link,
        )
        return Seen(findings(facts), records)

    def _rows_until(self, unix_ns: int) -> list[Any]:
        """Counters are read once a second, so a row after the end may be a second away."""
        deadline_s = time.monotonic() + 60
        while time.monotonic() < deadline_s:
            rows = self.sampler.rows()
            if any(r.unix_ns >= unix_ns and r.listen_drops is not None for r in rows):
                return rows
            time.sleep(0.05)
        return self.sampler.rows()

    def _plan(self, changes: dict[str, Any]) -> LoadPlan:
        duration_s = float(changes.pop("duration_s", SECONDS))
        rate_rps = float(changes.pop("rate_rps", RATE_RPS))
        fields = {
            "connections": 16,
            "steps": ((rate_rps, duration_s),),
            "timeout_ms": 3_000,
            "drain_ms": 3_000,
            "cpus": self.cpus[:1],
            **asdict(wakefulness("open", own_core=False, beside_target=False)),
            **changes,
        }
        return LoadPlan(
            run=f"{self.folder.name}-{self.windows}-{time.time_ns()}",
            host=self.host,
            port=self.server.port,
            requests=str(self.folder / "requests.msgpack"),
            mode="open",
            duration_s=duration_s,
            **fields,
        )


@dataclass(frozen=True)
class Setting:
    """How a scene's server is run."""

    delay: str = "fixed:1ms"
    options: tuple[str, ...] = ()
    cgroup: Path | None = None
    namespace: Namespace | None = None


@dataclass(frozen=True)
class Namespace:
    """A network namespace with one link to ours."""

    name: str
    address: str

    @property
    def command(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.name)


@contextmanager
def scene(folder: Path, setting: Setting | None = None) -> Iterator[Scene]:
    """Starts everything, on cores that are kept awake where that can be done; needs two."""
    chosen = setting or Setting()
    cpus = tuple(sorted(os.sched_getaffinity(0)))
    away = chosen.namespace
    with ExitStack() as stack:
        awake = () if why_not(KEEP_AWAKE, in_containers=False) else cpus
        stack.enter_context(kept_awake(awake, KEEP_AWAKE, "scene", folder / "keep-awake.log"))
        server = stack.enter_context(
            NullServer(
                NULL_SERVER,
                folder,
                chosen.delay,
                cpus[-1:],
                spin=False,
                options=(*chosen.options, *(("--bind", away.address) if away else ())),
                within=away.command if away else (),
            )
        )
        if chosen.cgroup is not None:
            (chosen.cgroup / "cgroup.procs").write_text(str(server.pid))
        target: Any = SimpleNamespace(pid=server.pid, cgroups=(chosen.cgroup,) if chosen.cgroup else ())
        watched = stack.enter_context(
            sampling(target, folder / "samples.csv", watched=(), cpus=cpus[:1], nice=LOWEST_NICE)
        )
        assert watched is not None
        host = away.address if away else "127.0.0.1"
        builder = PoolBuilder(host, server.port)
        builder.add("POST", "/", body=b"x" * 4_096)
        builder.build().write(folder / "requests.msgpack")
        generator = stack.enter_context(
            LoadGenerator(
                native(WORKER),
                folder / "load",
                worker_cpus=[cpus[:1]],
                worker_nice=GENERATOR_NICE,
                master_cpus=cpus[:1],
            )
        )
        yield Scene(server, generator, watched, folder, cpus, host, away is None)


# --- troubles ------------------------------------------------------------------------------------------------


def held(pid: int, seconds: float) -> Trouble:
    """The process stands still for so long."""

    def hold() -> None:
        os.kill(pid, signal.SIGSTOP)
        try:
            threading.Event().wait(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)

    return hold


@contextmanager
def hogs(cpu: int, count: int = 4) -> Iterator[Trouble]:
    """Busy processes, of a better priority than the generator where permitted; ended with the context.

    Each is the first of a session, as the generator is: between sessions only such a one's priority counts. They
    stand still at their place until the trouble is made, so that all of it happens in the window.
    """
    with ExitStack() as stack:
        running = [stack.enter_context(burning(cpu)) for _ in range(count)]
        for process in running:
            process.send_signal(signal.SIGSTOP)
            set_nice(process.pid, GENERATOR_NICE - 5)

        def start() -> None:
            for process in running:
                process.send_signal(signal.SIGCONT)

        yield start


@contextmanager
def burning(cpu: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process that wants all of a core, the first of a session of its own."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True) as process:
        try:
            os.sched_setaffinity(process.pid, {cpu})
            yield process
        finally:
            process.kill()


@contextmanager
def cpu_group(quota: str | None) -> Iterator[Path | None]:
    """A control group for the CPU, with `quota` µs of each 100 ms; None where none can be made."""
    tops = map(Path, ("/sys/fs/cgroup/cpu", "/sys/fs/cgroup"))
    parent = next((p for p in tops if (p / "cgroup.procs").exists()), None)
    group = None if parent is None else parent / f"gates-{os.getpid()}-{time.monotonic_ns()}"
    try:
        if group is not None:
            group.mkdir()
    except OSError:
        group = None
    if group is None or not _limit(group, quota):
        if group is not None:
            group.rmdir()
        yield None
        return
    yield group
    deadline_s = time.monotonic() + 60
    while (group / "cgroup.procs").read_text().strip() and time.monotonic() < deadline_s:
        time.sleep(0.02)
    group.rmdir()


def _limit(group: Path, quota: str | None) -> bool:
    if quota is None:
        return True
    one, two = group / "cpu.cfs_quota_us", group / "cpu.max"
    if two.exists():
        two.write_text(f"{quota} 100000")
    elif one.exists():
        one.write_text(quota)
    return one.exists() or two.exists()


@contextmanager
def network_namespace() -> Iterator[Namespace | None]:
    """A namespace of its own, a virtual link between it and ours; None where it may not be made."""
    made = Namespace(f"gates-{os.getpid()}", "10.213.0.2")
    ours, theirs = f"gates{os.getpid() % 10_000}a", f"gates{os.getpid() % 10_000}b"
    inside = f"ip -n {made.name}"
    commands = (
        f"ip netns add {made.name}",
        f"ip link add {ours} type veth peer name {theirs} netns {made.name}",
        f"ip address add 10.213.0.1/24 dev {ours}",
        f"ip link set {ours} up",
        f"{inside} address add {made.address}/24 dev {theirs}",
        f"{inside} link set {theirs} up",
    )
    try:
        if all(_runs(command.split()) for command in commands):
            await_way_to(made.address)
            yield made
        else:
            yield None
    finally:
        _runs(["ip", "link", "delete", ours])
        _runs(["ip", "netns", "delete", made.name])


def await_way_to(address: str) -> None:
    """Until a port where nobody listens refuses: an interface that has just been set up drops packets for a while."""
    deadline_s = time.monotonic() + 60
    while time.monotonic() < deadline_s:
        try:
            socket.create_connection((address, _NOBODYS_PORT), timeout=1).close()
        except ConnectionRefusedError:
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"no packet comes back from {address}")


def _runs(command: Sequence[str]) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    return False


def busy_with_others() -> str | None:
    """Says so when something waited for a core in the last ten seconds; None where not, or where no kernel tells."""
    try:
        line = Path("/proc/pressure/cpu").read_text(encoding="utf-8").splitlines()[0]
    except OSError:
        return None
    percent = float(line.split("avg10=")[1].split()[0])
    return (
        f"this machine is busy with other work (CPU pressure {percent:.0f} %)"
        if percent > _QUIET_PERCENT
        else None
    )


MakeScene = Callable[[Setting | None], AbstractContextManager[Scene]]
