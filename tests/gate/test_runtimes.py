"""The newest patch release: which one it is, and what is built with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from harness.catalogue import all_targets, find_target
from harness.gate.runtimes import newest_patch, sides, upgrades
from harness.gate.sources import Source
from harness.model import NewestRuntime, ProcessSpec, TargetSpec

RELEASES = ("echo", "1.2.9 1.2.10 1.3.0 2.2.11")


@pytest.mark.parametrize(
    ("pinned", "releases", "newest"),
    [
        ("1.2.3", ["1.2.9", "1.2.10", "1.3.0", "2.2.11"], "1.2.10"),
        ("1.2.10", ["1.2.9", "1.2.10"], "1.2.10"),
        ("1.2.11", ["1.2.9"], "1.2.11"),
        ("1.2.3", [], "1.2.3"),
    ],
)
def test_the_newest_patch_differs_in_the_last_number_alone(
    pinned: str, releases: list[str], newest: str
) -> None:
    assert newest_patch(pinned, releases) == newest


def target(folder: Path, **runtime: object) -> TargetSpec:
    (folder / "source.txt").write_text("as it is")
    return find_target("go").model_copy(
        update={
            "folder": folder,
            "toolchain": (),
            "process": ProcessSpec(build=(("make", "it"),), run=("it",)),
            "newest_runtime": NewestRuntime.model_validate(runtime),
        }
    )


def test_an_environment_goes_before_each_build_command_of_head_alone(tmp_path: Path) -> None:
    made = target(tmp_path, pinned=["echo", "1.2.3"], releases=RELEASES, environment={"TOOL": "v{version}"})
    (found,) = upgrades([made], tmp_path / "copies").upgrades
    assert (found.pinned, found.newest) == ("1.2.3", "1.2.10")
    assert found.base.process is not None
    assert found.head.process is not None
    assert found.base.process.build == (("make", "it"),)
    assert found.head.process.build == (("env", "TOOL=v1.2.10", "make", "it"),)
    assert found.head.folder == tmp_path


def test_an_update_changes_a_copy_and_not_the_sources(tmp_path: Path) -> None:
    folder = tmp_path / "sources"
    folder.mkdir()
    update = ["sh", "-c", "echo on {version} > source.txt"]
    (found,) = upgrades(
        [target(folder, pinned=["echo", "1.2.3"], releases=RELEASES, update=update)], tmp_path / "copies"
    ).upgrades
    assert (found.head.folder / "source.txt").read_text() == "on 1.2.10\n"
    assert (found.base.folder / "source.txt").read_text() == "as it is"


def test_what_cannot_be_compared_is_said(tmp_path: Path) -> None:
    newest = target(tmp_path, pinned=["echo", "1.2.10"], releases=RELEASES, environment={"A": "b"})
    assert upgrades([newest], tmp_path).left_out == ["go is left out: 1.2.10 is the newest patch release"]
    for runtime, why in (
        ({"missing_because": "there is none"}, "there is none"),
        ({"pinned": ["echo"], "releases": RELEASES, "environment": {"A": "b"}}, "names no version"),
        ({"pinned": ["false"], "releases": RELEASES, "environment": {"A": "b"}}, "`false` failed"),
    ):
        found = upgrades([target(tmp_path, **runtime)], tmp_path)
        assert not found.upgrades
        assert why in found.left_out[0]


def test_a_night_names_both_versions(tmp_path: Path) -> None:
    made = target(tmp_path, pinned=["echo", "1.2.3"], releases=RELEASES, environment={"A": "b"})
    source = Source("directory", ".", tmp_path, "0" * 40)
    base, head = sides(upgrades([made], tmp_path).upgrades, source)
    assert (base.text, head.text) == ("go on 1.2.3", "go on 1.2.10")


@pytest.mark.parametrize(
    "runtime",
    [
        {},
        {"pinned": ["a"], "releases": ["b"]},
        {"pinned": ["a"], "missing_because": "no"} | {"releases": ["b"]},
    ],
)
def test_half_a_runtime_is_refused(runtime: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        NewestRuntime.model_validate(runtime)


def test_every_target_says_how_or_why_not_and_a_variant_with_a_build_of_its_own_says_nothing() -> None:
    assert all(t.newest_runtime for t in all_targets())
    assert find_target("go+go-1.22").newest_runtime is None
    assert find_target("go+gogc-50").newest_runtime is not None
