"""What --base and --head may name, in a real repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.catalogue import ROOT, find_target
from harness.errors import UsageError
from harness.gate.document import source_json
from harness.gate.sources import again, find_side, resolve, working_tree

TARGET = (ROOT / "targets" / "go" / "target.yaml").read_text(encoding="utf-8")


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits of one target; the label differs."""
    root = tmp_path / "repository"
    folder = root / "targets" / "go"
    folder.mkdir(parents=True)
    git(root, "init", "--quiet", "--initial-branch=main")
    for label in ("first", "second"):
        text = TARGET.replace('label: "Go (net/http + gorilla/mux)"', f'label: "{label}"')
        (folder / "target.yaml").write_text(text, encoding="utf-8")
        git(root, "add", ".")
        git(root, "commit", "--quiet", "-m", label)
    return root


def test_a_revision_is_unpacked_once_and_read_as_it_was(repository: Path, tmp_path: Path) -> None:
    before = resolve("HEAD~1", repository, tmp_path / "sources")
    assert find_side(before, "go").label == "first"
    assert before.revision is not None
    assert resolve(before.revision[:9], repository, tmp_path / "sources").root == before.root
    now = working_tree(repository)
    assert (find_side(now, "go").label, now.clean) == ("second", True)


def test_a_night_gone_on_with_has_the_revision_of_then_under_the_name_of_then(
    repository: Path, tmp_path: Path
) -> None:
    before = resolve("main", repository, tmp_path / "sources")
    git(repository, "commit", "--quiet", "--allow-empty", "-m", "third")
    assert resolve("main", repository, tmp_path / "sources").revision != before.revision
    assert again(source_json(before), repository, tmp_path / "sources") == before
    now = working_tree(repository)
    assert again(source_json(now), repository, tmp_path / "sources") == now


def test_a_changed_checkout_is_not_clean_and_says_so(repository: Path) -> None:
    (repository / "targets" / "go" / "main.go").write_text("package main\n", encoding="utf-8")
    now = working_tree(repository)
    assert not now.clean
    assert now.text.endswith("with changes")


def test_a_directory_may_hold_targets_or_be_one(repository: Path, tmp_path: Path) -> None:
    whole = resolve(str(ROOT), repository, tmp_path)
    one = resolve(str(repository / "targets" / "go"), repository, tmp_path)
    assert find_side(whole, "go").id == find_side(one, "go").id == "go"
    assert whole.revision is None


def test_an_image_is_run_in_the_way_of_the_target(tmp_path: Path) -> None:
    digest = "registry.example/go@sha256:" + "a" * 64
    side = find_side(resolve(digest, ROOT, tmp_path), "go", find_target("go"))
    assert side.docker is not None
    assert (side.docker.image, side.docker.dockerfile, side.process) == (digest, None, None)


@pytest.mark.parametrize("text", ["no-such-revision", "--upload-pack=x", "sha256:short"])
def test_what_is_none_of_them_is_refused(repository: Path, tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="no git revision, no directory"):
        resolve(text, repository, tmp_path)


def test_a_directory_without_targets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="neither"):
        resolve(str(tmp_path), ROOT, tmp_path)
