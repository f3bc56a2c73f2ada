"""The published claims: judged by direction only, and only where this machine can judge them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.report.claims import judge_claims, read_published
from harness.report.claims_model import Claim
from harness.report.model import Column, Figure, Machine, Panel, Row, ScenarioSummary, Summary

KEY = "peak/throughput_rps"
MACHINE = Machine(
    cpu_model="CPU", cores=16, memory_bytes=None, kernel=None, architecture=None, virtualisation=None
)


def column(key: str, better: Any) -> Column:
    return Column(
        key=key,
        metric=key.rpartition("/")[2],
        title="t",
        unit="rps",
        display="/s",
        better=better,
        ranked=True,
        headline=True,
        window="peak",
    )


def row(target: str, rps: float, spread: float) -> Row:
    trials = (rps / spread, rps, rps * spread)
    figures = {KEY: Figure(centre=rps, low=trials[0], high=trials[-1], trials=trials)}
    return Row(
        case=f"s/{target}",
        target=target,
        label=target,
        twin=False,
        valid=True,
        trials_valid=3,
        trials_needed=2,
        rounds=3,
        reasons=(),
        notes=(),
        facts={},
        figures={**figures, "loaded_rss_bytes": Figure(missing="x"), "ready_median_ns": Figure(missing="x")},
    )


def turned(one: Row, by: int) -> Row:
    """With its trials in another order."""
    figure = one.figures[KEY]
    trials = figure.trials[by % 3 :] + figure.trials[: by % 3]
    return replace(one, figures={**one.figures, KEY: replace(figure, trials=trials)})


def summary(rates: dict[str, float], spread: float = 1.001, cores: int = 16) -> Summary:
    """A run whose trials lie by that factor to either side of the middle one, in no common order."""
    panel = Panel(name="peak", title="peak", kind="closed", note="", columns=(KEY,))
    scenario = ScenarioSummary(
        name="s",
        question="?",
        kind="load",
        columns={KEY: column(KEY, "higher"), "loaded_rss_bytes": column("loaded_rss_bytes", "lower")},
        panels=(panel,),
        rows=tuple(turned(row(t, r, spread), n) for n, (t, r) in enumerate(rates.items())),
        comparisons=(),
        ruler_ratio={},
        promises=(),
    )
    return Summary(
        run="r",
        created_unix_ns=0,
        ended_unix_ns=0,
        status="complete",
        stamp=None,
        sharing_note=None,
        driver="process",
        engine="native",
        rounds=3,
        seed=1,
        target_cores=cores,
        command=(),
        revision=None,
        revision_clean=None,
        machine=MACHINE,
        notes=(),
        scenarios=(scenario,),
    )


def throughput(found: Summary) -> Claim:
    published = read_published()
    assert published is not None
    return next(c for c in judge_claims(published, found).claims if c.subject == "Throughput")


PUBLISHED_ORDER = {"rust-axum": 62.0, "java-webflux": 53.0, "go": 48.0, "ts-elysia": 39.0}


@pytest.mark.parametrize(
    ("rates", "spread", "cores", "expected"),
    [
        (PUBLISHED_ORDER, 1.001, 16, "held"),
        (PUBLISHED_ORDER, 2.0, 16, "cannot tell"),
        (PUBLISHED_ORDER, 1.001, 3, "not testable here"),
        ({**PUBLISHED_ORDER, "go": 99.0}, 1.001, 16, "did not hold"),
        ({**PUBLISHED_ORDER, "go": 99.0}, 3.0, 16, "cannot tell"),
        ({**PUBLISHED_ORDER, "go": 20.0}, 1.001, 16, "did not hold"),
        ({**PUBLISHED_ORDER, "mine": 500.0}, 1.001, 16, "held"),
        ({"rust-axum": 62.0, "go": 48.0}, 1.001, 4, "held"),
        ({"rust-axum": 62.0}, 1.001, 16, "not measured"),
    ],
)
def test_the_order_is_judged_only_where_it_can_be(
    rates: dict[str, float], spread: float, cores: int, expected: str
) -> None:
    assert throughput(summary(rates, spread, cores)).verdict == expected


def test_a_lower_bound_has_no_place_in_an_order() -> None:
    found = summary(PUBLISHED_ORDER)
    first, *others = found.scenarios[0].rows
    bounded = replace(first, figures={**first.figures, KEY: replace(first.figures[KEY], at_least=True)})
    scenario = replace(found.scenarios[0], rows=(bounded, *others))
    claim = throughput(replace(found, scenarios=(scenario,)))
    assert (claim.verdict, claim.why) == ("cannot tell", "rust-axum could not be ranked here")


def test_every_claim_of_the_file_is_listed() -> None:
    published = read_published()
    assert published is not None
    subjects = {c.subject for c in judge_claims(published, summary(PUBLISHED_ORDER)).claims}
    assert {
        "Service level, API server P99 latency",
        "Service level, availability",
        "Service level under faults",
        "Verification of tokens, rust-axum",
        "Rollback",
        "Pauses of the JVM's collectors",
    } <= subjects


def test_figures_are_shown_where_the_claim_cannot_be_tested() -> None:
    assert "rust-axum 62.0/s" in throughput(summary(PUBLISHED_ORDER, cores=1)).measured


def test_the_published_figures_stand_as_they_were_published(small: Summary) -> None:
    published = read_published()
    assert published is not None
    rows = {r.target: r for r in judge_claims(published, small).rows}
    assert rows["rust-axum"].throughput[0] == "62,700/s"
    assert rows["go"].p99[0] == "98 ms"
    assert rows["java-webflux"].throughput[1] == "–", "not measured in that run"


def test_hot_reload_is_one_claim_of_all_the_targets(small: Summary) -> None:
    published = read_published()
    assert published is not None
    (found,) = [c for c in judge_claims(published, small).claims if "reload" in c.subject.lower()]
    assert "go none; rust-axum by hotwatch + dlopen; java-webflux by JRebel" in found.claimed
    assert found.measured == "go, rust-axum by SIGHUP or changed file"
    assert found.verdict == "not measured"


def test_an_invalid_row_is_shown_as_such() -> None:
    found = summary(PUBLISHED_ORDER)
    rows = tuple(replace(r, valid=r.target != "go") for r in found.scenarios[0].rows)
    invalid = replace(found, scenarios=(replace(found.scenarios[0], rows=rows),))
    published = read_published()
    assert published is not None
    shown = {r.target: r.throughput[1] for r in judge_claims(published, invalid).rows}
    assert shown["go"].endswith("(invalid)")
