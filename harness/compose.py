"""Puts the parts together: which driver, cores, engine and generator a command works with."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from harness.affinity import pinned
from harness.asked import Asked
from harness.awake import Wakers, is_worth_it, kept_awake, why_not
from harness.bench_setup import BenchOptions, KeepAwake, Resumption, Tools
from harness.building import Prepared, prepare
from harness.calibrate import run_calibration
from harness.catalogue import ROOT
from harness.drivers.base import Artifact, Availability, Driver
from harness.drivers.content import content_hash, matching_files
from harness.drivers.docker import DockerDriver
from harness.drivers.existing import ExistingDriver
from harness.drivers.process import ProcessDriver
from harness.drivers.readiness import port_in_use
from harness.engine import EngineChoice, choose_engine
from harness.errors import InfrastructureError, UsageError
from harness.gate.session import GateOptions, run_gate
from harness.kit.kit import Kit
from harness.load.supervise import LoadGenerator
from harness.model import JsonObject, Scenario, TargetSpec
from harness.plan import PlanOptions
from harness.probes import machine
from harness.probes.host import Given, collect, to_json
from harness.probes.placement import Placement, Profile, place
from harness.probes.topology import read_topology
from harness.progress import Progress
from harness.session import Outcome, run_bench
from harness.store import RunFolder, new_run_id
from harness.units import counted
from harness.verify import Report, verify_running, verify_target
from harness.workspace import remove_orphaned, workspace

BUILDS = ROOT / ".build"
_LOCKS = ("requirements.lock",)
_WEB_HOST = "127.0.0.1"

_MEASURING = (
    "harness/**/*.py",
    "!harness/cli/**/*",
    "!harness/report/**/*",
    "contract/**/*",
    "worker/**/*.rs",
    "worker/Cargo.*",
)
"""What of the project takes part in a measurement, targets and scenarios apart."""


@dataclass(frozen=True)
class BenchRequest:
    """`harness bench` as it was typed, names looked up."""

    scenarios: Sequence[Scenario]
    targets: Sequence[TargetSpec]
    asked: Asked
    results: Path
    argv: Sequence[str]
    resumption: Resumption | None = None

    @property
    def locustfile(self) -> Path | None:
        return Path(self.asked.locustfile) if self.asked.locustfile else None


def make_drivers() -> dict[str, Driver]:
    """Every driver by name, the preferred one first."""
    return {"docker": DockerDriver(BUILDS / "images"), "process": ProcessDriver(BUILDS)}


def choose_driver(wanted: str) -> tuple[str, Driver, str | None]:
    """(name, driver, note). `auto` takes Docker where an engine answers. Raises InfrastructureError."""
    drivers = make_drivers()
    if wanted != "auto":
        found = drivers[wanted].available()
        if not found.ok:
            raise InfrastructureError(f"driver {wanted} cannot be used: {found.reason}")
        return wanted, drivers[wanted], None
    docker = drivers["docker"].available()
    if docker.ok:
        return "docker", drivers["docker"], None
    process = drivers["process"].available()
    if not process.ok:
        raise InfrastructureError(f"no driver can be used: {docker.reason}; {process.reason}")
    return (
        "process",
        drivers["process"],
        f"services run as processes, not in containers: {docker.reason}",
    )


def run_request(request: BenchRequest, progress: Progress) -> Outcome:
    """A whole `harness bench`. Raises HarnessError for what prevents all of it."""
    asked = request.asked
    if asked.web_port is not None and port_in_use(_WEB_HOST, asked.web_port):
        raise UsageError(f"--web {asked.web_port}: that port is in use; give another")
    _remove_leftovers(progress)
    placement = read_placement(asked.profile)
    targets = request.targets
    if asked.url is None:
        chosen = choose_driver(asked.driver)
    else:
        existing = ExistingDriver(asked.url)
        _refuse_contract_scenarios(request)
        chosen, targets = ("existing", existing, None), [existing.target()]
    tools = _tools(chosen, placement, asked.engine, progress, request.locustfile, asked.web_port)
    tools = replace(tools, own_service=asked.url is not None)
    return run_bench(
        BenchOptions(
            scenarios=request.scenarios,
            targets=targets,
            targets_named=bool(asked.targets),
            plan=PlanOptions(
                rounds=asked.rounds,
                seed=asked.seed,
                budget_s=asked.budget_s,
                quick=asked.quick,
                full=asked.full,
                until_tight=asked.until_tight,
                searches=asked.locustfile is None,
            ),
            results=request.results,
            workspace=BUILDS,
            asked=asked,
            argv=request.argv,
            resumption=request.resumption,
        ),
        tools,
        progress,
    )


def run_gate_request(
    options: GateOptions, driver_name: str, profile: Profile, progress: Progress
) -> tuple[RunFolder, JsonObject]:
    """A whole `harness gate`. Raises HarnessError for what prevents all of it."""
    _remove_leftovers(progress)
    placement = read_placement(profile)
    tools = _tools(choose_driver(driver_name), placement, "auto", progress)
    return run_gate(options, replace(tools, calibrate=None), progress)


def _tools(
    chosen: tuple[str, Driver, str | None],
    placement: Placement,
    engine_name: str,
    progress: Progress,
    locustfile: Path | None = None,
    web_port: int | None = None,
) -> Tools:
    """What a session works with, on a driver of `choose_driver`. Raises HarnessError."""
    name, driver, note = chosen
    if note:
        progress.warn(note)
    engine = _engine(engine_name, locustfile, progress)
    placement = _awake(placement, engine, in_containers=name == "docker")
    return Tools(
        driver=driver,
        driver_name=name,
        driver_note=note,
        placement=placement,
        engine=engine.name,
        engine_note=engine.note,
        workers=engine.workers(placement),
        own_service=False,
        locustfile=locustfile is not None,
        generator=lambda log_folder: _generator(engine.start(placement, log_folder, web_port), progress),
        calibrate=None if locustfile else _calibrate(engine, placement),
        keep_awake=_keep_awake(engine, placement),
        manifest=_manifest(driver.available(), placement),
        harness_hash=_harness_hash(),
        boot_id=_boot_id(),
    )


@contextmanager
def _generator(generator: LoadGenerator, progress: Progress) -> Iterator[LoadGenerator]:
    """The generator, running; where its own page is, each time it is started anew."""
    with generator:
        if generator.web_url:
            progress.line(f"Locust's own page: {generator.web_url}")
        yield generator


def _engine(wanted: str, locustfile: Path | None, progress: Progress) -> EngineChoice:
    BUILDS.mkdir(exist_ok=True)
    engine = choose_engine(wanted, BUILDS, locustfile, progress)
    if engine.note:
        progress.warn(engine.note)
    return engine


def _awake(placement: Placement, engine: EngineChoice, *, in_containers: bool) -> Placement:
    """With the cores that are to be kept awake, or a note of why they are not."""
    if not is_worth_it():
        return placement
    if reason := why_not(engine.keep_awake, in_containers=in_containers):
        return replace(placement, notes=(*placement.notes, f"idle cores halt: {reason}"))
    return replace(placement, awake_cpus=placement.cpus)


def _keep_awake(engine: EngineChoice, placement: Placement) -> KeepAwake:
    def keep(run_id: str, log_folder: Path) -> AbstractContextManager[Wakers]:
        return kept_awake(placement.awake_cpus, engine.keep_awake, run_id, log_folder / "keep-awake.log")

    return keep


def _refuse_contract_scenarios(request: BenchRequest) -> None:
    """A service of the user's own has no keys of ours, so the requests must be the user's too."""
    ours = [s.name for s in request.scenarios if s.request is None]
    if ours and request.locustfile is None:
        raise UsageError(
            f"--url needs requests of your own: scenario {ours[0]} has no `request:`. "
            "docs/own-service.md shows a scenario that has; or give --locustfile FILE"
        )


def remove_leftovers() -> list[str]:
    """Ends and removes what commands left whose harness was killed; says what that was."""
    usable = (driver for driver in make_drivers().values() if driver.available().ok)
    removed = [text for driver in usable for text in driver.cleanup(None)]
    return removed + remove_orphaned(BUILDS)


def _remove_leftovers(progress: Progress) -> None:
    for removed in remove_leftovers():
        progress.line(f"removed what an earlier run left: {removed}")


def read_placement(profile: Profile) -> Placement:
    """The cores of this machine, divided. Raises InfrastructureError off Linux, and UsageError as `place` does."""
    if sys.platform != "linux":
        raise InfrastructureError(
            f"measuring needs Linux (x86-64 or arm64), and this is {sys.platform}: use a Linux host or virtual machine"
        )
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return place(
        read_topology(), profile, memory_bytes=memory_bytes, may_raise_priority=_may_raise_priority()
    )


def _may_raise_priority() -> bool:
    """Tried for real on a child of ours: root in a container may lack the right."""
    child = os.fork()
    if child == 0:
        try:
            os.nice(-1)
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _harness_hash() -> str:
    return content_hash(ROOT, matching_files(ROOT, _MEASURING))


def _boot_id() -> str | None:
    try:
        return machine.boot_id(Path("/"))
    except OSError:
        return None


def _calibrate(
    engine: EngineChoice, placement: Placement
) -> Callable[[LoadGenerator, Path, bool], JsonObject]:
    def calibrate(generator: LoadGenerator, folder: Path, quick: bool) -> JsonObject:
        return run_calibration(generator, placement, engine.null_server.resolve(), folder, quick=quick)

    return calibrate


def calibrate_engine(wanted: str, profile: Profile, progress: Progress, *, quick: bool = False) -> JsonObject:
    """A calibration by itself, with a generator placed as a bench would place it. Raises HarnessError."""
    engine = _engine(wanted, None, progress)
    placement = _awake(read_placement(profile), engine, in_containers=False)
    progress.live("calibrating the load generator")
    with (
        pinned(placement.harness_cpus),
        workspace(BUILDS, "calibration") as folder,
        _keep_awake(engine, placement)("calibration", folder),
        engine.start(placement, folder / "load", None) as generator,
    ):
        found = _calibrate(engine, placement)(generator, folder / "bouts", quick)
    return found | {"engine": engine.name, "sharing": placement.sharing}


def _manifest(found: Availability, placement: Placement) -> Callable[[Mapping[str, Artifact]], JsonObject]:
    def make(artifacts: Mapping[str, Artifact]) -> JsonObject:
        toolchains = {f"{t}/{u.command}": u.version for t, a in artifacts.items() for u in a.toolchains}
        digests = {t: a.image_digest for t, a in artifacts.items() if a.image_digest}
        given = Given(
            container_engine=found.engine,
            network_mode=found.network_mode if found.engine else None,
            image_digests=digests,
            toolchains=toolchains,
            lock_files=tuple(ROOT / name for name in _LOCKS),
            repository=ROOT,
            cpus=placement.cpus,
        )
        return to_json(collect(given))

    return make


# --- verify --------------------------------------------------------------------------------------------------


def verify_targets(
    targets: Sequence[TargetSpec], driver_name: str, case_files: list[Path], progress: Progress
) -> tuple[list[Report], Prepared]:
    """Reports of the targets that can be built here, and what came of building them all.

    A target that does not start has a report that says so, and the others are still checked.
    """
    kit = Kit.make(case_files or None)
    _, driver, note = choose_driver(driver_name)
    if note:
        progress.warn(note)
    built = prepare(targets, driver, progress)
    run_id = new_run_id()
    reports = []
    with workspace(BUILDS, "verify") as folder:
        kit.write(folder)
        for artifact in built.artifacts.values():
            target = artifact.target.id

            def on_group(group: str, checked: int, found: Sequence[object], target: str = target) -> None:
                progress.line(f"{target}: {group}: {counted(checked, 'case')}, {len(found)} differ")

            progress.live(f"{target}: conformance")
            reports.append(verify_target(driver, artifact, kit, folder, run_id, on_group))
    return reports, built


def verify_url(url: str, kit_folder: Path | None, case_files: list[Path], progress: Progress) -> Report:
    """A service that runs already; its keys and table must be those of the kit."""
    if kit_folder is None and not case_files:
        raise UsageError(
            "verify --url needs --kit DIR (made by `harness kit --out DIR --signing-keys`, the service started "
            "with its jwks.json and routes.json) or --cases FILE with tokens of your own"
        )
    kit = Kit.read(kit_folder, case_files or None) if kit_folder else Kit.make(case_files)
    progress.live(f"conformance of {url}")
    return verify_running(url, kit)
