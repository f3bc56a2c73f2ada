"""Which workers offer the load: native ones where they can be built, else stock Locust workers."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from harness.catalogue import ROOT
from harness.drivers.build import BUILD_RUN_ID, tail
from harness.drivers.cargo import find_cargo
from harness.drivers.docker_programs import programs_from_image
from harness.drivers.owner import Owner, marks
from harness.drivers.supervised import Command, Supervised
from harness.errors import BuildError, InfrastructureError, StartError, UsageError
from harness.load.supervise import LOCUST, Engine, LoadGenerator, native
from harness.probes.placement import Placement
from harness.progress import Progress

_BUILD_DEADLINE_S = 900
_BUILD_LOG_LINES = 15
_WORKER, _NULL_SERVER, _KEEP_AWAKE = "bench-worker", "null-server", "keep-awake"
_PROGRAMS = (_WORKER, _NULL_SERVER, _KEEP_AWAKE)
_BY_CARGO, _BY_IMAGE = Path("worker/release"), Path("worker-image")
"""Where the programs are, apart: what cargo has built must not be taken for what came out of the image."""


@dataclass(frozen=True)
class EngineChoice:
    """An engine, and the note that every output carries when it is not the one that was wanted."""

    engine: Engine
    programs: Path
    """The folder of the native programs, where there are any; the null server calibrates stock workers too."""
    note: str | None = None
    locustfile: Path | None = None

    @property
    def name(self) -> str:
        return self.engine.name

    @property
    def null_server(self) -> Path:
        """Where it is, if it could be built."""
        return self.programs / _NULL_SERVER

    @property
    def keep_awake(self) -> Path:
        """The program of harness/awake.py, if it could be built."""
        return self.programs / _KEEP_AWAKE

    def workers(self, placement: Placement) -> int:
        """Stock workers have one thread each, so one a core; a native one has a thread for each core."""
        return 1 if self.engine.name == "native" else max(1, len(placement.generator_cpus))

    def start(self, placement: Placement, log_folder: Path, web_port: int | None) -> LoadGenerator:
        """A generator, to be entered as a context."""
        count = self.workers(placement)
        cpus = placement.generator_cpus
        worker_cpus = [cpus] if self.engine.name == "native" else [(cpu,) for cpu in cpus]
        return LoadGenerator(
            self.engine,
            log_folder,
            workers=count,
            worker_cpus=worker_cpus,
            worker_nice=placement.generator_nice or 0,
            master_cpus=placement.harness_cpus,
            master_nice=placement.harness_nice or 0,
            locustfile=self.locustfile,
            web_port=web_port,
        )


def choose_engine(wanted: str, builds: Path, locustfile: Path | None, progress: Progress) -> EngineChoice:
    """`auto` takes native workers if they can be built here. Raises UsageError, InfrastructureError."""
    if locustfile is not None:
        if wanted == "native":
            raise UsageError("--locustfile needs the locust engine: a Locust file is Python")
        if not locustfile.is_file():
            raise UsageError(f"--locustfile {locustfile}: no such file")
        return EngineChoice(LOCUST, builds / _BY_CARGO, locustfile=locustfile.resolve())
    if wanted == "locust":
        return EngineChoice(LOCUST, builds / _BY_CARGO)
    built = build_native(builds, progress)
    if isinstance(built, Path):
        return EngineChoice(native(built / _WORKER), built)
    if wanted == "native":
        raise InfrastructureError(f"the native worker cannot be used: {built}")
    return EngineChoice(
        LOCUST,
        builds / _BY_CARGO,
        f"load comes from stock Locust workers ({built}): they round nothing here, but a fast target is "
        "limited by them, so such rows are not ranked",
    )


def build_native(builds: Path, progress: Progress) -> Path | str:
    """The folder of the native programs, built if their sources changed; or why they cannot be had.

    By cargo; where there is none, in the image that worker/Dockerfile makes.
    """
    cargo = find_cargo()
    return _by_image(builds, progress) if cargo is None else _by_cargo(cargo, builds, progress)


def _by_image(builds: Path, progress: Progress) -> Path | str:
    folder = builds / _BY_IMAGE
    doing = "building the native load worker in its image"
    progress.live(doing)
    try:
        programs_from_image(
            ROOT / "worker",
            "bench-worker",
            [f"/usr/local/bin/{name}" for name in _PROGRAMS],
            folder,
            lambda line: progress.live(f"{doing}: {line.strip()[:80]}"),
        )
    except (InfrastructureError, BuildError) as error:
        return (
            "no cargo to build the native worker with (see rust-lang.org/tools/install), and none could be had "
            f"from its image: {error}"
        )
    return folder.resolve()


def _by_cargo(cargo: str, builds: Path, progress: Progress) -> Path | str:
    manifest = ROOT / "worker" / "Cargo.toml"
    folder = builds / _BY_CARGO
    if not (folder / _WORKER).is_file():
        progress.line("building the native load worker (about a minute, once)")
    progress.live("building the native load worker")
    log = builds / "worker.log"
    log.unlink(missing_ok=True)
    marked = marks(BUILD_RUN_ID, Owner.current())
    argv = (cargo, "build", "--release", "--locked", "--quiet", "--manifest-path", str(manifest))
    environment = {**os.environ, "CARGO_TARGET_DIR": str((builds / "worker").resolve()), **marked}
    try:
        with Supervised(Command(argv, ROOT, environment, log), marked) as process:
            result = process.wait(_BUILD_DEADLINE_S)
    except StartError as error:
        return str(error)
    if result is None:
        return f"cargo did not build it within {_BUILD_DEADLINE_S} s"
    if result.exit_code != 0:
        return f"it does not build:\n{tail(log, _BUILD_LOG_LINES)}"
    return folder.resolve()
