"""Arguments → one call → exit code. The only place that prints results or catches HarnessError."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from harness.cli import check, look, measure
from harness.cli.ending import guarded
from harness.cli.gate import gate_app
from harness.cli.selftest import selftest_app
from harness.cli.signals import heed_signals

_COMMANDS = (
    measure.bench,
    check.verify,
    measure.plan,
    check.targets,
    look.report,
    look.compare,
    look.trend,
    look.audit,
    measure.calibrate,
    check.doctor,
    check.clean,
    check.kit,
    check.schemas,
)
"""In the order in which `harness --help` lists them."""


class _Commands(TyperGroup):
    """Typer makes a mere exit code of an interrupt; here it stays one, for its message and outcome.json."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            raise typer.Abort from interrupt


def make_app() -> typer.Typer:
    """The `harness` command with all that it can do."""
    app = typer.Typer(
        name="harness",
        cls=_Commands,
        help="Measures the same service in several runtimes, and compares them. Start with: harness bench",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    for command in _COMMANDS:
        app.command()(command)
    app.add_typer(gate_app, name="gate")
    app.add_typer(selftest_app, name="selftest")
    return app


def main() -> None:
    """The `harness` command."""
    heed_signals()
    sys.exit(guarded(lambda ending: make_app()(standalone_mode=False, obj=ending)))
