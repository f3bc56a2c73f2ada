"""Images of targets, tagged by the hash of what goes into them: unchanged sources are not built again."""

from __future__ import annotations

import time
from pathlib import Path

from harness.drivers.base import Artifact, OnLine
from harness.drivers.build import TAIL_LINES, tail
from harness.drivers.content import content_hash
from harness.drivers.docker_engine import Engine, EngineRefused, context_files
from harness.drivers.docker_terms import ImageBuild
from harness.drivers.placeholders import check_at_start
from harness.errors import BuildError, UsageError
from harness.model import DockerSpec, TargetSpec

SCHEMA = 1
CONTENT_LABEL = "bench.content"


def prepare_image(engine: Engine, target: TargetSpec, logs_folder: Path, on_line: OnLine) -> Artifact:
    """Builds the target's image or takes the one with the same content, or pulls the one the manifest names.

    Raises BuildError with the log's end, UsageError for a manifest without `docker`, InfrastructureError.
    """
    spec = target.docker
    if spec is None or (spec.dockerfile is None) == (spec.image is None):
        raise UsageError(f"target {target.id} needs a `docker` section with either `dockerfile` or `image`")
    check_at_start(spec.run, {}, f"target {target.id}, docker.run")
    if spec.image is not None:
        return _ready_made(engine, target, spec.image, on_line)
    return _built(engine, target, spec, logs_folder, on_line)


def _ready_made(engine: Engine, target: TargetSpec, image: str, on_line: OnLine) -> Artifact:
    if engine.image_id(image) is None:
        try:
            engine.pull(image, on_line)
        except EngineRefused as error:
            raise BuildError(f"{target.id}: {error}") from None
    digest = engine.image_digest(image)
    return Artifact(target=target, content_hash=digest, image=image, image_digest=digest, is_ready_made=True)


def _built(
    engine: Engine, target: TargetSpec, spec: DockerSpec, logs_folder: Path, on_line: OnLine
) -> Artifact:
    assert spec.dockerfile is not None
    context = (target.folder / spec.context).resolve()
    if not (context / spec.dockerfile).is_file():
        raise BuildError(f"{target.id}: there is no {context / spec.dockerfile}")
    arguments = dict(spec.build_args)
    files = context_files(context, spec.dockerfile)
    digest = content_hash(context, files, SCHEMA, spec.dockerfile, arguments)
    tag = f"bench-{target.id.replace('+', '-')}:{digest}"
    label = f"{target.name}-{digest}"
    log = logs_folder / f"{tag.replace(':', '-')}.log"
    build_s = None
    if engine.image_id(tag) is None:
        if (same := engine.labelled_image(f"{CONTENT_LABEL}={label}")) is not None:
            engine.tag(same, tag)
        else:
            began = time.monotonic()
            order = ImageBuild(context, spec.dockerfile, arguments, tag, {CONTENT_LABEL: label})
            _build(engine, target, order, log, on_line)
            build_s = time.monotonic() - began
    return Artifact(
        target=target,
        content_hash=digest,
        image=tag,
        image_digest=engine.image_digest(tag),
        build_s=build_s,
        build_log=log if log.exists() else None,
    )


def _build(engine: Engine, target: TargetSpec, order: ImageBuild, log: Path, on_line: OnLine) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as writer:

        def record(line: str) -> None:
            writer.write(f"{line}\n")
            on_line(line)

        try:
            engine.build(order, record)
        except (BuildError, EngineRefused) as error:
            writer.flush()
            what = f"{target.id}: the image did not build: {error}"
            raise BuildError(f"{what}. The end of {log}:\n{tail(log, TAIL_LINES)}") from None
