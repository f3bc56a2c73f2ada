"""What a bench was asked for, as typed; kept in run.json, so that the run can be gone on with later."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import StoreError, UsageError
from harness.model import FileModel, JsonObject
from harness.probes.placement import Profile

_OPTIONS: Mapping[str, str] = {
    "scenarios": "SCENARIO",
    "targets": "--target",
    "variants": "--variant",
    "budget_s": "--budget",
    "web_port": "--web",
    "until_tight": "--until-tight",
}
"""How the command line calls what is not called `--NAME`."""


class Asked(FileModel):
    """The options of `harness bench` that decide what is measured. Files are absolute paths."""

    scenarios: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    driver: str = "auto"
    engine: str = "auto"
    url: str | None = None
    profile: Profile = "auto"
    rounds: int | None = None
    budget_s: float | None = None
    quick: bool = False
    full: bool = False
    until_tight: bool = False
    seed: int = 1
    locustfile: str | None = None
    web_port: int | None = None

    def insist(self, given: JsonObject) -> None:
        """Raises UsageError when one of the options given now is not what was asked for then."""
        then = self.model_dump(mode="json")
        now = Asked(**given).model_dump(mode="json")
        changed = [name for name in given if then[name] != now[name]]
        if changed:
            shown = "\n".join(f"  {_option(n)} was {_text(then[n])}, now {_text(now[n])}" for n in changed)
            raise UsageError(
                f"a run is gone on with as it was begun; leave these options out, or start a new run:\n{shown}"
            )


def absolute(name: str) -> str:
    """The name of a scenario or target as it is; where it is a path, the absolute one."""
    return str(Path(name).resolve()) if "/" in name or name.endswith((".yaml", ".yml")) else name


def asked_of(document: JsonObject) -> Asked:
    """What the run in run.json was asked for. Raises StoreError where an older version did not write it down."""
    if "asked" not in document:
        raise StoreError("this run was made by a version that could not go on with a run; start a new one")
    return Asked.model_validate(document["asked"])


def _option(name: str) -> str:
    return _OPTIONS.get(name, f"--{name}")


def _text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(value) or "not given"
    return "not given" if value is None else str(value)
