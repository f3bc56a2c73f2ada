"""The target that is handicapped: a copy of targets/go with `handicap.go` in it. What is slowed is the real thing."""

from __future__ import annotations

import shutil
from pathlib import Path

from harness.catalogue import find_target
from harness.drivers.content import matching_files
from harness.errors import InfrastructureError
from harness.gate.sources import Source
from harness.model import TargetSpec
from harness.selftest.handicaps import Burdened

TARGET = "go"
_SOURCE = Path(__file__).with_name("handicap.go")
_HANDLER, _SLOWED = "app.routes(),", "handicapped(app.routes()),"


def write_target(folder: Path) -> TargetSpec:
    """The target in a fresh copy in `folder`. Raises InfrastructureError where its main.go is not as expected."""
    own = find_target(TARGET)
    assert own.process is not None
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in matching_files(own.folder, own.process.sources):
        if not path.name.endswith("_test.go"):
            shutil.copyfile(path, folder / path.name)
    main = folder / "main.go"
    text = main.read_text(encoding="utf-8")
    if text.count(_HANDLER) != 1:
        raise InfrastructureError(f"{own.folder / main.name} does not name its handler once, as `{_HANDLER}`")
    main.write_text(text.replace(_HANDLER, _SLOWED), encoding="utf-8")
    shutil.copyfile(_SOURCE, folder / _SOURCE.name)
    return own.model_copy(update={"folder": folder, "docker": None})


def side(target: TargetSpec, case: Burdened, *, head: bool) -> TargetSpec:
    """One side of a case; both are one build, and both keep accounts, lest these make a difference of their own.

    Only the head's environment asks for handicaps; twins have neither.
    """
    accounts = {"HANDICAP_ACCOUNT": "1"} if case.handicaps else {}
    asked = case.environment if head else {}
    environment = {**target.environment, **accounts, **asked}
    return target.model_copy(update={"variant": case.name, "environment": environment})


def source(target: TargetSpec, name: str) -> Source:
    """What a night calls a side."""
    return Source("directory", name, target.folder, None)
