"""The published claims: judged by direction only, and only where this machine can judge them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.report.claims import judge_claims, read_published
from harness.report.claims_model import Claim
from harness.report.model import Column, Comparison, Figure, Machine, Panel, Row, ScenarioSummary, Summary

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


def row(target: str, rps: float) -> Row:
    figures = {KEY: Figure(centre=rps, low=rps * 0.99, high=rps * 1.01, trials=(rps, rps, rps))}
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


def summary(rates: dict[str, float], verdict: str, cores: int = 16) -> Summary:
    """A run whose best is compared with each other by the same verdict."""
    best = max(rates, key=rates.__getitem__)
    compared = tuple(
        Comparison(
            column=KEY,
            best=f"s/{best}",
            row=f"s/{target}",
            ratio=rate / rates[best],
            low=None,
            high=None,
            p_value=0.01,
            verdict=verdict,
            text=verdict,
        )
        for target, rate in rates.items()
        if target != best
    )
    panel = Panel(name="peak", title="peak", kind="closed", note="", columns=(KEY,))
    scenario = ScenarioSummary(
        name="s",
        question="?",
        kind="load",
        columns={KEY: column(KEY, "higher"), "loaded_rss_bytes": column("loaded_rss_bytes", "lower")},
        panels=(panel,),
        rows=tuple(row(t, r) for t, r in rates.items()),
        comparisons=compared,
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
    ("rates", "verdict", "cores", "expected"),
    [
        (PUBLISHED_ORDER, "slower", 16, "held"),
        (PUBLISHED_ORDER, "cannot tell", 16, "cannot tell"),
        (PUBLISHED_ORDER, "slower", 3, "not testable here"),
        ({**PUBLISHED_ORDER, "go": 99.0}, "slower", 16, "did not hold"),
        ({**PUBLISHED_ORDER, "go": 99.0}, "cannot tell", 16, "cannot tell"),
        ({**PUBLISHED_ORDER, "go": 20.0}, "slower", 16, "did not hold"),
        ({"rust-axum": 62.0, "go": 48.0}, "slower", 4, "held"),
        ({"rust-axum": 62.0}, "slower", 16, "not measured"),
    ],
)
def test_the_order_is_judged_only_where_it_can_be(
    rates: dict[str, float], verdict: str, cores: int, expected: str
) -> None:
    assert throughput(summary(rates, verdict, cores)).verdict == expected


def test_figures_are_shown_where_the_claim_cannot_be_tested() -> None:
    assert "rust-axum 62.0/s" in throughput(summary(PUBLISHED_ORDER, "slower", 1)).measured


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
    found = summary(PUBLISHED_ORDER, "slower")
    rows = tuple(replace(r, valid=r.target != "go") for r in found.scenarios[0].rows)
    invalid = replace(found, scenarios=(replace(found.scenarios[0], rows=rows),))
    published = read_published()
    assert published is not None
    shown = {r.target: r.throughput[1] for r in judge_claims(published, invalid).rows}
    assert shown["go"].endswith("(invalid)")
