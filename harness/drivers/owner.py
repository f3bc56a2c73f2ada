"""Who owns a process, control group or container: the marks by which leftovers of a crashed run are found."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

RUN_VARIABLE = "BENCH_RUN_ID"
OWNER_VARIABLE = "BENCH_OWNER"
ROLE_VARIABLE = "BENCH_ROLE"
WATCHDOG_ROLE = "watchdog"


@dataclass(frozen=True)
class Owner:
    """The harness process that started something, told apart from any later process with the same id.

    `world` names the boot and the process-id namespace: an owner from another one cannot be looked up.
    """

    pid: int
    start_ticks: int
    world: str

    @classmethod
    def current(cls) -> Owner:
        return cls(os.getpid(), _start_ticks(os.getpid()) or 0, _world())

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """Reads what `str(owner)` wrote; None if it is anything else."""
        pid, _, rest = text.partition("-")
        ticks, _, world = rest.partition("-")
        if not (pid.isdigit() and ticks.isdigit() and world):
            return None
        return cls(int(pid), int(ticks), world)

    def __str__(self) -> str:
        return f"{self.pid}-{self.start_ticks}-{self.world}"

    def is_gone(self) -> bool | None:
        """True when that harness has ended; None when this machine cannot tell."""
        if self.world != _world():
            return None
        return _start_ticks(self.pid) != self.start_ticks


@dataclass(frozen=True)
class MarkedProcess:
    """A process that carries a run's mark in its environment."""

    pid: int
    run_id: str
    owner: Owner | None
    is_watchdog: bool


def marks(run_id: str, owner: Owner) -> dict[str, str]:
    """The environment that marks a process (and all it starts) as belonging to a run."""
    return {RUN_VARIABLE: run_id, OWNER_VARIABLE: str(owner)}


def marked_processes() -> list[MarkedProcess]:
    """All marked processes but this one. Those whose environment may not be read are not ours."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            block = (folder / "environ").read_bytes()
        except OSError:
            continue
        environment = dict(e.split(b"=", 1) for e in block.split(b"\0") if b"=" in e)
        run_id = environment.get(RUN_VARIABLE.encode())
        if run_id is not None:
            found.append(
                MarkedProcess(
                    pid=int(folder.name),
                    run_id=run_id.decode(errors="replace"),
                    owner=Owner.parse(environment.get(OWNER_VARIABLE.encode(), b"").decode(errors="replace")),
                    is_watchdog=environment.get(ROLE_VARIABLE.encode()) == WATCHDOG_ROLE.encode(),
                )
            )
    return found


def _start_ticks(pid: int) -> int | None:
    """Field 22 of /proc/PID/stat (proc(5)); None when there is no such process, or only its zombie."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if after_name[0] in "ZX" else int(after_name[19])


def _world() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")
    return f"{boot}.{Path('/proc/self/ns/pid').stat().st_ino}"
