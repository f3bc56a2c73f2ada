"""Toolchains are found as a manifest describes them: order, versions, companions."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.drivers.toolchain import Found, Missing, find
from harness.model import Toolchain


def command(folder: Path, name: str, prints: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{prints}' >&2\n")
    path.chmod(0o755)
    return path


def java(search: tuple[str, ...], **given: object) -> Toolchain:
    facts: dict[str, object] = {
        "command": "java",
        "search": search,
        "version": ("-version",),
        "pattern": r'version "(\d+(?:\.\d+)*)',
        "minimum": "21",
        "install": "apt-get install a-jdk",
    }
    return Toolchain.model_validate(facts | given)


def test_the_first_recent_enough_is_taken_in_the_order_of_search(tmp_path: Path) -> None:
    old = command(tmp_path / "old", "java", 'version "17.0.2"')
    command(tmp_path / "jvm/a/bin", "java", 'version "1.8.0_392"')
    good = command(tmp_path / "jvm/b/bin", "java", 'version "25.0.1" 2025')
    command(tmp_path / "jvm/c/bin", "java", 'version "26"')
    found = find(java(("PATH", f"{tmp_path}/jvm/*/bin")), tmp_path, {"PATH": str(old.parent)})
    assert found == Found("java", good, "25.0.1", {})


@pytest.mark.parametrize(
    ("version", "minimum", "enough"),
    [
        ("1.26.8", "1.26", True),
        ("1.26", "1.26", True),
        ("1.9", "1.26", False),
        ("21", "21", True),
        ("9", "21", False),
    ],
)
def test_versions_compare_by_numbers(version: str, minimum: str, enough: bool, tmp_path: Path) -> None:
    path = command(tmp_path, "tool", f"v{version}")
    wanted = Toolchain(command="tool", minimum=minimum, install="install it")
    assert isinstance(find(wanted, tmp_path, {"PATH": str(path.parent)}), Found) is enough


def test_what_is_missing_says_what_was_seen_and_how_to_get_it(tmp_path: Path) -> None:
    old = command(tmp_path / "old", "java", 'version "17.0.2"')
    alone = command(tmp_path / "jre", "java", 'version "25"')
    mute = command(tmp_path / "mute", "java", "no idea")
    path = ":".join(str(p.parent) for p in (old, alone, mute))
    missing = find(java(("PATH",), together_with=("javac",)), tmp_path, {"PATH": path})
    assert isinstance(missing, Missing)
    assert str(missing) == (
        f"java 21 or later is missing (found only {old} 17.0.2; {alone} 25 without javac; "
        f"{mute}, which does not tell its version). To get it: apt-get install a-jdk"
    )


def test_variables_and_the_targets_own_folders_are_searched(tmp_path: Path) -> None:
    own = command(tmp_path / "target/tools/bin", "java", 'version "25"')
    wanted = java(("$NOT_SET/bin", "tools/*"))
    assert isinstance(find(wanted, tmp_path, {}), Missing)
    found = find(wanted, tmp_path / "target", {})
    assert isinstance(found, Found)
    assert found.path == own
    home = java(("$JAVA_HOME/bin",), exports={"JAVA_HOME": "{home}"})
    found = find(home, tmp_path, {"JAVA_HOME": str(tmp_path / "target/tools")})
    assert isinstance(found, Found)
    assert found.exports == {"JAVA_HOME": str(tmp_path / "target/tools")}


def test_home_follows_links(tmp_path: Path) -> None:
    real = command(tmp_path / "jdk/bin", "java", 'version "25"')
    link = tmp_path / "bin/java"
    link.parent.mkdir()
    link.symlink_to(real)
    found = find(java(("PATH",), exports={"JAVA_HOME": "{home}"}), tmp_path, {"PATH": str(link.parent)})
    assert isinstance(found, Found)
    assert (found.path, found.exports) == (link, {"JAVA_HOME": str(tmp_path / "jdk")})
