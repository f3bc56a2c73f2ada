"""How a service is configured for a scenario or a conformance setting, and what it says of itself."""

from __future__ import annotations

import http.client
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from harness.drivers.base import LaunchSettings
from harness.kit.cases import Setting, parse_json, service_environment
from harness.model import JsonObject

DEFAULT_CPUS = 1
_INFO_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Placing:
    """Where and under which limits a service runs; `cpus` None leaves it to the system."""

    cpus: tuple[int, ...] | None = None
    memory_limit_bytes: int | None = None

    @property
    def count(self) -> int:
        return len(self.cpus) if self.cpus else DEFAULT_CPUS


def setting_of(service: Mapping[str, str]) -> Setting:
    """The conformance setting that a service's environment belongs to."""
    return cast(Setting, service.get("AUTH_ALGORITHM", "ES256").lower())


def launch_settings(
    setting: Setting,
    service: Mapping[str, str],
    files: Path,
    placing: Placing,
    *,
    run_id: str,
    case: str,
    log_path: Path,
    cpus: int | None = None,
    ready_deadline_s: float = 60.0,
    pause_log: Path | None = None,
) -> LaunchSettings:
    """Contract variables for one start; `files` is the folder with jwks.json and routes.json.

    `cpus` is the CPUS that the service is told, by default as many as it is placed on.
    """
    contract = service_environment(setting)
    names = {k: files / v for k, v in contract.items() if k.endswith("_FILE")}
    environment = {k: v for k, v in contract.items() if not k.endswith("_FILE")}
    return LaunchSettings(
        environment={**environment, "CPUS": str(cpus or placing.count), **service},
        files=names,
        run_id=run_id,
        case=case,
        log_path=log_path,
        cpus=placing.cpus,
        memory_limit_bytes=placing.memory_limit_bytes,
        ready_deadline_s=ready_deadline_s,
        pause_log=pause_log,
    )


def info(url: str) -> JsonObject | None:
    """The service's own account of itself; None when it gives none (only the contract's services do)."""
    try:
        with urllib.request.urlopen(f"{url}/info", timeout=_INFO_TIMEOUT_S) as answer:
            value = parse_json(answer.read())
    except (OSError, ValueError, http.client.HTTPException):
        return None
    return value if isinstance(value, dict) else None
