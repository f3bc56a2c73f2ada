"""What is asked of a Docker engine and what it answers, in our own terms."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse


@dataclass(frozen=True)
class Facts:
    """What an engine is. `reach` says why containers are reached as they are (the driver prints it)."""

    address: str
    version: str
    on_this_host: bool
    has_bridge: bool
    limits_cpus: bool
    limits_memory: bool
    reach: str

    @property
    def network_mode(self) -> str:
        """As trials and manifests name it: "host" is what processes have too, so that those compare."""
        return "host" if self.on_this_host else self.reach

    @property
    def host(self) -> str:
        """The address under which published ports are reached."""
        return urlparse(self.address).hostname or "127.0.0.1"


@dataclass(frozen=True)
class ContainerOptions:
    """One container to be made; `folders` maps host folders to where they appear inside, read-only but `written`."""

    image: str
    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    labels: Mapping[str, str]
    folders: Mapping[Path, str]
    written: Mapping[Path, str]
    cpus: tuple[int, ...] | None
    memory_limit_bytes: int | None
    nofile: int | None
    published: tuple[str, int, int | None] | None
    """(address, port inside, port outside or None for any); None: the host's network."""


@dataclass(frozen=True)
class ImageBuild:
    """One image to be built of a folder, under a tag and with labels."""

    context: Path
    dockerfile: str
    arguments: Mapping[str, str]
    tag: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class State:
    """How a container is. `pid` counts on the engine's machine; 0 when it does not run."""

    running: bool
    pid: int
    exit_code: int
    out_of_memory: bool


def facts_of(address: str, info: Mapping[str, Any], has_bridge: bool) -> Facts:
    """Whether containers can share this host's network and process ids, by what the engine says of itself."""
    rootless = any("rootless" in option for option in info.get("SecurityOptions") or [])
    if not address.startswith("unix:"):
        reach = f"published port, as the engine is reached by {urlparse(address).scheme}"
    elif info["OperatingSystem"] == "Docker Desktop" or info["Name"] != socket.gethostname():
        reach = "published port, as the engine runs in a machine of its own"
    elif rootless:
        reach = "published port, as the engine is rootless"
    else:
        reach = "host network"
    return Facts(
        address=address,
        version=info["ServerVersion"],
        on_this_host=reach == "host network",
        has_bridge=has_bridge,
        limits_cpus=bool(info.get("CPUSet")),
        limits_memory=bool(info.get("MemoryLimit")),
        reach=reach,
    )
