"""The house's rules that a machine can check: imports point down, siblings do not know one another."""

import ast
from pathlib import Path

import pytest

from harness.catalogue import ROOT

HARNESS = ROOT / "harness"
LAYERS: dict[str, int] = {
    "units": 0,
    "errors": 0,
    "affinity": 0,
    "priority": 0,
    "promised": 0,
    "deadline": 1,
    "model": 1,
    "stats": 1,
    "config": 2,
    "gate_file": 2,
    "ledger": 2,
    "catalogue": 3,
    "store": 3,
    "kit": 3,
    "plan": 3,
    "progress": 3,
    "drivers": 4,
    "load": 4,
    "probes": 4,
    "wire": 4,
    "journal": 4,
    "resume": 4,
    "awake": 5,
    "conformance": 5,
    "schemas": 4,
    "asked": 5,
    "service": 5,
    "workspace": 5,
    "figures": 5,
    "live": 5,
    "null_server": 5,
    "tight": 5,
    "bench_setup": 6,
    "validity": 6,
    "traffic": 6,
    "doctor": 6,
    "engine": 6,
    "verify": 6,
    "trials": 7,
    "calibrate": 7,
    "run_document": 7,
    "sitting": 8,
    "building": 5,
    "rounds": 9,
    "session": 10,
    "report": 8,
    "history": 9,
    "gate": 11,
    "selftest": 12,
    "compose": 12,
    "cli": 13,
    "bench_targets": 14,
    "target_tests": 14,
    "__main__": 14,
}
WITHIN_TRIALS: dict[str, int] = {
    "__init__": 0,
    "sampling": 0,
    "capacity": 0,
    "trial": 1,
    "stages": 2,
    "cold_start": 3,
    "starts": 3,
    "memory": 3,
    "under_load": 3,
    "warmup": 4,
    "window_record": 4,
    "undisturbed": 4,
    "pauses": 4,
    "capacity_window": 5,
    "load": 6,
    "reload": 7,
}
SIBLINGS = ("drivers", "load", "probes")


def modules() -> list[Path]:
    return sorted(HARNESS.rglob("*.py"))


def part(module: Path) -> str:
    """The top-level part of the harness that a file belongs to."""
    return module.relative_to(HARNESS).parts[0].removesuffix(".py")


def imported(module: Path) -> set[str]:
    """Dotted names that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def parts_imported(module: Path) -> set[str]:
    return {n.split(".")[1] for n in imported(module) if n.startswith("harness.")}


@pytest.mark.parametrize("module", modules(), ids=lambda m: str(m.relative_to(HARNESS)))
def test_imports_point_down(module: Path) -> None:
    own = part(module)
    if own == "__init__":
        return
    assert own in LAYERS, f"harness/{own} has no place yet: give it one in this test"
    upward = {p for p in parts_imported(module) if p != own and LAYERS[p] >= LAYERS[own]}
    allowed = {"config", "model"} if own == "catalogue" else set()
    assert not upward - allowed, f"{module.name} imports from above or beside: {upward}"


@pytest.mark.parametrize("module", sorted((HARNESS / "trials").glob("*.py")), ids=lambda m: str(m.name))
def test_imports_point_down_within_trials(module: Path) -> None:
    below = {n.split(".")[2] for n in imported(module) if n.startswith("harness.trials.")}
    upward = {name for name in below if WITHIN_TRIALS[name] >= WITHIN_TRIALS[module.stem]}
    assert not upward, f"{module.name} imports from above or beside: {upward}"


@pytest.mark.parametrize("sibling", SIBLINGS)
def test_siblings_do_not_know_one_another(sibling: str) -> None:
    others = set(SIBLINGS) - {sibling}
    for module in (m for m in modules() if part(m) == sibling):
        assert not parts_imported(module) & others, f"{module} knows {others}"


@pytest.mark.parametrize(
    ("library", "where"),
    [("locust", "load"), ("gevent", "load"), ("docker", "drivers"), ("matplotlib", "report")],
)
def test_a_library_has_one_home(library: str, where: str) -> None:
    users = {part(m) for m in modules() if any(n.split(".")[0] == library for n in imported(m))}
    assert users <= {where}


def test_statistics_are_pure() -> None:
    for module in (m for m in modules() if part(m) == "stats"):
        impure = imported(module) & {"os", "time", "random", "pathlib", "socket", "subprocess"}
        assert not impure, f"{module.name} imports {impure}"


def test_there_is_no_room_for_odds_and_ends() -> None:
    assert not [m for m in modules() if m.stem in {"utils", "helpers", "common", "misc"}]
