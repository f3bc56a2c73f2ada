"""Every target that a command needs, built or found built; what cannot be built is left out, with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.deadline import deadline
from harness.drivers.base import Artifact, Driver
from harness.errors import (
    BuildError,
    DeadlineError,
    ExitCode,
    HarnessError,
    ToolchainMissing,
    UsageError,
    worst,
)
from harness.model import TargetSpec
from harness.progress import Progress

_BUILD_DEADLINE_S = 3_600.0


@dataclass(frozen=True)
class Prepared:
    """What was built, and why all else was not, by target.

    `faults` are those of the skipped that lack more than a toolchain, with the exit code that each stands for.
    """

    artifacts: dict[str, Artifact]
    skipped: dict[str, str]
    faults: dict[str, ExitCode]

    def nothing(self) -> HarnessError:
        """The error where no target could be built, with all reasons."""
        kinds = {ExitCode.USAGE: UsageError, ExitCode.INFRASTRUCTURE: BuildError}
        kind = kinds.get(worst(*self.faults.values()), ToolchainMissing)
        reasons = "\n".join(f"  {name}: {why}" for name, why in self.skipped.items())
        return kind(f"no target can be built here:\n{reasons}\nSee `harness doctor`.")


def prepare(targets: Sequence[TargetSpec], driver: Driver, progress: Progress) -> Prepared:
    """Builds each target; one that cannot be built is skipped, with the reason."""
    artifacts: dict[str, Artifact] = {}
    skipped: dict[str, str] = {}
    faults: dict[str, ExitCode] = {}
    for number, target in enumerate(targets, start=1):
        progress.live(f"building {target.id} ({number} of {len(targets)})")

        def on_line(line: str, target: TargetSpec = target) -> None:
            progress.live(f"building {target.id}: {line.strip()[:80]}")

        try:
            with deadline(f"the build of {target.id}", _BUILD_DEADLINE_S):
                artifact = driver.prepare(target, on_line)
        except (ToolchainMissing, BuildError, UsageError, DeadlineError) as error:
            skipped[target.id] = str(error).removeprefix(f"{target.id}: ")
            if not isinstance(error, ToolchainMissing):
                faults[target.id] = error.exit_code
            progress.warn(f"{target.id} is skipped: {skipped[target.id]}")
            continue
        artifacts[target.id] = artifact
        progress.line(f"{target.id}: {_how_built(artifact)}")
    return Prepared(artifacts, skipped, faults)


def of_the_skipped(
    skipped: Mapping[str, str], faults: Mapping[str, int], *, named: bool
) -> tuple[ExitCode, list[str]]:
    """What targets that were not built mean for the command: its exit code, and a sentence for each that counts.

    Where a toolchain is missing, only a target that was asked for counts. `named`: they all were; a variant is there
    only where it was.
    """
    asked_for = [t for t in skipped if t not in faults and (named or "+" in t)]
    codes = [ExitCode(code) for code in faults.values()] + [ExitCode.TOO_FEW_TRIALS] * bool(asked_for)
    reasons = [f"{t} could not be built: {first_line(skipped[t])}" for t in faults]
    reasons += [f"{t} was asked for but is not here: {first_line(skipped[t])}" for t in asked_for]
    return worst(*codes), reasons


def first_line(why: str) -> str:
    """Without the end of a log, which was shown when the target was skipped."""
    return why.partition("\n")[0].removesuffix(":")


def _how_built(artifact: Artifact) -> str:
    if artifact.is_ready_made:
        return "nothing to build"
    return "unchanged, not rebuilt" if artifact.build_s is None else f"built in {artifact.build_s:.0f} s"
