"""Each validity gate provoked for real: trouble is made on purpose in a window, and must be flagged by name.

The service is the null server, the load comes from the native worker, and the checks are those of a trial.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness import figures
from harness.catalogue import ROOT
from harness.load.plan import LoadPlan
from harness.load.pool import PoolBuilder
from harness.load.result import Recording, read_reports
from harness.load.supervise import LoadGenerator, native
from harness.null_server import NullServer
from harness.trials.sampling import Sampler, sampling
from harness.units import NS_PER_S
from harness.validity import WindowFacts, findings

WORKER = ROOT / ".build/worker/release/bench-worker"
NULL_SERVER = WORKER.with_name("null-server")
SECONDS = 3.0
RATE_RPS = 1_000.0
HOGS = 4
CLEAN_ATTEMPTS = 5
QUIET_PERCENT = 3.0

pytestmark = pytest.mark.skipif(
    not WORKER.is_file() or not NULL_SERVER.is_file(), reason="the native worker is not built"
)


@dataclass
class Scene:
    """A server, a generator with one worker, and a sampler beside them."""

    server: NullServer
    server_pid: int
    generator: LoadGenerator
    sampler: Sampler
    folder: Path
    cpus: tuple[int, ...]
    windows: int = field(default=0)

    @property
    def worker_pid(self) -> int:
        return self.generator.pids["load worker 0"]

    def window(self, trouble: Callable[[], None] | None = None, after_s: float = 0.0) -> Seen:
        """Offers a window; `trouble` is made in it, so long after its first report, which comes after a second."""
        self.windows += 1
        plan = LoadPlan(
            run=f"{self.folder.name}-{self.windows}",
            host="127.0.0.1",
            port=self.server.port,
            requests=str(self.folder / "requests.msgpack"),
            mode="open",
            connections=16,
            duration_s=SECONDS,
            steps=((RATE_RPS, SECONDS),),
            timeout_ms=3_000,
            drain_ms=3_000,
            cpus=self.cpus[:1],
        )
        begun, over = threading.Event(), threading.Event()

        def make_trouble() -> None:
            begun.wait()
            if trouble is not None and not over.wait(after_s):
                trouble()

        maker = threading.Thread(target=make_trouble)
        maker.start()
        try:
            folder = self.folder / f"window-{self.windows}"
            result = self.generator.offer(plan, folder, lambda _: begun.set())
        finally:
            over.set()
            begun.set()
            maker.join()
        end_unix_ns = result.start_unix_ns + int(SECONDS * NS_PER_S)
        records = read_reports(result.reports)
        totals = list(result.totals.values())
        facts = WindowFacts(
            plan=plan,
            records=records,
            counts=figures.counts(totals),
            totals=result.totals,
            expected_workers=list(result.workers),
            problems=result.problems,
            answered_by_target=None,
            usage=figures.span(self.sampler.rows(), result.start_unix_ns, end_unix_ns),
            target_cores=1,
            generator_shares_core=True,
            host_network=True,
            headline=figures.ALL_KINDS,
        )
        return Seen(findings(facts), records)


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


@pytest.fixture
def cpu_group(tmp_path: Path) -> Iterator[Path]:
    """A control group for the CPU; the test that needs one is skipped where none can be made."""
    parent = next(
        (p for p in map(Path, ("/sys/fs/cgroup/cpu", "/sys/fs/cgroup")) if (p / "cgroup.procs").exists()),
        None,
    )
    if parent is None:
        pytest.skip("no control groups here")
    group = parent / f"gates-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made: {error}")
    yield group
    deadline_s = time.monotonic() + 5
    while (group / "cgroup.procs").read_text().strip() and time.monotonic() < deadline_s:
        time.sleep(0.02)
    group.rmdir()


@pytest.fixture
def make_scene(tmp_path: Path) -> Iterator[Callable[..., Scene]]:
    """Starts everything on two cores, the server on the last."""
    cpus = tuple(sorted(os.sched_getaffinity(0)))
    if len(cpus) < 2:
        pytest.skip("two cores are needed")
    with ExitStack() as stack:

        def make(cgroup: Path | None = None) -> Scene:
            server = stack.enter_context(
                NullServer(NULL_SERVER, tmp_path, "fixed:1ms", cpus[-1:], spin=False)
            )
            pid = server.pid
            if cgroup is not None:
                (cgroup / "cgroup.procs").write_text(str(pid))
            target: Any = SimpleNamespace(pid=pid, cgroups=(cgroup,) if cgroup else ())
            sampler = stack.enter_context(
                sampling(target, tmp_path / "samples.csv", watched=(), cpus=cpus[:1], nice=5)
            )
            assert sampler is not None
            builder = PoolBuilder("127.0.0.1", server.port)
            builder.add("POST", "/", body=b"x" * 4_096)
            builder.build().write(tmp_path / "requests.msgpack")
            generator = stack.enter_context(
                LoadGenerator(
                    native(WORKER),
                    tmp_path / "load",
                    worker_cpus=[cpus[:1]],
                    worker_nice=-10,
                    master_cpus=cpus[:1],
                )
            )
            return Scene(server, pid, generator, sampler, tmp_path, cpus)

        yield make


def held(pid: int, seconds: float) -> Callable[[], None]:
    def hold() -> None:
        os.kill(pid, signal.SIGSTOP)
        try:
            threading.Event().wait(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)

    return hold


def test_a_generator_that_was_stopped_for_a_moment_is_flagged(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene()
    seen = scene.window(held(scene.worker_pid, 0.2))
    assert {"send delay", "late share"} <= seen.flagged


def test_a_generator_whose_core_is_hogged_is_flagged(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene()
    hogs: list[subprocess.Popen[bytes]] = []
    program = "import os; os.nice(-15)\nwhile True: pass"
    if os.geteuid() != 0:
        program = "while True: pass"

    def hog() -> None:
        for _ in range(HOGS):
            hogs.append(subprocess.Popen([sys.executable, "-c", program]))
            os.sched_setaffinity(hogs[-1].pid, scene.cpus[:1])

    try:
        seen = scene.window(hog)
    finally:
        for process in hogs:
            process.kill()
            process.wait()
    assert seen.flagged & {"send delay", "late share"}


def test_a_server_that_was_stopped_shows_in_the_figures_and_not_as_the_generators_fault(
    make_scene: Callable[..., Scene],
) -> None:
    """What was due meanwhile had to wait: a closed loop would have hidden it, an intended instant does not."""
    scene = make_scene()
    seen = scene.window(held(scene.server_pid, 1.0))
    response = seen.records.histogram("response")
    p99_ns = response.percentile(99)
    assert p99_ns is not None
    assert p99_ns > 0.8 * NS_PER_S
    assert response.count_above(NS_PER_S // 10) > 0.2 * response.count
    worst = figures.spikes(seen.records, figures.ALL_KINDS, "response")["worst_second_p99_ns"]
    assert worst is not None
    assert worst > 0.8 * NS_PER_S
    assert not seen.flagged & {"offered rate", "generator utilisation", "errors", "counts"}


def test_a_throttled_target_is_flagged(cpu_group: Path, make_scene: Callable[..., Scene]) -> None:
    quota, text = cpu_group / "cpu.cfs_quota_us", "2000"
    if (cpu_group / "cpu.max").exists():
        quota, text = cpu_group / "cpu.max", "2000 100000"
    if not quota.exists():
        pytest.skip("the CPU controller is not handed down to new groups here")
    quota.write_text(text)
    assert "throttling" in make_scene(cpu_group).window().flagged


def test_a_worker_killed_in_the_last_second_is_flagged(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene()
    seen = scene.window(lambda: os.kill(scene.worker_pid, signal.SIGKILL), after_s=SECONDS - 1.7)
    assert {"reports", "load"} <= seen.flagged


def test_a_clean_window_is_not_flagged(make_scene: Callable[..., Scene]) -> None:
    """On a machine with other work a window may be spoilt in truth, so one of several has to be clean."""
    scene = make_scene()
    flagged = []
    for _ in range(CLEAN_ATTEMPTS):
        seen = scene.window()
        if not seen.flagged:
            return
        flagged += seen.texts
    if (percent := busy_with_others()) > QUIET_PERCENT:
        pytest.skip(f"this machine is busy with other work (CPU pressure {percent:.0f} %): {flagged[0]}")
    pytest.fail(f"clean windows were flagged: {flagged}")


def busy_with_others() -> float:
    """Share of the last ten seconds in which something waited for a core; 0 where the kernel does not tell."""
    try:
        line = Path("/proc/pressure/cpu").read_text(encoding="utf-8").splitlines()[0]
    except OSError:
        return 0.0
    return float(line.split("avg10=")[1].split()[0])
