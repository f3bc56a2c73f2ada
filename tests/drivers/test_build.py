"""Builds happen once per content, leave a log, and fail with its end."""

from __future__ import annotations

import fcntl
import threading
from pathlib import Path

import pytest

from harness.drivers.base import Artifact
from harness.drivers.build import build
from harness.drivers.content import matching_files
from harness.errors import BuildError, ToolchainMissing, UsageError
from harness.model import ProcessSpec, TargetSpec, Toolchain

COUNT = 'import pathlib,sys; out=pathlib.Path(sys.argv[1],"made"); print("compiling"); out.write_text("yes")'


@pytest.fixture
def compiled(target: TargetSpec, tmp_path: Path) -> TargetSpec:
    folder = tmp_path / "target"
    folder.mkdir()
    (folder / "main.src").write_text("one")
    (folder / "notes.txt").write_text("not a source")
    spec = ProcessSpec(
        build=(("{python}", "-c", COUNT, "{build}"),), sources=("**/*.src",), run=("{build}/made",)
    )
    return target.model_copy(update={"folder": folder, "process": spec})


def made(target: TargetSpec, tmp_path: Path, lines: list[str] | None = None) -> Artifact:
    return build(target, tmp_path / "builds", (lines if lines is not None else []).append)


def with_build(target: TargetSpec, *commands: tuple[str, ...]) -> TargetSpec:
    assert target.process is not None
    return target.model_copy(update={"process": target.process.model_copy(update={"build": commands})})


def test_an_unchanged_target_is_built_once(compiled: TargetSpec, tmp_path: Path) -> None:
    lines: list[str] = []
    first = made(compiled, tmp_path, lines)
    (compiled.folder / "notes.txt").write_text("changed")
    again = made(compiled, tmp_path)
    assert first.build_s is not None
    assert again.build_s is None
    assert first.values == again.values
    assert Path(first.values["build"], "made").read_text() == "yes"
    assert lines[-1] == "compiling"
    assert first.build_log is not None
    assert "compiling" in first.build_log.read_text()


def test_without_sources_every_file_counts(compiled: TargetSpec, tmp_path: Path) -> None:
    script = compiled.model_copy(update={"process": ProcessSpec(run=("{python}", "{target}/main.src"))})
    first = made(script, tmp_path)
    (compiled.folder / "main.src").write_text("two")
    assert made(script, tmp_path).content_hash != first.content_hash
    assert first.is_ready_made  # it has no commands to build it
    assert not made(compiled, tmp_path).is_ready_made


def test_a_variant_with_the_same_build_shares_it(compiled: TargetSpec, tmp_path: Path) -> None:
    made(compiled, tmp_path)
    variant = compiled.model_copy(update={"variant": "big-heap", "environment": {"HEAP": "1"}})
    assert made(variant, tmp_path).build_s is None


@pytest.mark.parametrize("change", ["content", "new file", "renamed", "command", "lost output"])
def test_a_change_builds_anew(change: str, compiled: TargetSpec, tmp_path: Path) -> None:
    first = made(compiled, tmp_path)
    match change:
        case "content":
            (compiled.folder / "main.src").write_text("two")
        case "new file":
            (compiled.folder / "more.src").write_text("")
        case "renamed":
            (compiled.folder / "main.src").rename(compiled.folder / "other.src")
        case "command":
            assert compiled.process is not None
            compiled = with_build(compiled, *compiled.process.build, ("true",))
        case "lost output":
            Path(first.values["build"], "made").unlink()
            Path(first.values["build"]).rmdir()
    assert made(compiled, tmp_path).build_s is not None


def test_a_failing_build_shows_its_end_and_is_tried_anew(compiled: TargetSpec, tmp_path: Path) -> None:
    broken = with_build(compiled, ("sh", "-c", "echo main.src:1: no such thing >&2; test -e repaired"))
    how = (
        r"tiny: the build command `sh .*` exited with code 1\. The end of .*:\n.*\nmain.src:1: no such thing"
    )
    with pytest.raises(BuildError, match=how):
        made(broken, tmp_path)
    (compiled.folder / "repaired").touch()
    assert made(broken, tmp_path).build_s is not None


def test_two_harnesses_take_turns(compiled: TargetSpec, tmp_path: Path) -> None:
    digest = made(compiled, tmp_path).content_hash
    lines: list[str] = []
    waiting = threading.Event()

    def on_line(line: str) -> None:
        lines.append(line)
        waiting.set()

    with (tmp_path / "builds/tiny" / f"{digest}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        other = threading.Thread(target=build, args=(compiled, tmp_path / "builds", on_line))
        other.start()
        assert waiting.wait(60)
    other.join(60)
    assert not other.is_alive()
    assert lines == ["another harness is building this; waiting for it"]


def test_bad_manifests_are_explained(compiled: TargetSpec, tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"process.build: unknown placeholder \{biuld\} \(known are \{build\}"
    ):
        made(with_build(compiled, ("cc", "{biuld}")), tmp_path)
    unknown = ProcessSpec(run=("serve", "{prot}"))
    with pytest.raises(UsageError, match=r"process.run: unknown placeholder \{prot\} .*\{port\}"):
        made(compiled.model_copy(update={"process": unknown}), tmp_path)
    with pytest.raises(BuildError, match=r"cannot execute no-such-compiler"):
        made(with_build(compiled, ("no-such-compiler",)), tmp_path)
    with pytest.raises(UsageError, match=r"tiny has no `process` section"):
        made(compiled.model_copy(update={"process": None}), tmp_path)
    tool = Toolchain(command="no-such-compiler", minimum="2", install="install it so")
    with pytest.raises(
        ToolchainMissing, match=r"tiny: no-such-compiler 2 or later is missing.*install it so"
    ):
        made(compiled.model_copy(update={"toolchain": (tool,)}), tmp_path)


def test_sources_leave_out_what_is_excluded_and_what_others_installed(tmp_path: Path) -> None:
    for name in ("a.ts", "src/b.ts", "src/b.test.ts", "node_modules/x/c.ts", "dist/d.ts"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    files = matching_files(tmp_path, ("**/*.ts", "!dist/**/*", "!**/*.test.ts"))
    assert [f.relative_to(tmp_path).as_posix() for f in files] == ["a.ts", "src/b.ts"]
