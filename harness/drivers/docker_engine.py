"""The Docker engine, as little of it as the docker driver needs. The only importer of the Docker SDK."""

from __future__ import annotations

import json
import os
import socket
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlparse

import docker
import requests
from docker.context import ContextAPI
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.models.containers import Container as SdkContainer
from docker.types import LogConfig, Mount, Ulimit
from docker.utils.build import exclude_paths

from harness.drivers.base import OnLine
from harness.drivers.docker_terms import ContainerOptions, ImageBuild, State, facts_of
from harness.errors import BuildError, HarnessError, InfrastructureError

CONNECT_DEADLINE_S = 5
API_DEADLINE_S = 60
BUILD_SILENCE_S = 1_800
DEFAULT_ADDRESS = "unix:///var/run/docker.sock"


class EngineRefused(HarnessError):
    """The engine answered, and would not do it."""


class Engine:
    """A connection to the engine that DOCKER_HOST, or else the current docker context, names."""

    def __init__(self) -> None:
        self.address = os.environ.get("DOCKER_HOST") or _context_address()
        with self.errors("connecting"):
            self._client = docker.DockerClient(
                base_url=self.address,
                timeout=CONNECT_DEADLINE_S,
                use_ssh_client=True,
                tls=_tls_from_environment(),
            )
            weakref.finalize(self, self._client.close)
            info = self._client.info()
            networks = {n.name for n in self._client.networks.list()}
        self._client.api.timeout = API_DEADLINE_S
        self.facts = facts_of(self.address, info, has_bridge="bridge" in networks)

    def image_id(self, reference: str) -> str | None:
        """The id of an image the engine has."""
        with self.errors(f"looking for image {reference}"):
            try:
                return cast(str, self._client.images.get(reference).id)
            except ImageNotFound:
                return None

    def image_digest(self, reference: str) -> str:
        """What identifies the image's content: the registry's digest if it came from one, else its id."""
        with self.errors(f"inspecting image {reference}"):
            image = self._client.images.get(reference)
            digests = cast("list[str]", image.attrs.get("RepoDigests") or [])
            return digests[0].partition("@")[2] if digests else cast(str, image.id)

    def labelled_image(self, label: str) -> str | None:
        """The id of an image with this `name=value` label."""
        with self.errors("listing images"):
            images = self._client.images.list(filters={"label": label})
            return cast(str, images[0].id) if images else None

    def tag(self, image_id: str, tag: str) -> None:
        with self.errors(f"tagging {tag}"):
            self._client.images.get(image_id).tag(tag)

    def pull(self, reference: str, on_line: OnLine) -> None:
        """Raises EngineRefused when there is no such image to be had."""
        on_line(f"pulling {reference}")
        with self.errors(f"pulling {reference}"):
            self._client.images.pull(reference)

    def build(self, order: ImageBuild, on_line: OnLine) -> None:
        """By the classic builder, which every engine has. Raises BuildError with what the step said."""
        with self.errors(f"building {order.tag}"):
            events = self._client.api.build(
                path=str(order.context),
                dockerfile=order.dockerfile,
                buildargs=dict(order.arguments),
                tag=order.tag,
                labels=dict(order.labels),
                rm=True,
                forcerm=True,
                decode=True,
                timeout=BUILD_SILENCE_S,
                use_config_proxy=True,
                network_mode=None if self.facts.has_bridge else "host",
            )
            error = None
            for event in events:  # to the very end: only then is the connection free again
                for line in str(event.get("stream") or event.get("status") or "").splitlines():
                    if line.strip():
                        on_line(line.rstrip())
                error = error or event.get("error")
        if error:
            raise BuildError(str(error).strip())

    def create(self, options: ContainerOptions) -> Container:
        """Makes a container without starting it. Raises EngineRefused."""
        network: dict[str, Any] = {"network_mode": "host"}
        if options.published:
            address, inside, outside = options.published
            network = {"ports": {f"{inside}/tcp": (address, outside)}}
        limits: dict[str, Any] = {}
        if options.cpus is not None:
            limits["cpuset_cpus"] = ",".join(map(str, options.cpus))
        if options.memory_limit_bytes is not None:
            limits |= {"mem_limit": options.memory_limit_bytes, "memswap_limit": options.memory_limit_bytes}
        if options.nofile is not None:
            limits["ulimits"] = [Ulimit(name="nofile", soft=options.nofile, hard=options.nofile)]
        with self.errors(f"creating a container of {options.image}"):
            made = self._client.containers.create(
                options.image,
                name=options.name,
                entrypoint=list(options.command) or None,
                environment=dict(options.environment),
                labels=dict(options.labels),
                mounts=[
                    Mount(target=inside, source=str(folder), type="bind", read_only=True)
                    for folder, inside in options.folders.items()
                ]
                + [
                    Mount(target=inside, source=str(folder), type="bind")
                    for folder, inside in options.written.items()
                ],
                healthcheck={"test": ["NONE"]},
                init=False,
                log_config=LogConfig(type=LogConfig.types.JSON, config={"max-size": "10m"}),
                **network,
                **limits,
            )
        return Container(made, self)

    def containers(self, label: str) -> list[Container]:
        """All containers, running or not, with this label (`name` or `name=value`)."""
        with self.errors("listing containers"):
            found = self._client.containers.list(all=True, filters={"label": label}, ignore_removed=True)
            return [Container(each, self) for each in found]

    def container(self, container_id: str) -> Container | None:
        with self.errors(f"looking for container {container_id[:12]}"):
            try:
                return Container(self._client.containers.get(container_id), self)
            except NotFound:
                return None

    @contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """Turns the SDK's errors into ours. `doing` names what was asked of the engine."""
        try:
            _knock(self.address)
            yield
        except APIError as error:
            raise EngineRefused(f"{doing}: {error.explanation or error}") from error
        except (requests.exceptions.RequestException, DockerException, OSError) as error:
            advice = "; start it, then `harness clean` removes what may have been left there"
            raise InfrastructureError(
                f"no Docker engine answers at {self.address} ({doing}: {_innermost(error)})"
                f"{advice if hasattr(self, 'facts') else ''}"
            ) from error


