"""What a bench or a night was asked for, as typed; kept in run.json, so that it can be gone on with later."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

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
    "head_runtime": "--head-runtime",
}
"""How the command line calls what is not called `--NAME`."""


class AskedOptions(FileModel):
    """Options of a command that measures."""

    def insist(self, given: JsonObject) -> None:
        """Raises UsageError when one of the options given now is not what was asked for then."""
        then = self.model_dump(mode="json")
        now = self.model_copy(update=given).model_dump(mode="json")
        changed = [name for name in given if then[name] != now[name]]
        if changed:
            shown = "\n".join(f"  {_option(n)} was {_text(then[n])}, now {_text(now[n])}" for n in changed)
            raise UsageError(
                f"a run is gone on with as it was begun; leave these options out, or start a new run:\n{shown}"
            )


Options = TypeVar("Options", bound=AskedOptions)


class Asked(AskedOptions):
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


class NightAsked(AskedOptions):
    """The options of `harness gate` that decide what is measured. Files and folders are absolute paths."""

    base: str | None = None
    head: str | None = None
    head_runtime: str | None = None
    targets: tuple[str, ...] = ()
    scenario: str | None = None
    driver: str = "auto"
    profile: Profile = "auto"
    budget_s: float | None = None
    seed: int = 1
    quick: bool = False
    config: str


def absolute(name: str) -> str:
    """The name of a scenario or target as it is; where it is a path, the absolute one."""
    return str(Path(name).resolve()) if "/" in name or name.endswith((".yaml", ".yml")) else name


def asked_of(document: JsonObject, kind: type[Options]) -> Options:
    """What the run in run.json was asked for. Raises StoreError where an older version did not write it down."""
    if "asked" not in document:
        raise StoreError("this run was made by a version that could not go on with a run; start a new one")
    return kind.model_validate(document["asked"])


def _option(name: str) -> str:
    return _OPTIONS.get(name, f"--{name}")


def _text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(value) or "not given"
    return "not given" if value is None else str(value)
