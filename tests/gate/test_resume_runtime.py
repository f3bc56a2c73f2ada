"""A night of the upgrade question is gone on with while the newest release is that of then."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from gate.made import noise
from report.made import made_tools
from rich.console import Console

from harness.asked import NightAsked
from harness.catalogue import ROOT
from harness.cli.night import begun_night, night_options
from harness.drivers.base import Artifact
from harness.errors import UsageError
from harness.gate.document import Built, run_document
from harness.gate.figures import gated_metrics
from harness.gate.model import Night
from harness.gate.resume import take_up
from harness.gate.session import GateOptions
from harness.journal import Journal
from harness.model import JsonObject
from harness.progress import Progress
from harness.store import RunFolder

QUIET = Progress(Console(quiet=True))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of a target whose runtime has releases of its own."""
    copy = tmp_path / "go"
    shutil.copytree(ROOT / "targets" / "go", copy)
    publish(copy, "1.2.4")
    return copy


def publish(folder: Path, newest: str) -> None:
    path = folder / "target.yaml"
    spec = yaml.safe_load(path.read_text(encoding="utf-8"))
    spec["toolchain"] = []
    spec["newest_runtime"] = {
        "pinned": ["echo", "1.2.3"],
        "releases": ["echo", "1.2.3", newest, "1.3.0"],
        "environment": {"RELEASE": "{version}"},
    }
    path.write_text(yaml.safe_dump(spec), encoding="utf-8")


def document(options: GateOptions) -> JsonObject:
    """run.json of a night under way; an artifact's hash is that of how it is built."""
    night = Night(
        options.base,
        options.head,
        options.seed,
        options.rules,
        gated_metrics(options.file, options.scenario),
        noise(),
    )
    tools = made_tools()
    bases, heads = (
        {t.id: Artifact(t, repr(t.process and t.process.build)) for t in side}
        for side in (options.base_targets, options.head_targets)
    )
    built = Built(
        created_unix_ns=5,
        asked=options.asked,
        command=options.argv,
        tools=tools,
        manifest=tools.manifest({}),
        scenario=options.scenario,
        bases=bases,
        heads=heads,
    )
    return run_document(night, built, "running")


def test_it_goes_on_until_a_newer_release_is_published(folder: Path, tmp_path: Path) -> None:
    asked = NightAsked(
        head=str(folder), head_runtime="latest", targets=("go",), config=str(ROOT / "gate.yaml")
    )
    first = night_options(asked, tmp_path, None, None)
    assert (first.base.name, first.head.name) == ("go on 1.2.3", "go on 1.2.4")
    run = RunFolder(tmp_path / "night")
    run.write_run(document(first))
    Journal.of(run).note("begun", pid=1, boot_id=None)

    then, begun = begun_night(run, {"head_runtime": "latest"})
    again = night_options(then, tmp_path, run, begun)
    take_up(run, run.read_run(), document(again), 9, QUIET)

    publish(folder, "1.2.5")
    newer = night_options(then, tmp_path, run, begun)
    with pytest.raises(UsageError, match=r"go on 1\.2\.4 → go on 1\.2\.5"):
        take_up(run, run.read_run(), document(newer), 9, QUIET)
