"""Arguments that several commands share, and from their text to data."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harness.catalogue import ROOT, all_targets, find_scenario, find_target, merge, read_target
from harness.errors import UsageError
from harness.model import Scenario, TargetSpec
from harness.units import parse_duration_s

RESULTS = Path("results")
DEFAULT_SCENARIO = "routing-4kb"


class DriverName(StrEnum):
    auto = "auto"
    docker = "docker"
    process = "process"


class EngineName(StrEnum):
    auto = "auto"
    native = "native"
    locust = "locust"


class ProfileName(StrEnum):
    auto = "auto"
    fixed = "16c32g"


class Format(StrEnum):
    table = "table"
    md = "md"
    csv = "csv"
    json = "json"
    html = "html"
    junit = "junit"


class TrendFormat(StrEnum):
    table = "table"
    md = "md"
    json = "json"


class CompareFormat(StrEnum):
    table = "table"
    md = "md"
    html = "html"


Targets = Annotated[
    list[str] | None,
    typer.Option("--target", "-t", help="target, or target+variant; several, or separated by commas"),
]
Variants = Annotated[
    list[str] | None, typer.Option("--variant", help="variant of each named target, measured beside it")
]
DriverOption = Annotated[
    DriverName, typer.Option("--driver", help="how services run; auto: Docker if it answers")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="only warnings and the result")]
AsJson = Annotated[bool, typer.Option("--json", help="the result as JSON on standard output")]


def scenarios_named(names: list[str] | None) -> list[Scenario]:
    return [find_scenario(name) for name in names or [DEFAULT_SCENARIO]]


def split(entries: list[str] | None) -> list[str]:
    """Names that were given several at once, separated by commas, as well as one by one."""
    return [n.strip() for entry in entries or [] for n in entry.split(",") if n.strip()]


def targets_named(names: list[str] | None, variants: list[str] | None) -> list[TargetSpec]:
    """The targets named (or all), each also in the variants named. Raises UsageError."""
    wanted = split(names)
    found = [find_target(n) for n in wanted]
    if not wanted:
        found = [merge(t, None, ROOT / "targets" / t.name) for t in all_targets()]
    files = {t.folder: read_target(t.folder) for t in found} if variants else {}
    for variant in split(variants):
        having = {folder: t for folder, t in files.items() if variant in t.variants}
        if not having:
            known = ", ".join(sorted({v for t in files.values() for v in t.variants})) or "none"
            raise UsageError(f"none of the targets has a variant {variant!r}. There are: {known}")
        found += [merge(t, variant, folder) for folder, t in having.items()]
    unique = {t.id: t for t in found}
    return list(unique.values())


def refuse_with_quick(*, budget: object, full: bool) -> None:
    """Raises UsageError for what would be ignored of `--quick`'s company."""
    if budget is not None or full:
        given = "--full" if full else "--budget"
        raise UsageError(f"--quick is one short round; it cannot be had together with {given}")


def duration_s(text: str | None) -> float | None:
    try:
        return parse_duration_s(text) if text else None
    except ValueError as error:
        raise UsageError(str(error)) from error


def command_line() -> list[str]:
    return ["harness", *sys.argv[1:]]
