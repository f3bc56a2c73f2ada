"""`{name}` in the command lines of a target's manifest; `{{` and `}}` stand for the braces themselves.

A service's own command line may also use what is known only when it starts: `{bind}`, `{port}`, `{cpus}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from harness.errors import UsageError

AT_START = ("bind", "cpus", "port")
_TOKEN = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_-]*)\}")


def fill(argv: Sequence[str], values: Mapping[str, str], where: str) -> tuple[str, ...]:
    """The command line with every placeholder replaced. Raises UsageError for an unknown one."""

    def replace(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return match[0][0]
        if name not in values:
            known = ", ".join(f"{{{known}}}" for known in sorted(values))
            raise UsageError(
                f"{where}: unknown placeholder {{{name}}} (known are {known}; write {{{{ for a brace)"
            )
        return values[name]

    return tuple(_TOKEN.sub(replace, word) for word in argv)


def fill_at_start(
    argv: Sequence[str], values: Mapping[str, str], environment: Mapping[str, str], where: str
) -> tuple[str, ...]:
    """A service's command line, with what the contract's `environment` says of BIND, PORT and CPUS too.

    Raises UsageError as `fill` does.
    """
    started = {name: environment.get(name.upper(), "") for name in AT_START}
    return fill(argv, {**values, **started}, where)


def check_at_start(argv: Sequence[str], values: Mapping[str, str], where: str) -> None:
    """Raises, before anything is built, the UsageError that `fill_at_start` would raise later."""
    fill_at_start(argv, values, {}, where)
