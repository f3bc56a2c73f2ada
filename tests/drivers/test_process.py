"""The process driver against real processes: start, limits, failures, stop."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.deadline import deadline
from harness.drivers.cgroups import Refusal
from harness.errors import DeadlineError, StartError
from harness.model import TargetSpec


def test_a_started_target_answers_and_stops_in_order(launch: Any, eye: Any, run_id: str) -> None:
    with launch() as running:
        assert eye.info(running)["pids"] == [running.pid]
        assert running.is_alive()
        assert running.started_unix_ns < running.ready_unix_ns < time.time_ns()
        result = running.stop()
    assert (result.exit_code, result.killed) == (0, False)
    assert not running.is_alive()
    assert running.log_tail() == "starting\nstopped in order"
    assert running.stop() == result
    assert eye.marked(run_id) == []


def test_leaving_the_context_stops_the_target(launch: Any, eye: Any) -> None:
    with pytest.raises(ZeroDivisionError), launch() as running:
        raise ZeroDivisionError
    assert not running.is_alive()
    assert not eye.runs(running.pid)


def test_the_environment_is_what_was_asked_for_and_nothing_of_the_callers(
    launch: Any, eye: Any, target: TargetSpec, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOGC", "off")
    routes = tmp_path / "routes.json"
    routes.write_text("a table")
    chosen = target.model_copy(update={"environment": {"FROM_TARGET": "1", "BOTH": "target"}})
    given = {"CPUS": "1", "BOTH": "settings"}
    with launch(chosen, environment=given, files={"ROUTES_FILE": routes}) as running:
        facts = eye.info(running)
    environment = facts["environment"]
    assert "GOGC" not in environment
    assert environment["FROM_TARGET"] == "1"
    assert environment["BOTH"] == "settings"
    assert environment["CPUS"] == "1"
    assert environment["PORT"] == str(running.port)
    assert facts["routes"] == "a table"


def test_cpus_and_open_files_are_limited(launch: Any, eye: Any) -> None:
    cpu = max(os.sched_getaffinity(0))
    with launch(cpus=(cpu,), nofile=1_000) as running:
        facts = eye.info(running)
    assert facts["cpus"] == [cpu]
    assert facts["nofile"] == 1_000
    assert {limit.name: limit.enforced for limit in running.limits} == {"cpus": True, "nofile": True}


def test_cpus_that_do_not_exist_are_refused(launch: Any) -> None:
    with pytest.raises(StartError, match=r"cannot bind to CPUs \[4095\]"), launch(cpus=(4095,)):
        pass


def test_a_limit_that_cannot_be_held_is_said_so(launch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.drivers.process.make_memory_group", lambda *_: Refusal("not permitted"))
    with launch(memory_limit_bytes=256 << 20, nofile=None) as running:
        [limit] = running.limits
    assert (limit.name, limit.enforced, limit.how) == ("memory_bytes", False, "not permitted")


@pytest.mark.usefixtures("memory_groups_permitted")
def test_a_target_over_its_memory_limit_is_killed_and_the_reason_known(launch: Any, eye: Any) -> None:
    with launch(memory_limit_bytes=128 << 20) as running:
        [group] = running.cgroups
        assert str(running.pid) in (group / "cgroup.procs").read_text().split()
        with pytest.raises(OSError):
            urllib.request.urlopen(f"{running.url}/eat", timeout=60)
        assert eye.eventually(lambda: not running.is_alive())
        result = running.stop()
    assert result.out_of_memory
    assert str(result) == "was killed for exceeding its memory limit"
    assert not group.exists()


def test_signals_reach_the_target(launch: Any, eye: Any) -> None:
    with launch() as running:
        running.signal(signal.SIGHUP)
        assert eye.eventually(lambda: eye.info(running)["hang_ups"] == 1)
    running.signal(signal.SIGHUP)  # it has ended: nothing happens


def test_a_target_that_exits_early_fails_at_once_with_its_log(launch: Any, eye: Any, run_id: str) -> None:
    how = r"tiny: exited with code 2 before.*\n.*\nPORT: bad value 'x'"
    starting = launch(environment={"FAULT": "exit-early"}, ready_deadline_s=200.0)
    with pytest.raises(StartError, match=how), starting:
        pass
    assert eye.marked(run_id) == []


def test_a_target_that_is_never_ready_fails_at_the_deadline(launch: Any, eye: Any, run_id: str) -> None:
    how = r"healthz with 200 within 4 s\. Its log ended with:\nstarting"
    starting = launch(environment={"FAULT": "never-ready"}, ready_deadline_s=4.0)
    with pytest.raises(StartError, match=how), starting:
        pass
    assert eye.marked(run_id) == []


@pytest.mark.usefixtures("memory_groups_permitted")
def test_a_command_that_does_not_exist_is_named(launch: Any, target: TargetSpec) -> None:
    assert target.process is not None
    gone = target.model_copy(update={"process": target.process.model_copy(update={"run": ("no-such",)})})
    starting = launch(gone, memory_limit_bytes=64 << 20)
    with (
        pytest.raises(StartError, match=r"^tiny: cannot execute no-such: No such file or directory"),
        starting,
    ):
        pass


def test_a_command_line_may_say_where_to_listen_and_on_how_many_cores(
    launch: Any, target: TargetSpec, eye: Any
) -> None:
    """As a program needs it that reads no environment."""
    assert target.process is not None
    told = ("env", "-u", "PORT", "PORT={port}", "TOLD={bind}:{port} {cpus} {{x}}")
    run = (*told, *target.process.run)
    by_command = target.model_copy(update={"process": target.process.model_copy(update={"run": run})})
    with launch(by_command, environment={"CPUS": "2"}) as running:
        assert eye.info(running)["environment"]["TOLD"] == f"127.0.0.1:{running.port} 2 {{x}}"


def test_a_port_in_use_is_named(launch: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartError, match=f"port {port} is in use"), launch(port=port):
            pass


def test_a_target_that_crashes_is_noticed_with_its_exit_code(launch: Any, eye: Any) -> None:
    with launch() as running:
        with pytest.raises(OSError):
            urllib.request.urlopen(f"{running.url}/crash", timeout=60)
        assert eye.eventually(lambda: not running.is_alive())
        assert running.log_tail(1) == "crashing as asked"
        assert str(running.stop()) == "exited with code 7"


def test_a_target_deaf_to_sigterm_is_killed_after_the_grace(launch: Any) -> None:
    with launch(environment={"FAULT": "deaf"}) as running:
        result = running.stop(grace_s=0.3)
    assert (result.exit_code, result.killed) == (-signal.SIGKILL, True)
    assert result.seconds >= 0.3


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Where tests run side by side, Ctrl-C is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_while_it_is_stopped_leaves_nothing(launch: Any, eye: Any, run_id: str) -> None:
    interrupt = threading.Timer(0.3, signal.pthread_kill, (threading.get_ident(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt), launch(environment={"FAULT": "deaf"}) as running:
        interrupt.start()
        running.stop(grace_s=60)
    assert running.stop().exit_code is None
    assert not running.is_alive()
    running.signal(signal.SIGHUP)  # nothing happens
    assert not eye.runs(running.pid)
    assert eye.marked(run_id) == []


def test_a_deadline_while_it_is_stopped_is_what_is_told(launch: Any, eye: Any, run_id: str) -> None:
    with (
        pytest.raises(DeadlineError, match="the stop did not end"),
        launch(environment={"FAULT": "deaf"}) as running,
        deadline("the stop", 0.3),
    ):
        running.stop(grace_s=60)
    assert not eye.runs(running.pid)
    assert eye.marked(run_id) == []


def test_a_child_in_a_session_of_its_own_ends_with_the_target(launch: Any, eye: Any) -> None:
    with launch(environment={"FAULT": "runaway"}) as running:
        child = int(running.log_tail(1).removeprefix("child "))
        assert eye.runs(child)
        running.stop()
        assert not eye.runs(child)
