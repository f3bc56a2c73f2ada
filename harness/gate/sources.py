"""Where base and head come from: a git revision, a directory, or an image; only the targets' own sources do.

Scenario, kit, cases and load are always this harness's own, the same for both sides.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from harness.catalogue import find_target
from harness.errors import UsageError
from harness.model import DockerSpec, JsonObject, TargetSpec

_IMAGE = re.compile(r"^(?:[\w./:-]+@)?sha256:[0-9a-f]{64}$")
_GIT_DEADLINE_S = 60
_WORKING_TREE = "."


@dataclass(frozen=True)
class Source:
    """One side. `root` holds `targets/` (None: an image); `revision` is the full commit, None where there is none."""

    kind: Literal["revision", "directory", "image"]
    name: str
    root: Path | None
    revision: str | None
    clean: bool = True

    @property
    def text(self) -> str:
        """How it is called in tables."""
        if self.revision is None:
            return self.name
        return self.revision[:12] + ("" if self.clean else " with changes")


def resolve(text: str, repository: Path, workspace: Path) -> Source:
    """What `--base` or `--head` names. A revision's targets are unpacked into `workspace/<commit>`.

    Raises UsageError when it is none of the three.
    """
    if _IMAGE.match(text):
        return Source("image", text, None, None)
    folder = Path(text)
    if folder.is_dir():
        return _directory(folder.resolve(), repository)
    commit = _commit(text, repository)
    if commit is None:
        raise UsageError(
            f"{text!r} is no git revision, no directory and no image digest (name@sha256:…). "
            "A shallow clone lacks old revisions: git fetch --unshallow"
        )
    return Source("revision", text, _unpacked(commit, repository, workspace), commit)


def again(side: JsonObject, repository: Path, workspace: Path) -> Source:
    """A side of a night that is gone on with: the revision of then, whatever its name means by now. Raises UsageError.

    `side`: as `document.source_json` wrote it.
    """
    if side["kind"] == "directory" and side["name"] == _WORKING_TREE:
        return working_tree(repository)
    text = side["revision"] if side["kind"] == "revision" else side["name"]
    return replace(resolve(text, repository, workspace), name=side["name"])


def working_tree(repository: Path) -> Source:
    """The checkout as it is now."""
    return _directory(repository.resolve(), repository)


def find_side(source: Source, name: str, own: TargetSpec | None = None) -> TargetSpec:
    """The target of that name in a source; an image is run in the way of `own`. Raises UsageError, ConfigError."""
    if source.root is not None:
        if (source.root / "target.yaml").is_file():
            return find_target(f"{source.root}/", source.root)
        return find_target(name, source.root)
    if own is None or own.docker is None:
        raise UsageError(f"{source.name}: an image needs a target that can run in containers")
    return own.model_copy(
        update={"docker": DockerSpec(image=source.name, run=own.docker.run), "process": None}
    )


def _directory(folder: Path, repository: Path) -> Source:
    if not (folder / "targets").is_dir() and not (folder / "target.yaml").is_file():
        raise UsageError(f"{folder} holds neither `targets/` nor a `target.yaml`")
    if folder != repository.resolve():
        return Source("directory", str(folder), folder, None)
    commit = _commit("HEAD", repository)
    changed = _git(repository, "status", "--porcelain", "--", "targets", "contract", "scenarios")
    return Source("directory", _WORKING_TREE, folder, commit, clean=changed == "")


def _commit(text: str, repository: Path) -> str | None:
    if text.startswith("-"):
        return None
    return _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{text}^{{commit}}")


def _git(repository: Path, *arguments: str) -> str | None:
    """What git prints; None when it fails or is not there."""
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(repository), *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=_GIT_DEADLINE_S,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _unpacked(commit: str, repository: Path, workspace: Path) -> Path:
    """The commit's `targets/`, once; builds are cached by content, so where it lies does not matter."""
    folder = workspace / commit
    if folder.is_dir():
        return folder
    part = workspace / f".{commit}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    archive = ["git", "-C", str(repository), "archive", "--format=tar", commit, "targets"]
    try:
        done = subprocess.run(archive, check=False, capture_output=True, timeout=_GIT_DEADLINE_S)
    except subprocess.TimeoutExpired as error:
        raise UsageError(
            f"git archive {commit[:12]} targets: no end within {_GIT_DEADLINE_S:.0f} s"
        ) from error
    if done.returncode != 0:
        raise UsageError(f"git archive {commit[:12]} targets: {done.stderr.decode(errors='replace').strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        tar.extractall(part, filter="data")
    part.rename(folder)
    return folder
