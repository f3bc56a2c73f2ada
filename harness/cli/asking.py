"""From what was typed, now or when a run was begun, to what `bench` is to do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from harness.asked import Asked, AskedOptions, asked_of
from harness.bench_setup import Resumption
from harness.cli.options import command_line, refuse_with_quick, scenarios_named, targets_named
from harness.errors import UsageError
from harness.model import JsonObject
from harness.store import RunFolder, open_run

if TYPE_CHECKING:
    from harness.compose import BenchRequest

_FIELDS = {
    "scenario": "scenarios",
    "target": "targets",
    "variant": "variants",
    "budget": "budget_s",
    "web": "web_port",
    "file": "config",
}
"""Parameters of a command that its options are called otherwise by."""


def given_options(ctx: typer.Context, options: type[AskedOptions] = Asked) -> set[str]:
    """The fields of `options` that were given on the command line, not left to their defaults."""
    given = set()
    for parameter in ctx.params:
        source = ctx.get_parameter_source(parameter)
        field = parameter if parameter in options.model_fields else _FIELDS.get(parameter, parameter)
        if field in options.model_fields and source is not None and source.name == "COMMANDLINE":
            given.add(field)
    return given


def find_run(name: Path, results: Path) -> RunFolder:
    """A run by its folder, or by its name in the folder of results. Raises StoreError."""
    inside = results / name
    return open_run(inside if not name.exists() and inside.exists() else name)


def new_request(asked: Asked, results: Path) -> BenchRequest:
    """A run of its own. Raises UsageError, ConfigError."""
    if asked.quick:
        refuse_with_quick(budget=asked.budget_s, full=asked.full)
    if asked.url is not None:
        _refuse_with_url(asked)
    return _request(asked, results, None)


def _refuse_with_url(asked: Asked) -> None:
    """A service that runs already is neither chosen nor started: what says how would be ignored. Raises UsageError."""
    given = {"--target": asked.targets, "--variant": asked.variants, "--driver": asked.driver != "auto"}
    if ignored := [option for option, value in given.items() if value]:
        raise UsageError(f"--url measures a service that runs already; leave out {', '.join(ignored)}")


def resumed_request(run: RunFolder, given: JsonObject, *, retry: bool) -> BenchRequest:
    """What is left of a run, with the driver and engine that it was begun with.

    Raises UsageError when options given now are not those of the run, StoreError.
    """
    document = run.read_run()
    asked = asked_of(document, Asked)
    asked.insist(given)
    settled = {"engine": document["engine"]}
    if asked.url is None:
        settled["driver"] = document["driver"]
    return _request(asked.model_copy(update=settled), run.path.parent, Resumption(run, retry))


def _request(asked: Asked, results: Path, resumption: Resumption | None) -> BenchRequest:
    from harness.compose import BenchRequest

    return BenchRequest(
        scenarios=scenarios_named(list(asked.scenarios)),
        targets=targets_named(list(asked.targets), list(asked.variants)),
        asked=asked,
        results=results,
        argv=command_line(),
        resumption=resumption,
    )
