"""Programs out of an image, against a real engine: built once, copied, run here; refusals told in a line."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.errors import DockerException

from harness.drivers.docker import DockerDriver
from harness.drivers.docker_programs import programs_from_image
from harness.errors import BuildError

pytestmark = pytest.mark.docker

NAME = "bench-programs-test"
SCRIPT = '#!/bin/sh\n[ "$1" = --version ] && echo 1 && exit {code}\necho {word}\n'


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Path]:
    """An image with one script in it; the images made of it are removed."""
    if not (availability := DockerDriver(tmp_path / "images").available()).ok:
        pytest.skip(availability.reason)
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM debian:bookworm-slim\nCOPY hello /opt/hello\n")
    write(folder, "hello")
    yield folder
    with contextlib.suppress(DockerException), contextlib.closing(docker.from_env()) as client:
        for image in client.images.list(name=NAME):
            client.images.remove(str(image.id), force=True)


def write(folder: Path, word: str, code: int = 0) -> None:
    script = folder / "hello"
    script.write_text(SCRIPT.format(word=word, code=code))
    script.chmod(0o755)


def said(folder: Path) -> str:
    return subprocess.run([folder / "hello"], capture_output=True, text=True, check=True).stdout.strip()


def test_a_program_is_copied_out_once_and_again_when_its_sources_change(
    context: Path, tmp_path: Path
) -> None:
    into, lines = tmp_path / "release", list[str]()
    programs_from_image(context, NAME, ["/opt/hello"], into, lines.append)
    assert said(into) == "hello"
    assert lines
    built = (into / "hello").stat().st_mtime_ns
    lines.clear()
    programs_from_image(context, NAME, ["/opt/hello"], into, lines.append)
    assert not lines
    assert (into / "hello").stat().st_mtime_ns == built
    write(context, "changed")
    programs_from_image(context, NAME, ["/opt/hello"], into, lines.append)
    assert said(into) == "changed"


def test_a_program_that_does_not_run_here_is_told(context: Path, tmp_path: Path) -> None:
    write(context, "hello", code=1)
    with pytest.raises(BuildError, match="hello out of the image does not run on this machine"):
        programs_from_image(context, NAME, ["/opt/hello"], tmp_path / "release", lambda _: None)


def test_a_program_that_is_not_in_the_image_is_told_and_no_container_stays(
    context: Path, tmp_path: Path
) -> None:
    with pytest.raises(BuildError, match="copying /opt/absent"):
        programs_from_image(context, NAME, ["/opt/absent"], tmp_path / "release", lambda _: None)
    with contextlib.closing(docker.from_env()) as client:
        assert not client.containers.list(all=True, filters={"name": NAME})
