"""Cores are kept awake for real: by a thread on each, in a group of the idle class, that takes no time from anybody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from load.waiting import eventually
from report.made import PLACEMENT
from scene import KEEP_AWAKE, burning

from harness import awake
from harness.awake import kept_awake, why_not
from harness.catalogue import ROOT
from harness.compose import _awake
from harness.drivers.cgroups import ControlGroup, Refusal, leftover_groups
from harness.drivers.owner import marked_processes
from harness.engine import EngineChoice
from harness.errors import InfrastructureError, StartError
from harness.load.supervise import LOCUST

CPUS = tuple(sorted(os.sched_getaffinity(0)))
RUN = "awake-test"


@pytest.fixture
def program() -> Path:
    """Where it is, on a machine where it can do its work."""
    if reason := why_not(KEEP_AWAKE, in_containers=False):
        pytest.skip(reason)
    return KEEP_AWAKE


def groups() -> list[Path]:
    """Those of this test's run, with and without processes in them."""
    return [
        folder for above in ("cpu", "") for folder in Path("/sys/fs/cgroup", above).glob(f"bench.{RUN}.*")
    ]


def policy_of(stat: bytes) -> int:
    return int(stat[stat.rindex(b")") + 2 :].split()[38])


def test_an_idle_core_does_not_halt_and_nothing_is_left(program: Path, tmp_path: Path) -> None:
    with kept_awake(CPUS, program, RUN, tmp_path / "log") as wakers:
        assert set(wakers.cpu_ns()) == set(CPUS)
        assert eventually(lambda: min(wakers.cpu_ns().values()) > 100_000_000)
        (pid,) = (m.pid for m in marked_processes() if m.run_id == RUN and not m.is_watchdog)
        stats = {t.name: (t / "stat").read_bytes() for t in Path(f"/proc/{pid}/task").iterdir()}
        threads = {s for tid, s in stats.items() if tid != str(pid)}
        assert {policy_of(stat) for stat in threads} == {os.SCHED_IDLE}
        assert len(groups()) == 1
        assert (groups()[0] / "cpu.idle").read_text().strip() == "1"
        assert str(pid) in (groups()[0] / "cgroup.procs").read_text().split()
    assert groups() == []
    assert [m for m in marked_processes() if m.run_id == RUN] == []


def test_who_wants_the_core_has_it(program: Path, tmp_path: Path) -> None:
    """The kernel gives the idle class 0.3 % beside a process of the usual one."""
    cpu = CPUS[-1]
    with kept_awake([cpu], program, RUN, tmp_path / "log") as wakers, burning(cpu) as busy:
        assert eventually(lambda: cpu_ticks(busy.pid) > 0)
        taken_before_ns, used_before = wakers.cpu_ns()[cpu], cpu_ticks(busy.pid)
        assert eventually(lambda: cpu_ticks(busy.pid) - used_before >= 200)
        taken_ns = wakers.cpu_ns()[cpu] - taken_before_ns
    assert taken_ns < 0.05 * 2e9


def test_it_ends_where_others_want_the_core(program: Path, tmp_path: Path) -> None:
    """In its own class it would get no time to end in, even by SIGKILL."""
    with ExitStack() as hogs:
        for cpu in CPUS:
            for _ in range(4):
                hogs.enter_context(burning(cpu))
        with kept_awake(CPUS, program, RUN, tmp_path / "log"):
            assert len(groups()) == 1
        assert groups() == []


def cpu_ticks(pid: int) -> int:
    return sum(map(int, Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[11:13]))


def test_a_core_that_is_not_there_is_told_of(program: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(StartError, match="exited with code 1: keep-awake: CPU 1023: Invalid argument"),
        kept_awake([CPUS[0], 1_023], program, RUN, tmp_path / "log"),
    ):
        pytest.fail("it cannot be kept awake")
    assert groups() == []


@pytest.mark.usefixtures("program")
def test_a_program_that_cannot_be_executed_leaves_no_group(tmp_path: Path) -> None:
    with (
        pytest.raises(StartError, match="cannot execute"),
        kept_awake(CPUS[:1], tmp_path, RUN, tmp_path / "log"),
    ):
        pytest.fail("it cannot be started")
    assert groups() == []


