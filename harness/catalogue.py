"""What there is to measure: the targets and scenarios in their folders, by name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.config import ConfigError, Place, Problem, read_model, read_yaml
from harness.errors import UsageError
from harness.gate_file import GateFile
from harness.model import DockerSpec, ProcessSpec, Scenario, TargetFile, TargetSpec, Variant

ROOT = Path(__file__).resolve().parents[1]


def read_target(folder: Path) -> TargetFile:
    """The target in `folder`. Raises ConfigError."""
    path = folder / "target.yaml"
    target = read_model(path, TargetFile)
    if target.name != folder.name:
        _, lines = read_yaml(path)
        text = f"must be the folder's name, {folder.name!r} (here: {target.name!r})"
        raise ConfigError([Problem(path, lines[("name",)], "name", text)])
    if target.process is None and target.docker is None:
        raise ConfigError([Problem(path, 1, "", "give `process` or `docker`: neither tells how to run it")])
    return target


def all_targets(root: Path = ROOT) -> list[TargetFile]:
    """Every folder of `targets/` that holds a target.yaml, by name. Raises ConfigError."""
    return [read_target(p.parent) for p in sorted((root / "targets").glob("*/target.yaml"))]


def find_target(name: str, root: Path = ROOT) -> TargetSpec:
    """A target by `name`, `name+variant`, or the path of its folder. Raises UsageError, ConfigError."""
    bare, _, variant = name.partition("+")
    folder = Path(bare) if "/" in bare else root / "targets" / bare
    if not (folder / "target.yaml").is_file():
        known = [p.parent.name for p in sorted((root / "targets").glob("*/target.yaml"))]
        raise UsageError(f"no target {bare!r}{_nearest(bare, known)}")
    return merge(read_target(folder.resolve()), variant or None, folder.resolve())


def merge(target: TargetFile, variant_name: str | None, folder: Path) -> TargetSpec:
    """The target with a variant's changes in place. Raises UsageError for a variant it does not have."""
    if variant_name is not None and variant_name not in target.variants:
        raise UsageError(
            f"target {target.name} has no variant {variant_name!r}{_nearest(variant_name, target.variants)}"
        )
    variant = target.variants[variant_name] if variant_name else Variant(reason="")
    return TargetSpec(
        name=target.name,
        variant=variant_name,
        variant_reason=variant.reason or None,
        label=variant.label or (f"{target.label}, {variant_name}" if variant_name else target.label),
        language=target.language,
        payload=variant.payload or target.payload,
        reload=target.reload,
        toolchain=target.toolchain if variant.toolchain is None else variant.toolchain,
        process=_merged_process(target.process, variant),
        docker=_merged_docker(target.docker, variant),
        environment={**target.environment, **variant.environment},
        tuning=target.tuning if variant.tuning is None else variant.tuning,
        test=target.test,
        pauses=variant.pauses or target.pauses,
        newest_runtime=None if variant.process and variant.process.build else target.newest_runtime,
        warmup_hint_s=target.warmup_hint_s if variant.warmup_hint_s is None else variant.warmup_hint_s,
        folder=folder,
    )


def _merged_process(process: ProcessSpec | None, variant: Variant) -> ProcessSpec | None:
    if process is None or variant.process is None:
        return process
    return process.model_copy(update=variant.process.model_dump(exclude_none=True))


def _merged_docker(docker: DockerSpec | None, variant: Variant) -> DockerSpec | None:
    if docker is None or variant.docker is None:
        return docker
    changes = variant.docker.model_dump(exclude_none=True)
    changes["build_args"] = {**docker.build_args, **variant.docker.build_args}
    return docker.model_copy(update=changes)


def find_scenario(name: str, root: Path = ROOT) -> Scenario:
    """A scenario by name, or the path of its file. Raises UsageError, ConfigError."""
    if name.endswith((".yaml", ".yml")):
        return read_scenario(Path(name))
    path = root / "scenarios" / f"{name}.yaml"
    if not path.is_file():
        known = [p.stem for p in sorted((root / "scenarios").glob("*.yaml"))]
        raise UsageError(f"no scenario {name!r}{_nearest(name, known)}")
    return read_scenario(path)


def read_scenario(path: Path) -> Scenario:
    """One scenario file, and the files beside it that it names. Raises ConfigError."""
    scenario = read_model(path, Scenario, {"folder": path.resolve().parent})
    wrong = list(_wrong_in_request(scenario))
    if wrong:
        _, lines = read_yaml(path)
        raise ConfigError(
            [Problem(path, lines[place], ".".join(map(str, place)), text) for place, text in wrong]
        )
    return scenario


def _wrong_in_request(scenario: Scenario) -> Iterator[tuple[Place, str]]:
    """What a request names that it cannot be made of: (place in the file, what is wrong there)."""
    request = scenario.request
    if request is None:
        return
    if not request.path.startswith("/"):
        yield ("request", "path"), f"must begin with / (here: {request.path!r})"
    named: list[tuple[Place, str]] = [
        (("request", "body_files", number), name) for number, name in enumerate(request.body_files)
    ]
    if request.token_file is not None:
        named.insert(0, (("request", "token_file"), request.token_file))
    for place, name in named:
        if not (scenario.folder / name).is_file():
            yield place, f"no file {scenario.folder / name}"


def all_scenarios(root: Path = ROOT) -> list[Scenario]:
    return [read_scenario(p) for p in sorted((root / "scenarios").glob("*.yaml"))]


def read_gate_file(path: Path = ROOT / "gate.yaml") -> GateFile:
    """What the nightly guard compares. Raises ConfigError."""
    return read_model(path, GateFile)


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return f"{hint} There are: {', '.join(names) or 'none'}"
