"""The nice value of a process that leads its session is that of its whole group."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.priority import set_nice


@pytest.fixture(params=[True, False], ids=["leads its session", "is in ours"])
def process(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, start_new_session=request.param) as running:
        yield running
        running.terminate()


def group_nice(pid: int) -> int | None:
    """Of the session's scheduling group; None for a process that is in none, as the first ones of a machine."""
    path = Path(f"/proc/{pid}/autogroup")
    if not path.exists():
        pytest.skip("this kernel has no groups by session")
    words = path.read_text(encoding="ascii").split()
    return int(words[-1]) if words else None


@pytest.mark.parametrize("nice", [-7, 7])
def test_a_better_value_counts_against_other_sessions(process: subprocess.Popen[bytes], nice: int) -> None:
    ours = group_nice(os.getpid())
    reached = set_nice(process.pid, nice)
    if reached != nice:
        pytest.skip("this user may not raise a priority")
    assert os.getpriority(os.PRIO_PROCESS, process.pid) == nice
    leads = os.getsid(process.pid) == process.pid
    assert group_nice(os.getpid()) == ours
    if leads:
        assert group_nice(process.pid) == min(nice, 0)


def test_what_is_not_allowed_is_told(
    process: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", deny)
    assert set_nice(process.pid, -10) == os.getpriority(os.PRIO_PROCESS, os.getpid())


def test_a_process_that_is_gone_is_no_error() -> None:
    with subprocess.Popen(["true"]) as gone:
        pass
    assert set_nice(gone.pid, 5) == 5
