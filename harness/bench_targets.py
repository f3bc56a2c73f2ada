"""`make bench-targets`: how near each target comes to a service that does nothing but check signatures.

Requests per CPU-second of the target at ES256 on one core, closed load, divided by what `openssl speed`
verifies a second on that core just before and after. Windows of all targets are interleaved, so that the
machine's drift falls on all alike. The generator is native and on a core of its own.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from harness import figures
from harness.building import prepare
from harness.catalogue import ROOT, all_targets, find_scenario, find_target, merge
from harness.cli.ending import finish, guarded
from harness.cli.options import RESULTS
from harness.compose import BUILDS, read_placement
from harness.drivers.base import RunningTarget
from harness.drivers.process import ProcessDriver
from harness.engine import choose_engine
from harness.errors import ExitCode, InfrastructureError
from harness.kit.kit import Kit
from harness.load.plan import LoadPlan
from harness.load.supervise import LoadGenerator
from harness.model import Scenario, TargetSpec
from harness.probes.placement import Placement
from harness.probes.tree import ProcessTree
from harness.progress import Progress
from harness.service import Placing, launch_settings
from harness.stats.checks import TARGET_CPU_LIMIT_RATIO
from harness.stats.quantile import median
from harness.store import new_run_id
from harness.traffic import contract_pool, prime
from harness.units import NS_PER_S, counted, percent
from harness.workspace import workspace

_COMMAND = "bench-targets"
_CONNECTIONS = 64
_OPENSSL_S = 2


@dataclass
class Contender:
    """A running target with its requests, and the ratio of each window."""

    running: RunningTarget
    pool: Path
    tree: ProcessTree
    ratios: list[float] = field(default_factory=list)
    requests_per_cpu_s: list[float] = field(default_factory=list)
    busy_ratios: list[float] = field(default_factory=list)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--target", action="append", default=[], help="only these (name or name+variant)")
    parser.add_argument("--windows", type=int, default=5, help="windows of each target (5)")
    parser.add_argument("--window-s", type=float, default=5.0, help="length of a window (5)")
    parser.add_argument(
        "--warmup-s",
        type=float,
        default=15.0,
        help="warm-up of each target (15); longer where its target.yaml has a longer `warmup_hint_s`",
    )
    arguments = parser.parse_args()
    if shutil.which("openssl") is None:
        raise InfrastructureError("openssl is needed: apt-get install openssl")
    from rich.console import Console

    names = [n for entry in arguments.target for n in entry.split(",")]
    targets = [find_target(n) for n in names] or [
        merge(t, None, ROOT / "targets" / t.name) for t in all_targets()
    ]
    with Progress(Console(stderr=True)) as progress:
        contenders = measure(targets, arguments.windows, arguments.window_s, arguments.warmup_s, progress)
    show(contenders)
    if names and (missing := [t.id for t in targets if t.id not in contenders]):
        reasons = tuple(f"{name} was asked for but could not be built" for name in missing)
        finish(_COMMAND, RESULTS, ExitCode.TOO_FEW_TRIALS, reasons)
    return 0


def measure(
    targets: Sequence[TargetSpec], windows: int, window_s: float, warmup_s: float, progress: Progress
) -> dict[str, Contender]:
    """Starts all targets that can be built here on one core, warms each, then goes round them.

    Raises HarnessError, also when there is none.
    """
    placement = read_placement("auto")
    driver = ProcessDriver(BUILDS)
    built = prepare(targets, driver, progress)
    if not built.artifacts:
        raise built.nothing()
    engine = choose_engine("native", BUILDS, None, progress)
    kit = Kit.make()
    scenario = find_scenario("routing-4kb")
    contenders: dict[str, Contender] = {}
    with ExitStack() as stack:
        folder = stack.enter_context(workspace(BUILDS, _COMMAND))
        kit.write_service_files(folder)
        run_id = new_run_id()
        for name, artifact in built.artifacts.items():
            settings = launch_settings(
                "es256",
                {},
                folder,
                Placing(placement.target_cpus[:1]),
                run_id=run_id,
                case=f"{_COMMAND}/{name}",
                log_path=folder / f"{name}.log",
            )
            running = stack.enter_context(driver.start(artifact, settings))
            assert running.pid is not None
            pool = _pool(running, kit, scenario, folder / f"{name}.pool")
            contenders[name] = Contender(running, pool, ProcessTree(running.pid))
            progress.line(f"{name} runs")
        generator = stack.enter_context(engine.start(placement, folder / "load", None))
        for name, contender in contenders.items():
            progress.line(f"{name}: warming up")
            hint_s = contender.running.target.warmup_hint_s
            _window(generator, contender, placement, max(warmup_s, hint_s), folder)
        for number in range(1, windows + 1):
            for name, contender in contenders.items():
                before = openssl_verifies_per_s(placement.target_cpus[0])
                requests_per_cpu_s, busy = _window(generator, contender, placement, window_s, folder)
                after = openssl_verifies_per_s(placement.target_cpus[0])
                contender.requests_per_cpu_s.append(requests_per_cpu_s)
                contender.busy_ratios.append(busy)
                contender.ratios.append(requests_per_cpu_s / ((before + after) / 2))
                progress.line(
                    f"window {number} of {windows}: {name} {contender.ratios[-1]:.3f}, {percent(busy)} of its core"
                )
    return contenders


def _pool(running: RunningTarget, kit: Kit, scenario: Scenario, path: Path) -> Path:
    primed = prime(running.host, running.port, kit, scenario)
    contract_pool(running.host, running.port, kit, scenario, primed.answers, seed=1).write(path)
    return path


def _window(
    generator: LoadGenerator, contender: Contender, placement: Placement, seconds: float, folder: Path
) -> tuple[float, float]:
    """(requests per CPU-second, CPU share of the core) of one closed window; the drain counts as well."""
    running = contender.running
    plan = LoadPlan(
        run=f"{_COMMAND}-{running.target.id}-{time.time_ns()}",
        host=running.host,
        port=running.port,
        requests=str(contender.pool),
        mode="closed",
        connections=_CONNECTIONS,
        duration_s=seconds,
        check_every=0,
        cpus=placement.generator_cpus,
    )
    contender.tree.refresh()
    before_ns = contender.tree.read().cpu_ns
    result = generator.offer(plan, folder / "reports")
    used_ns = contender.tree.read().cpu_ns - before_ns
    counts = figures.counts(list(result.totals.values()))
    if result.problems or counts.failures:
        raise InfrastructureError(f"{running.target.id}: {result.problems or counts.failed}")
    return counts.completed / (used_ns / NS_PER_S), used_ns / (seconds * NS_PER_S)


def openssl_verifies_per_s(cpu: int) -> float:
    """ECDSA P-256 verifications a second of OpenSSL on one core."""
    done = subprocess.run(
        ["taskset", "-c", str(cpu), "openssl", "speed", "-seconds", str(_OPENSSL_S), "ecdsap256"],
        capture_output=True,
        text=True,
        check=True,
    )
    match = re.search(r"^\s*256 bits ecdsa.*\s(\d+(?:\.\d+)?)\s*$", done.stdout, re.MULTILINE)
    if match is None:
        raise InfrastructureError(f"openssl speed printed something else than expected:\n{done.stdout}")
    return float(match[1])


def show(contenders: dict[str, Contender]) -> None:
    """The medians with their ranges, on standard output, and which of them the generator had a part in."""
    print(f"{'target':<28}{'ratio':>7}{'lowest':>8}{'highest':>9}{'requests/CPU-s':>16}{'core used':>11}")
    for name, c in contenders.items():
        print(
            f"{name:<28}{median(c.ratios):>7.3f}{min(c.ratios):>8.3f}{max(c.ratios):>9.3f}"
            f"{median(c.requests_per_cpu_s):>16,.0f}{median(c.busy_ratios):>11.0%}"
        )
    print("ratio = requests per CPU-second ÷ P-256 verifications a second of OpenSSL on the same core")
    for name, c in contenders.items():
        if idle := sum(busy < TARGET_CPU_LIMIT_RATIO for busy in c.busy_ratios):
            print(
                f"generator-bound: {name} used less than {percent(TARGET_CPU_LIMIT_RATIO)} of its core in "
                f"{idle} of {counted(len(c.busy_ratios), 'window')}; its ratio is not that of a core it keeps busy"
            )


if __name__ == "__main__":
    sys.exit(guarded(lambda _: main(), _COMMAND))
