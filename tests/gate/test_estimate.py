"""How long a night takes, told before it: of the night that the project ships, and of any other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from gate.made import night

from harness.catalogue import find_scenario, read_gate_file
from harness.cli.options import targets_named
from harness.gate.session import GateOptions, estimate, estimate_text
from harness.model import Case
from harness.plan import estimate_s

MINUTE_S = 60.0


@pytest.fixture
def nightly(tmp_path: Path) -> GateOptions:
    """What `make nightly` measures."""
    rules = read_gate_file()
    targets = targets_named(list(rules.targets), None)
    return GateOptions(
        file=rules,
        scenario=find_scenario(rules.scenario),
        base=night().base,
        head=night().head,
        base_targets=targets,
        head_targets=targets,
        budget_s=rules.budget,
        seed=1,
        probe_s=20.0,
        results=tmp_path,
        workspace=tmp_path,
    )


def test_a_night_of_four_targets_fits_an_hour_and_its_budget_an_hour_and_a_half(nightly: GateOptions) -> None:
    assert len(nightly.head_targets) == 4
    found = estimate(nightly)
    assert found.most_s <= 60 * MINUTE_S
    assert found.most_s + found.confirming_s <= nightly.budget_s <= 90 * MINUTE_S


def test_a_night_is_as_long_as_its_looks_and_its_trials(nightly: GateOptions) -> None:
    found = estimate(nightly)
    round_s = 2 * sum(estimate_s(Case(t, nightly.scenario)) for t in nightly.head_targets)
    assert found.least_s == pytest.approx(20 + 6 * round_s)
    assert found.most_s == pytest.approx(20 + 12 * round_s)
    assert found.confirming_s == pytest.approx(4 * round_s)
    one = estimate(replace(nightly, head_targets=nightly.head_targets[:1]))
    assert one.most_s < found.most_s / 2


def test_the_text_tells_when_it_is_over_in_any_case(nightly: GateOptions) -> None:
    found = estimate(nightly)
    assert estimate_text(nightly) == (
        f"about {found.least_s / MINUTE_S:.0f} min to {found.most_s / MINUTE_S:.0f} min, "
        f"what confirms {found.confirming_s / MINUTE_S:.0f} min more at most; over after 85 min in any case"
    )
    once = nightly.file.model_copy(update={"looks": (4,)})
    assert " to " not in estimate_text(replace(nightly, file=once))
