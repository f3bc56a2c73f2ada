"""The frozen data that the rest of the harness passes around: targets, scenarios, cases.

What is read from a file is a pydantic model (unknown keys refused, JSON Schema for editors made from it);
`config` adds line numbers and merges variants. Durations are seconds, sizes bytes, rates requests a second.
"""

from harness.model.fields import (
    Duration,
    Environment,
    EnvText,
    FileModel,
    JsonObject,
    Name,
    Ratio,
    Size,
)
from harness.model.run import (
    Case,
    PlannedTrial,
)
from harness.model.scenario import (
    ColdStart,
    MemoryProbe,
    Promise,
    RateStep,
    Reload,
    RequestSpec,
    Scenario,
    Traffic,
    Warmup,
    Window,
)
from harness.model.target import (
    DockerPatch,
    DockerSpec,
    NewestRuntime,
    PauseLog,
    ProcessPatch,
    ProcessSpec,
    TargetFile,
    TargetSpec,
    Toolchain,
    Tuning,
    Variant,
)

__all__ = [
    "Case",
    "ColdStart",
    "DockerPatch",
    "DockerSpec",
    "Duration",
    "EnvText",
    "Environment",
    "FileModel",
    "JsonObject",
    "MemoryProbe",
    "Name",
    "NewestRuntime",
    "PauseLog",
    "PlannedTrial",
    "ProcessPatch",
    "ProcessSpec",
    "Promise",
    "RateStep",
    "Ratio",
    "Reload",
    "RequestSpec",
    "Scenario",
    "Size",
    "TargetFile",
    "TargetSpec",
    "Toolchain",
    "Traffic",
    "Tuning",
    "Variant",
    "Warmup",
    "Window",
]
