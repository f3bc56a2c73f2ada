"""Every error that the harness raises on purpose; `cli` turns each into one message and one exit code.

HarnessError
├── UsageError            2   a wrong argument, scenario, target or profile
├── ConformanceError      1   the service does not keep the contract
├── ToolchainMissing      3   what a target needs is not on this machine
├── TooNoisy              3   the machine is too busy to go on with what was begun
├── BuildError            4   a target did not build
├── StartError            4   a service ended early or did not become ready
├── LoadError             4   the load generator failed
├── ProbeError            4   a figure could not be read
├── StoreError            4   results could not be written or read
├── DeadlineError         4   a step did not end in time
└── InfrastructureError   4   Docker, the disk or the kernel failed us
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit code says; of several the worst counts (see `worst`)."""

    DONE = 0
    BROKEN_PROMISE = 1
    USAGE = 2
    TOO_FEW_TRIALS = 3
    INFRASTRUCTURE = 4
    INTERRUPTED = 130


_BADNESS = (
    ExitCode.DONE,
    ExitCode.BROKEN_PROMISE,
    ExitCode.TOO_FEW_TRIALS,
    ExitCode.INFRASTRUCTURE,
    ExitCode.USAGE,
    ExitCode.INTERRUPTED,
)


def worst(*codes: ExitCode) -> ExitCode:
    """The code that outranks the others: 130 > 2 > 4 > 3 > 1 > 0; DONE when there are none."""
    return max(codes, key=_BADNESS.index, default=ExitCode.DONE)


class HarnessError(Exception):
    """The root. The message says what failed, where, and what to do about it."""

    exit_code = ExitCode.INFRASTRUCTURE


class UsageError(HarnessError):
    exit_code = ExitCode.USAGE


class ConformanceError(HarnessError):
    exit_code = ExitCode.BROKEN_PROMISE


class ToolchainMissing(HarnessError):
    exit_code = ExitCode.TOO_FEW_TRIALS


class TooNoisy(HarnessError):
    exit_code = ExitCode.TOO_FEW_TRIALS


class BuildError(HarnessError):
    pass


class StartError(HarnessError):
    pass


class LoadError(HarnessError):
    pass


class ProbeError(HarnessError):
    pass


class StoreError(HarnessError):
    pass


class DeadlineError(HarnessError):
    pass


class InfrastructureError(HarnessError):
    pass
