"""Every target that a command needs, built or found built; what cannot be built is left out, with the reason."""

from __future__ import annotations

from collections.abc import Sequence

from harness.deadline import deadline
from harness.drivers.base import Artifact, Driver
from harness.errors import BuildError, DeadlineError, ToolchainMissing, UsageError
from harness.model import TargetSpec
from harness.progress import Progress

_BUILD_DEADLINE_S = 3_600.0


def prepare(
    targets: Sequence[TargetSpec], driver: Driver, progress: Progress
) -> tuple[dict[str, Artifact], dict[str, str]]:
    """Builds each target; one that cannot be built is skipped, with the reason in one line."""
    artifacts: dict[str, Artifact] = {}
    skipped: dict[str, str] = {}
    for number, target in enumerate(targets, start=1):
        progress.live(f"building {target.id} ({number} of {len(targets)})")

        def on_line(line: str, target: TargetSpec = target) -> None:
            progress.live(f"building {target.id}: {line.strip()[:80]}")

        try:
            with deadline(f"the build of {target.id}", _BUILD_DEADLINE_S):
                artifact = driver.prepare(target, on_line)
        except (ToolchainMissing, BuildError, UsageError, DeadlineError) as error:
            skipped[target.id] = str(error).removeprefix(f"{target.id}: ")
            progress.warn(f"{target.id} is skipped: {skipped[target.id]}")
            continue
        artifacts[target.id] = artifact
        progress.line(f"{target.id}: {_how_built(artifact)}")
    return artifacts, skipped


def _how_built(artifact: Artifact) -> str:
    if artifact.is_ready_made:
        return "nothing to build"
    return "unchanged, not rebuilt" if artifact.build_s is None else f"built in {artifact.build_s:.0f} s"
