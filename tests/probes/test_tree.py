"""A real family of processes: found, summed, and still counted after they ended."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from harness.probes.tree import ProcessTree

FAMILY = """
import os, sys, time
def burn(ns):
    while time.process_time_ns() < ns: pass
pid = os.fork()
if pid == 0:
    held = bytearray(30 << 20)
    burn(60_000_000)
    print("burnt", flush=True)
    time.sleep(600)
sys.stdin.readline()
os.kill(pid, 9); os.waitpid(pid, 0)
print("reaped", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def family() -> Iterator[subprocess.Popen[str]]:
    """A parent with a child that has burnt 60 ms of CPU and holds 30 MiB."""
    command = [sys.executable, "-c", FAMILY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "burnt\n"
        yield process


def say(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def eventually(true: Callable[[], bool], deadline_s: float = 60.0) -> None:
    end_s = time.monotonic() + deadline_s
    while not true():
        assert time.monotonic() < end_s, "did not come about"
        time.sleep(0.005)


def test_children_count_once_they_are_found(family: subprocess.Popen[str]) -> None:
    tree = ProcessTree(family.pid)
    alone = tree.read()
    tree.refresh()
    together = tree.read()
    assert (alone.processes, together.processes) == (1, 2)
    assert together.rss_bytes - alone.rss_bytes > 30 << 20
    assert together.cpu_ns - alone.cpu_ns >= 60_000_000
    assert tree.pss_bytes() > 30 << 20
    assert tree.switches().voluntary > 0


def test_counters_never_fall(family: subprocess.Popen[str]) -> None:
    tree = ProcessTree(family.pid)
    tree.refresh()
    before, switches = tree.read(), tree.switches()
    say(family)
    assert family.stdout is not None
    assert family.stdout.readline() == "reaped\n"
    after = tree.read()
    assert after.processes == 1
    assert after.rss_bytes < before.rss_bytes
    assert after.cpu_ns >= before.cpu_ns
    assert after.minor_faults >= before.minor_faults
    assert tree.switches().voluntary >= switches.voluntary
    say(family)
    eventually(lambda: tree.read().processes == 0 and tree.pids == ())
    gone = tree.read()
    assert gone.cpu_ns >= after.cpu_ns
    assert (gone.rss_bytes, gone.threads) == (0, 0)
    assert tree.pss_bytes() == 0


def test_no_such_process() -> None:
    with pytest.raises(ProcessLookupError):
        ProcessTree(2**22 + 1)


def test_a_tree_of_one() -> None:
    tree = ProcessTree(os.getpid())
    assert tree.pids == (os.getpid(),)
    assert tree.read().threads >= 1
