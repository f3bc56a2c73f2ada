"""Starts one command and sees to its end: a program of its own between the harness and what it starts.

It reads an order (one line of JSON) and then commands from standard input, and reports in lines of JSON on
standard output. When standard input closes, however the harness died, it stops the command: SIGTERM, three
seconds, SIGKILL to everything that is left. While the command runs it sleeps in poll(2) and costs nothing.
It needs the standard library only (`python -I -S`). It is the command's parent, so it is no part of the
command's process tree.

order     {"argv", "cwd", "environment", "log", "cpus", "nofile", "cgroup": {"folder", "events"} | null}
commands  `signal N` · `stop SECONDS`
reports   {"event": "started", "pid", "unix_ns"} · {"event": "failed", "error"} ·
          {"event": "exited", "code", "killed", "unix_ns", "cgroup_events"}
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

GRACE_WITHOUT_HARNESS_S = 3.0
REMOVAL_DEADLINE_S = 2.0
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def main() -> int:
    wake_read = _ignore_terminal_and_wake_on_terminate()
    commands = _Lines(0)
    line = commands.wait_for_line()
    if line is None:
        return 0
    order = json.loads(line)
    # Descendants whose parents have ended come to this process, so that none of them can get away.
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    started_unix_ns = time.time_ns()
    try:
        pid = _spawn(order)
    except OSError as error:
        _report(event="failed", error=str(error))
        return 1
    _report(event="started", pid=pid, unix_ns=started_unix_ns)
    code, killed = _watch(pid, commands, wake_read, order["cgroup"])
    unix_ns = time.time_ns()
    _kill_descendants(pid)
    _report(
        event="exited", code=code, killed=killed, unix_ns=unix_ns, cgroup_events=_drop_cgroup(order["cgroup"])
    )
    return 0


class _Lines:
    """Lines from a descriptor, without ever blocking on half a line."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.closed = False
        self._rest = b""

    def available(self) -> Iterator[str]:
        """Reads once and yields the lines complete by now."""
        chunk = os.read(self.fd, 65_536)
        self.closed = not chunk
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        yield from (line.decode() for line in lines)

    def wait_for_line(self) -> str | None:
        while not self.closed:
            for line in self.available():
                return line
        return None


def _watch(pid: int, commands: _Lines, wake_read: int, cgroup: dict[str, str] | None) -> tuple[int, bool]:
    """Serves commands until the process has ended; its exit code, and whether it had to be killed."""
    poller = select.poll()
    ended = os.pidfd_open(pid)
    for fd in (ended, commands.fd, wake_read):
        poller.register(fd, select.POLLIN)
    kill_at: float | None = None
    killed = False
    while True:
        wait_ms = None if kill_at is None or killed else max(0.0, kill_at - time.monotonic()) * 1000
        ready = [fd for fd, _ in poller.poll(wait_ms)]
        if ended in ready:
            os.close(ended)
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), killed
        graces: list[float] = []
        if commands.fd in ready:
            graces = [g for line in commands.available() if (g := _obey(line, pid)) is not None]
            if commands.closed:
                poller.unregister(commands.fd)
                graces.append(GRACE_WITHOUT_HARNESS_S)
        if wake_read in ready:
            os.read(wake_read, 4096)
            graces.append(GRACE_WITHOUT_HARNESS_S)
        for grace_s in graces:
            if kill_at is None:
                _let_run(cgroup)
                os.kill(pid, signal.SIGTERM)
            kill_at = min(kill_at or float("inf"), time.monotonic() + grace_s)
        if kill_at is not None and not killed and time.monotonic() >= kill_at:
            os.killpg(pid, signal.SIGKILL)
            killed = True


def _obey(command: str, pid: int) -> float | None:
    """Carries out a command; the grace in seconds if it asks to stop."""
    word, _, argument = command.partition(" ")
    if word == "signal":
        os.kill(pid, int(argument))
        return None
    if word == "stop":
        return float(argument)
    raise ValueError(f"unknown command {command!r}")


def _spawn(order: dict[str, Any]) -> int:
    """Forks and executes. Raises OSError naming the step that failed."""
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    failure_read, failure_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become(order, log, failure_write)
    os.close(failure_write)
    os.close(log)
    with os.fdopen(failure_read) as pipe:
        failure = pipe.read()
    if failure:
        os.waitpid(pid, 0)
        raise OSError(failure)
    return pid


def _become(order: dict[str, Any], log: int, failure_write: int) -> None:
    """In the child: takes on limits, then becomes the command. Never returns."""
    step = "start"
    try:
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.setsid()
        if order["cgroup"]:
            step = f"join control group {order['cgroup']['folder']}"
            Path(order["cgroup"]["folder"], "cgroup.procs").write_text("0")
        if order["cpus"]:
            step = f"bind to CPUs {order['cpus']}"
            os.sched_setaffinity(0, order["cpus"])
        if order["nofile"]:
            _raise_nofile(order["nofile"])
        with contextlib.suppress(PermissionError):  # the harness may be niced; what it measures must not be
            os.setpriority(os.PRIO_PROCESS, 0, 0)
        step = f"change to {order['cwd']}"
        os.chdir(order["cwd"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        step = f"execute {order['argv'][0]}"
        os.execvpe(order["argv"][0], order["argv"], order["environment"])
    except BaseException as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        os.write(failure_write, f"cannot {step}: {reason}".encode())
    finally:
        os._exit(127)


def _raise_nofile(wanted: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY:
        hard = wanted
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
    except (ValueError, PermissionError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _kill_descendants(group: int) -> None:
    """Kills what the ended process left: its group, then whatever was handed to this process."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    while True:
        for pid in _children():
            os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> list[int]:
    """Children of this process that are not yet reaped (so that their ids cannot have been taken anew)."""
    children = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid():
                children.append(int(folder.name))
    return children


def _let_run(cgroup: dict[str, str] | None) -> None:
    """A group of the idle class has next to no time on a busy machine, and to end takes some, even by SIGKILL."""
    if cgroup is not None:
        with contextlib.suppress(OSError), Path(cgroup["folder"], "cpu.idle").open("r+") as idle:
            idle.write("0")


def _drop_cgroup(cgroup: dict[str, str] | None) -> str | None:
    """Removes the control group, which must be empty by now; what its event counters said last."""
    if cgroup is None:
        return None
    events = None
    with contextlib.suppress(OSError):
        events = Path(cgroup["events"]).read_text()
    deadline = time.monotonic() + REMOVAL_DEADLINE_S
    while time.monotonic() < deadline:
        try:
            Path(cgroup["folder"]).rmdir()
        except FileNotFoundError:
            break
        except OSError:  # busy: the kernel has not yet let go of the last process
            time.sleep(0.005)
    return events


def _ignore_terminal_and_wake_on_terminate() -> int:
    """Handlers rather than SIG_IGN, which the command would inherit. SIGTERM wakes the poll."""
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: os.write(wake_write, b"t"))
    return wake_read


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _report(**event: object) -> None:
    with contextlib.suppress(BrokenPipeError):  # nobody is left to hear it
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
