"""`harness verify`: the whole contract, over real sockets, in every setting that a case asks for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.conformance import Difference, check, check_due
from harness.drivers.base import Artifact, Driver, base_url
from harness.drivers.existing import address_of
from harness.errors import StartError, UsageError
from harness.kit.cases import ReadyCase, Setting
from harness.kit.kit import SETTINGS, Kit
from harness.service import Placing, info, launch_settings, setting_of
from harness.units import counted

OnGroup = Callable[[str, int, tuple[Difference, ...]], None]


@dataclass(frozen=True)
class Group:
    """Cases that one start of the service can answer."""

    setting: Setting
    service: tuple[tuple[str, str], ...]
    cpus: int

    def __str__(self) -> str:
        extra = "".join(f" {k}={v}" for k, v in self.service)
        return f"{self.setting}, CPUS={self.cpus}{extra}"


@dataclass(frozen=True)
class Report:
    """What one target's conformance run showed.

    `not_started`: why it was not all checked. `left_out`: which cases were not put to it, and why, a sentence each.
    """

    target: str
    checked: int
    differences: tuple[Difference, ...]
    not_started: str | None = None
    left_out: tuple[str, ...] = ()

    @property
    def cases_that_differ(self) -> set[str]:
        """By name: a case counts once, in however many settings it differs."""
        return {d.case for d in self.differences}

    @property
    def ok(self) -> bool:
        return not self.differences and self.not_started is None


def groups(kit: Kit) -> Iterator[Group]:
    """Every combination that some case needs, on one core; what is about ES256 on two cores as well."""
    for setting in SETTINGS:
        services = {tuple(sorted(s.service.items())): None for s in kit.specs if setting in s.settings}
        for service in services:
            yield Group(setting, service, 1)
            if setting == "es256":
                yield Group(setting, service, 2)


def verify_target(
    driver: Driver, artifact: Artifact, kit: Kit, workspace: Path, run_id: str, on_group: OnGroup
) -> Report:
    """Starts the target once for each group and runs the group's cases, until one start fails.

    Raises InfrastructureError.
    """
    checked = 0
    differences: list[Difference] = []
    allowed = sorted(os.sched_getaffinity(0))
    for number, group in enumerate(groups(kit)):
        settings = launch_settings(
            group.setting,
            dict(group.service),
            workspace,
            Placing(cpus=tuple(allowed[: group.cpus])),
            cpus=group.cpus,
            run_id=run_id,
            case=f"verify/{artifact.target.id}",
            log_path=workspace / "logs" / artifact.target.id / f"{number:02d}.log",
        )
        try:
            with driver.start(artifact, settings) as running:
                cases = cases_for(kit, group.setting, dict(group.service))  # now: some tokens last seconds
                verdict = check(running.host, running.port, cases)
                later = check_due(running.host, running.port, verdict.due)
        except StartError as error:
            why = f"{error}\nIt was started with {group}"
            return Report(artifact.target.id, checked, tuple(differences), why)
        found = verdict.differences + later.differences
        checked += verdict.checked + later.checked
        differences += found
        on_group(str(group), verdict.checked, found)
    return Report(artifact.target.id, checked, tuple(differences))


def verify_running(url: str, kit: Kit) -> Report:
    """The cases that a service which runs already can be asked, in the setting that it says it is in.

    Raises UsageError for an address that is none, and where no case is left.
    """
    host, port = address_of(url)
    account = info(base_url(host, port)) or {}
    setting = setting_of({"AUTH_ALGORITHM": str(account.get("algorithm", "ES256"))})
    left_out = tuple(_left_out(kit, setting))
    cases = cases_for(kit, setting, {})
    if not cases:
        raise UsageError(f"no case can be put to {url}: {'; '.join(left_out)}")
    verdict = check(host, port, cases)
    later = check_due(host, port, verdict.due)
    differences = verdict.differences + later.differences
    return Report(url, verdict.checked + later.checked, differences, left_out=left_out)


def _left_out(kit: Kit, setting: Setting) -> Iterator[str]:
    """What cannot be asked of a service that runs already, as it would have to be started otherwise."""
    elsewhere = sum(setting not in s.settings for s in kit.specs)
    on_its_own = sum(setting in s.settings and bool(s.service) for s in kit.specs)
    if elsewhere:
        yield f"{counted(elsewhere, 'case')} for other settings than {setting}, which this service is in"
    if on_its_own:
        yield f"{counted(on_its_own, 'case')} with a `service` of its own, which would have to be started for it"


def cases_for(kit: Kit, setting: Setting, service: Mapping[str, str]) -> list[ReadyCase]:
    """The cases of a setting that need just this service environment."""
    return [c for c in kit.cases(setting) if c.service == dict(service)]
