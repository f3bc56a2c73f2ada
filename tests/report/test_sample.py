"""The sample report: made from a run with one command, and silent about the machine."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.report.sample import BEGINS, ENDS, make_sample
from harness.store import RunFolder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "README.md").write_text(f"# Title\n\n{BEGINS}\nold\n{ENDS}\n\nAfter.\n", encoding="utf-8")
    return tmp_path


def note(run: RunFolder, text: str) -> None:
    document = run.read_run()
    document.pop("schema")
    run.write_run({**document, "notes": [text]})


def test_the_sample_is_whole_and_names_no_path(own_copy: RunFolder, project: Path) -> None:
    note(own_copy, f"a log lies in {own_copy.path}/load, and another in {Path.home()}")
    before = {p: p.read_bytes() for p in own_copy.path.rglob("*") if p.is_file()}
    make_sample(own_copy, project / "docs" / "sample", project / "README.md")
    assert {p: p.read_bytes() for p in own_copy.path.rglob("*") if p.is_file()} == before, "results stay"
    sample = project / "docs" / "sample"
    html = (sample / "report.html").read_text(encoding="utf-8")
    assert "log lies in ./load, and another in ~" in html
    for path in (p for p in sample.rglob("*") if p.suffix in (".html", ".json", ".md", ".csv")):
        assert str(own_copy.path) not in path.read_text(encoding="utf-8")
    links = re.findall(r'href="((?!#|data:)[^"]+)"', html)
    assert links and not [link for link in links if not (sample / link).exists()]
    assert json.loads((sample / "run.json").read_text())["schema"] == 1


def test_the_readme_gets_the_table_and_two_pictures(own_copy: RunFolder, project: Path) -> None:
    readme = project / "README.md"
    for _ in range(2):  # again: the same
        make_sample(own_copy, project / "docs" / "sample", readme)
        text = readme.read_text(encoding="utf-8")
        assert text.startswith("# Title\n") and text.endswith("After.\n")
        assert "old" not in text and text.count("| go |") >= 3
        pictures = re.findall(r"!\[.+\]\((.+)\)", text)
        assert len(pictures) == 2 and all((project / p).is_file() for p in pictures)


def test_what_would_name_the_machine_is_refused(own_copy: RunFolder, project: Path) -> None:
    note(own_copy, "see /home/somebody/secret")
    with pytest.raises(UsageError, match="/home/somebody"):
        make_sample(own_copy, project / "docs" / "sample", project / "README.md")
    assert not (project / "docs").exists()


def test_a_readme_without_a_place_for_it_is_refused(own_copy: RunFolder, project: Path) -> None:
    readme = project / "README.md"
    readme.write_text("# Title\n", encoding="utf-8")
    with pytest.raises(UsageError, match="sample begins"):
        make_sample(own_copy, project / "docs" / "sample", readme)
