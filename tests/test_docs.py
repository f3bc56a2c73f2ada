"""The docs keep up with the code: options, keys and links."""

import re
import subprocess
from pathlib import Path

import pytest

from harness.catalogue import ROOT
from harness.errors import ExitCode
from harness.kit.cases import CaseRequest, CaseSpec
from harness.kit.tokens import TokenRecipe


def project_files() -> list[Path]:
    """What git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    paths = [ROOT / name.decode() for name in listed.split(b"\0") if name]
    return [p for p in paths if p.is_file()]


PAGES = [p for p in project_files() if p.suffix == ".md"]
FORBIDDEN = re.compile(
    "|".join(
        [
            "py" + r"pi\.org",
            "registry" + r"\.npmjs",
            "proxy" + r"\.golang",
            "maven" + r"\.org",
            "deb" + r"\.debian",
        ]
    )
)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text):
        assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


@pytest.mark.parametrize("model", [CaseSpec, CaseRequest, TokenRecipe])
def test_every_key_of_a_case_is_documented(model: type[CaseSpec | CaseRequest | TokenRecipe]) -> None:
    text = (ROOT / "contract" / "README.md").read_text(encoding="utf-8")
    missing = [name for name in model.model_fields if f"`{name}`" not in text]
    assert not missing


def test_every_exit_code_is_documented() -> None:
    text = (ROOT / "docs" / "file-formats.md").read_text(encoding="utf-8")
    assert not [code for code in ExitCode if f"| {int(code)} |" not in text]


def test_every_variable_of_the_contract_is_documented_in_the_service_page() -> None:
    text = (ROOT / "contract" / "SERVICE.md").read_text(encoding="utf-8")
    cases = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "contract" / "cases").glob("*.yaml"))
    used = set(re.findall(r"\b(?:AUTH|BACKEND)_[A-Z_]+\b", cases))
    assert used
    assert not [name for name in used if name not in text]


def test_nothing_names_a_registry() -> None:
    found = [
        str(path.relative_to(ROOT))
        for path in project_files()
        if FORBIDDEN.search(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert not found