def test_one_that_ends_by_itself_is_told_of(program: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(
            InfrastructureError, match="not kept awake to the end: keep-awake was ended by SIGKILL"
        ),
        kept_awake(CPUS[:1], program, RUN, tmp_path / "log"),
    ):
        (pid,) = (m.pid for m in marked_processes() if m.run_id == RUN and not m.is_watchdog)
        os.kill(pid, signal.SIGKILL)
        assert eventually(
            lambda: not any(m.run_id == RUN for m in marked_processes())
        )  # its watchdog has told
    assert groups() == []


HARNESS = """
import sys, time
from pathlib import Path
from harness.awake import kept_awake
with kept_awake([int(sys.argv[1])], Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4])):
    print("awake", flush=True)
    time.sleep(600)
"""


def test_it_ends_with_a_killed_harness(program: Path, tmp_path: Path) -> None:
    argv = [sys.executable, "-c", HARNESS, str(CPUS[0]), str(program), RUN, str(tmp_path / "log")]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as harness:
        try:
            assert harness.stdout is not None
            assert harness.stdout.readline() == "awake\n"
            assert len(groups()) == 1
        finally:
            harness.kill()
    assert eventually(lambda: not any(m.run_id == RUN for m in marked_processes()))
    assert eventually(lambda: groups() == [])
    assert not [run for _, run, _ in leftover_groups() if run == RUN]


def engine(programs: Path) -> EngineChoice:
    return EngineChoice(LOCUST, programs)


def test_on_a_machine_of_ones_own_cores_may_halt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.awake.machine.virtualisation", lambda _: "none")
    assert not awake.is_worth_it()
    assert _awake(PLACEMENT, engine(KEEP_AWAKE.parent), in_containers=False) == PLACEMENT


def test_what_prevents_it_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.awake.machine.virtualisation", lambda _: "virtual machine, unnamed")
    found = _awake(PLACEMENT, engine(tmp_path), in_containers=False)
    reason = "idle cores halt: what keeps them awake comes with the native worker, which is not built"
    assert found == replace(PLACEMENT, notes=(*PLACEMENT.notes, reason))
    (tmp_path / "keep-awake").touch()
    monkeypatch.setattr("harness.awake.make_idle_group", lambda *_: Refusal("not permitted"))
    assert why_not(tmp_path / "keep-awake", in_containers=False) == "not permitted"


@pytest.mark.parametrize(
    ("version", "file", "is_top"),
    [(1, "release_agent", True), (1, "tasks", False), (2, "cgroup.stat", True), (2, "cgroup.events", False)],
)
def test_beside_the_groups_of_containers_it_has_to_be_at_the_machines_top(
    version: int, file: str, is_top: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The root's group has a file that others lack, or lacks one that they have: cgroups(7)."""

    def made(*_: object) -> ControlGroup:
        folder = tmp_path / "group"
        folder.mkdir()
        return ControlGroup(folder, folder / "cpu.stat", version)

    (tmp_path / file).touch()
    (tmp_path / "keep-awake").touch()
    monkeypatch.setattr("harness.awake.make_idle_group", made)
    assert why_not(tmp_path / "keep-awake", in_containers=False) is None
    reason = why_not(tmp_path / "keep-awake", in_containers=True)
    assert (reason is None) is is_top
    assert is_top or "in a container itself" in (reason or "")


def test_all_cores_that_take_part_are_kept_awake(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.awake.machine.virtualisation", lambda _: "virtual machine, unnamed")
    assert _awake(PLACEMENT, engine(program.parent), in_containers=False).awake_cpus == PLACEMENT.cpus


def test_without_cores_nothing_runs(tmp_path: Path) -> None:
    with kept_awake((), tmp_path / "none", RUN, tmp_path / "log") as wakers:
        assert wakers.cpu_ns() == {}
    assert list(tmp_path.iterdir()) == []
