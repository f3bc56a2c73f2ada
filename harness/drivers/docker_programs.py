"""Programs built in an image and copied out of it: for machines that have an engine but not the toolchain."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import uuid
from collections.abc import Sequence
from pathlib import Path

from harness.drivers.base import OnLine
from harness.drivers.content import content_hash
from harness.drivers.docker_engine import Container, Engine, EngineRefused, context_files
from harness.drivers.docker_launch import OWNER_LABEL, RUN_LABEL
from harness.drivers.docker_terms import ContainerOptions, ImageBuild
from harness.drivers.owner import Owner
from harness.errors import BuildError, HarnessError

SCHEMA = 1
_DOCKERFILE = "Dockerfile"
_RUNS_DEADLINE_S = 10


def programs_from_image(
    context: Path, name: str, programs: Sequence[str], into: Path, on_line: OnLine
) -> None:
    """Puts `programs` (paths in the image of `context`) into a folder, unless those of the same content are there.

    `name` is the image's, its tag the hash of what it is built from. Raises InfrastructureError when no engine
    answers, BuildError when the image does not build or a program does not run on this machine.
    """
    engine = Engine()
    digest = content_hash(context, context_files(context, _DOCKERFILE), SCHEMA, list(programs))
    stamp = into / f".{name}.{digest}"
    if stamp.is_file() and all((into / Path(p).name).is_file() for p in programs):
        return
    tag = f"{name}:{digest}"
    try:
        if engine.image_id(tag) is None:
            engine.build(ImageBuild(context, _DOCKERFILE, {}, tag, {}), on_line)
        container = engine.create(_to_look_into(tag))
        try:
            _copy(container, programs, into)
        finally:
            container.remove()
    except EngineRefused as error:
        raise BuildError(str(error)) from error
    for program in programs:
        _check_runs(into / Path(program).name)
    for old in into.glob(f".{name}.*"):
        old.unlink()
    stamp.touch()


def _to_look_into(tag: str) -> ContainerOptions:
    """A container that is never started; should this process be killed, the next start removes it."""
    return ContainerOptions(
        image=tag,
        name=f"bench-copy-{uuid.uuid4().hex[:12]}",
        command=(),
        environment={},
        labels={RUN_LABEL: "build", OWNER_LABEL: str(Owner.current())},
        folders={},
        written={},
        cpus=None,
        memory_limit_bytes=None,
        nofile=None,
        published=None,
    )


def _copy(container: Container, programs: Sequence[str], into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    for program in programs:
        with tarfile.open(fileobj=io.BytesIO(container.get(program))) as archive:
            content = archive.extractfile(Path(program).name)
            assert content is not None
            aside = into / f".{Path(program).name}.{os.getpid()}.part"
            aside.write_bytes(content.read())
        aside.chmod(0o755)
        aside.replace(into / Path(program).name)


def _check_runs(program: Path) -> None:
    """An image's C library may be newer than this machine's."""
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=False, timeout=_RUNS_DEADLINE_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _not_here(program, str(error)) from error
    if done.returncode:
        raise _not_here(program, done.stderr.strip())


def _not_here(program: Path, why: str) -> HarnessError:
    return BuildError(f"{program.name} out of the image does not run on this machine: {why}")
