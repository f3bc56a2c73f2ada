"""`target.yaml`: a service to measure, how to build and run it, and its variants."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from harness.model.fields import Environment, EnvText, FileModel, FilePattern, Name, Pattern, Size


class Toolchain(FileModel):
    """One command that must be on the machine to build or run a target as a process."""

    command: str = Field(description="the command's name; {command} elsewhere becomes its absolute path")
    search: tuple[str, ...] = Field(
        ("PATH",), description="where to look, in order: PATH, $NAME/bin, or glob patterns of folders"
    )
    version: tuple[str, ...] = Field(("--version",), description="arguments that print the version")
    pattern: Pattern = Field(
        r"(\d+(?:\.\d+)*)", description="regular expression; its first group is the version"
    )
    minimum: str | None = Field(None, description="the lowest version that will do")
    together_with: tuple[str, ...] = Field((), description="commands that must be in the same folder")
    exports: Environment = Field(
        default_factory=dict, description="environment for build and run; may use {command} {folder} {home}"
    )
    install: str = Field(description="one line that tells how to get it")


class ProcessSpec(FileModel):
    """How the `process` driver builds and runs a target."""

    build: tuple[tuple[str, ...], ...] = Field(
        (), description="commands, run in the target's folder; {build} is the folder to build into"
    )
    sources: tuple[FilePattern, ...] = Field(
        (), description="glob patterns of what the service depends on (all files)"
    )
    run: tuple[str, ...] = Field(
        description="the service's command line; may also use {bind} {port} {cpus}, as the service is told"
    )


class DockerSpec(FileModel):
    """How the `docker` driver builds and runs a target: a Dockerfile, or a ready image."""

    dockerfile: str | None = None
    context: str = "."
    image: str | None = None
    build_args: dict[str, EnvText] = Field(default_factory=dict)
    run: tuple[str, ...] = Field(
        (), description="command line in place of the image's own; may use {bind} {port} {cpus}"
    )


class Tuning(FileModel):
    """A choice that differs from the default, with its reason; the report shows it."""

    name: str
    value: EnvText
    reason: str


class PauseLog(FileModel):
    """How a runtime tells of its pauses for garbage collection, or why it tells nothing."""

    format: Literal["hotspot", "gctrace"] | None = Field(
        None, description="of the log; gctrace is read from the service's standard error"
    )
    environment: Environment = Field(
        default_factory=dict, description="what makes the runtime write it; {file} becomes the log's path"
    )
    missing_because: str | None = Field(None, description="why nothing is known, where there is no format")

    @model_validator(mode="after")
    def _either(self) -> PauseLog:
        if (self.format is None) == (self.missing_because is None):
            raise ValueError("give `format` or `missing_because`")
        return self


class NewestRuntime(FileModel):
    """How the same sources are built with the newest patch release of their runtime, or why that cannot be done.

    `pinned`, `releases` and `update` are command lines that run in the target's folder (`update`: in a copy of it).
    They may use the target's own commands and {python}; `update` and `environment` also {version}.
    """

    pinned: tuple[str, ...] = Field((), description="prints the version that is in use")
    releases: tuple[str, ...] = Field((), description="prints the versions that there are")
    pattern: Pattern = Field(
        r"(\d+\.\d+\.\d+)", description="regular expression; its first group is a release's version"
    )
    update: tuple[str, ...] = Field((), description="changes which version the sources ask for")
    environment: Environment = Field(default_factory=dict, description="of the build with the new release")
    missing_because: str | None = Field(None, description="why it cannot be done")

    @model_validator(mode="after")
    def _either(self) -> NewestRuntime:
        if bool(self.pinned and self.releases) == bool(self.missing_because):
            raise ValueError("give `pinned` and `releases`, or `missing_because`")
        if self.missing_because is None and not (self.update or self.environment):
            raise ValueError("give `update` or `environment`: nothing would change")
        return self


class ProcessPatch(FileModel):
    """What a variant changes of `process`; a member that is given replaces the target's own."""

    build: tuple[tuple[str, ...], ...] | None = None
    sources: tuple[FilePattern, ...] | None = None
    run: tuple[str, ...] | None = None


class DockerPatch(FileModel):
    """What a variant changes of `docker`; build arguments are merged."""

    dockerfile: str | None = None
    context: str | None = None
    image: str | None = None
    build_args: dict[str, EnvText] = Field(default_factory=dict)
    run: tuple[str, ...] | None = None


class Variant(FileModel):
    """Another choice for the same service, measured under a name of its own."""

    reason: str = Field(description="why one would choose it, or why it is here")
    label: str | None = None
    environment: Environment = Field(default_factory=dict)
    process: ProcessPatch | None = None
    docker: DockerPatch | None = None
    toolchain: tuple[Toolchain, ...] | None = None
    tuning: tuple[Tuning, ...] | None = None
    payload: Literal["raw", "tree"] | None = None
    pauses: PauseLog | None = None
    warmup_hint_s: float | None = None


class TargetFile(FileModel):
    """`target.yaml`: a service to measure, how to build and run it, and its variants."""

    schema_version: Literal[1] = Field(alias="schema")
    name: Name = Field(description="the folder's name")
    label: str = Field(description="how tables call it")
    language: str
    contract: Literal[1] = Field(description="the version of the contract that it keeps")
    payload: Literal["raw", "tree"] = Field(description="is `payload` kept as text or parsed into a tree?")
    reload: str | None = Field(None, description="how a changed routing table is taken up")
    toolchain: tuple[Toolchain, ...] = ()
    process: ProcessSpec | None = None
    docker: DockerSpec | None = None
    environment: Environment = Field(default_factory=dict)
    tuning: tuple[Tuning, ...] = ()
    pauses: PauseLog | None = Field(None, description="pauses for garbage collection")
    newest_runtime: NewestRuntime | None = Field(None, description="for `gate --head-runtime latest`")
    test: tuple[tuple[str, ...], ...] = Field((), description="its own tests; BENCH_KIT names the kit")
    warmup_hint_s: float = Field(
        3.0,
        ge=0,
        description="how long it usually warms up; noise ends no warm-up sooner",
    )
    download: Size | None = Field(
        None, description="about so much is fetched for its first build as a process"
    )
    variants: dict[Name, Variant] = Field(default_factory=dict)


class TargetSpec(FileModel):
    """A target with one variant merged in (`variant` is None for the plain one)."""

    name: Name
    variant: Name | None = None
    variant_reason: str | None = None
    label: str
    language: str
    payload: Literal["raw", "tree"] | None
    reload: str | None
    toolchain: tuple[Toolchain, ...] = ()
    process: ProcessSpec | None = None
    docker: DockerSpec | None = None
    environment: Environment = Field(default_factory=dict)
    tuning: tuple[Tuning, ...] = ()
    test: tuple[tuple[str, ...], ...] = ()
    pauses: PauseLog | None = None
    newest_runtime: NewestRuntime | None = None
    warmup_hint_s: float = 3.0
    folder: Path

    @property
    def id(self) -> str:
        """`java-webflux` or `java-webflux+zgc`: how a target is named on the command line and in files."""
        return f"{self.name}+{self.variant}" if self.variant else self.name