class Container:
    """One container, by its id."""

    def __init__(self, sdk: SdkContainer, engine: Engine) -> None:
        self._sdk = sdk
        self._engine = engine
        self.id = cast(str, sdk.id)
        self.labels = sdk.labels

    def start(self) -> None:
        with self._engine.errors(f"starting container {self.id[:12]}"):
            self._sdk.start()

    def state(self) -> State:
        with self._engine.errors(f"inspecting container {self.id[:12]}"):
            self._sdk.reload()
        state = self._sdk.attrs["State"]
        return State(state["Running"], state["Pid"], state["ExitCode"], state["OOMKilled"])

    def published_port(self, inside: int) -> int | None:
        """The port outside, as of the last `state()`; None when the container had ended by then."""
        bindings = self._sdk.attrs["NetworkSettings"]["Ports"].get(f"{inside}/tcp")
        return int(bindings[0]["HostPort"]) if bindings else None

    def signal(self, name: str) -> None:
        """Nothing happens when it no longer runs."""
        try:
            with self._engine.errors(f"signalling container {self.id[:12]}"):
                self._sdk.kill(signal=name)
        except EngineRefused:
            if self.state().running:
                raise

    def put(self, archive: bytes) -> None:
        """Unpacks a tar archive at the container's root folder."""
        with self._engine.errors(f"copying files into container {self.id[:12]}"):
            self._sdk.put_archive("/", archive)

    def get(self, path: str) -> bytes:
        """A file or folder of its file system as a tar archive; it need not run. Raises EngineRefused."""
        with self._engine.errors(f"copying {path} out of container {self.id[:12]}"):
            chunks, _ = self._sdk.get_archive(path)
            return b"".join(chunks)

    def log(self, lines: int | None = None) -> bytes:
        """Standard output and error, whole or the last lines."""
        with self._engine.errors(f"reading the log of container {self.id[:12]}"):
            return self._sdk.logs(tail="all" if lines is None else lines)

    def remove(self) -> None:
        """Kills it if need be. Nothing happens if it is gone already."""
        try:
            with self._engine.errors(f"removing container {self.id[:12]}"):
                self._sdk.remove(force=True, v=True)
        except EngineRefused as refused:
            if not isinstance(refused.__cause__, NotFound) and "already in progress" not in str(refused):
                raise


def context_files(context: Path, dockerfile: str) -> list[Path]:
    """The files that a build of this context gets, by its .dockerignore, sorted."""
    ignore = context / ".dockerignore"
    lines = [line.strip() for line in ignore.read_text().splitlines()] if ignore.exists() else []
    patterns = [line for line in lines if line and not line.startswith("#")]
    names = exclude_paths(str(context), patterns, dockerfile=dockerfile)
    return sorted(path for name in names if (path := context / name).is_file())


def _knock(address: str) -> None:
    """Raises OSError when nobody listens on a Unix socket; the SDK would leave an open one behind."""
    if address.startswith("unix:"):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(urlparse(address).path)


def _context_address() -> str:
    current = ContextAPI.get_current_context()
    return (current.Host if current else None) or DEFAULT_ADDRESS


def _tls_from_environment() -> docker.tls.TLSConfig | bool:
    """As the docker command reads DOCKER_TLS_VERIFY and DOCKER_CERT_PATH."""
    folder = os.environ.get("DOCKER_CERT_PATH")
    if not folder:
        return False
    certificate = (str(Path(folder, "cert.pem")), str(Path(folder, "key.pem")))
    verify = bool(os.environ.get("DOCKER_TLS_VERIFY"))
    return docker.tls.TLSConfig(client_cert=certificate, ca_cert=str(Path(folder, "ca.pem")), verify=verify)


def _innermost(error: BaseException) -> str:
    """The cause at the bottom of requests' and urllib3's wrapping."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return json.dumps(str(error))[1:-1] or type(error).__name__
