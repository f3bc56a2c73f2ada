"""Whatever dies, in whatever order: it is noticed, it is said, and nothing is left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil
import pytest
from load.kinds import PlanMaker
from load.service import Service
from load.waiting import eventually

from harness.errors import LoadError
from harness.load import supervise
from harness.load.plan import LoadPlan
from harness.load.result import read_reports
from harness.load.supervise import LOCUST, Engine, LoadGenerator, Progress

ROOT = Path(__file__).parents[2]


def ended(pids: Iterable[int]) -> bool:
    """None of them runs any more (what nobody has waited for yet counts as ended)."""
    return not any(
        psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids
    )


def once(action: Callable[[], None]) -> Callable[[Progress], None]:
    """The action, at the first progress of a window: then the load is running."""
    pending = [action]

    def on_progress(_: Progress) -> None:
        if pending:
            pending.pop()()

    return on_progress


def worker_pid(generator: LoadGenerator, index: int = 0) -> int:
    return generator.pids[f"load worker {index}"]


def test_a_killed_worker_spoils_the_window(engine: Engine, make_plan: PlanMaker, tmp_path: Path) -> None:
    with LoadGenerator(engine, tmp_path / "logs", workers=2) as generator:
        pids = generator.pids.values()
        plan = make_plan(duration_s=200.0)
        began = time.monotonic()
        result = generator.offer(
            plan,
            tmp_path,
            once(lambda: os.kill(worker_pid(generator), signal.SIGKILL)),
        )
        assert time.monotonic() - began < plan.duration_s, "a spoilt window is not offered to its end"
        assert len(result.totals) == 1, "the other worker delivers all the same"
        assert any("load worker 0" in problem and "SIGKILL" in problem for problem in result.problems)
        assert any("before the window was over" in problem for problem in result.problems)
        assert read_reports(result.reports).histogram("service").count > 0
        with pytest.raises(LoadError, match="load worker 0"):
            generator.offer(make_plan(), tmp_path)
    assert ended(pids)


def test_a_worker_that_hangs_is_noticed(engine: Engine, make_plan: PlanMaker, tmp_path: Path) -> None:
    with LoadGenerator(engine, tmp_path / "logs", workers=2) as generator:
        pids = generator.pids.values()
        result = generator.offer(
            make_plan(duration_s=3.0),
            tmp_path,
            once(lambda: os.kill(worker_pid(generator), signal.SIGSTOP)),
        )
        assert any("fell silent" in problem for problem in result.problems)
        with pytest.raises(LoadError, match="1 of 2 workers were ready"):
            generator.offer(make_plan(), tmp_path)
    assert ended(pids)


def test_a_master_that_hangs_is_given_up_at_the_deadline(
    engine: Engine, make_plan: PlanMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(duration_s=60.0)
    with LoadGenerator(engine, tmp_path / "logs", workers=1) as generator:
        pids = generator.pids.values()
        monkeypatch.setattr(supervise, "MARGIN_S", 5.0 - plan.deadline_s + plan.duration_s)
        monkeypatch.setattr(supervise, "PREPARE_DEADLINE_S", 60.0 + plan.deadline_s)
        monkeypatch.setattr(LoadPlan, "deadline_s", plan.deadline_s - plan.duration_s)
        with pytest.raises(LoadError, match=r"did not end window .* in time"):
            generator.offer(
                plan, tmp_path, once(lambda: os.kill(generator.pids["load master"], signal.SIGSTOP))
            )
    assert ended(pids)


def test_without_a_master_the_load_ends(
    engine: Engine, service: Service, make_plan: PlanMaker, tmp_path: Path
) -> None:
    with LoadGenerator(engine, tmp_path / "logs", workers=2) as generator:
        pids = generator.pids.values()
        with pytest.raises(LoadError, match=r"load master \(pid \d+\) ended by SIGKILL"):
            generator.offer(
                make_plan(duration_s=60.0),
                tmp_path,
                once(lambda: os.kill(generator.pids["load master"], signal.SIGKILL)),
            )
        assert psutil.pid_exists(worker_pid(generator))

        def is_quiet() -> bool:
            before = service.total
            time.sleep(0.5)
            return service.total == before

        assert eventually(is_quiet)
    assert ended(pids)


def test_an_interrupt_leaves_nothing_running(engine: Engine, make_plan: PlanMaker, tmp_path: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    pids: list[int] = []
    plan = make_plan("/never", duration_s=200.0, timeout_ms=200_000)
    began = 0.0
    with (
        pytest.raises(KeyboardInterrupt),
        LoadGenerator(engine, tmp_path / "logs", workers=2) as generator,
    ):
        pids.extend(generator.pids.values())
        try:
            generator.offer(plan, tmp_path, once(interrupt))
        finally:
            began = time.monotonic()
    assert time.monotonic() - began < plan.duration_s / 2
    assert len(pids) == 3
    assert ended(pids)


def test_processes_that_ignore_being_asked_are_killed(make_plan: PlanMaker, tmp_path: Path) -> None:
    with LoadGenerator(LOCUST, tmp_path / "logs", workers=2) as generator:
        pids = generator.pids.values()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
    assert ended(pids)


def test_when_the_harness_is_killed_everything_ends(
    engine: Engine, service: Service, make_plan: PlanMaker, tmp_path: Path
) -> None:
    make_plan(run="w")
    requests = next(tmp_path.glob("*.msgpack"))
    program = textwrap.dedent(f"""
        from pathlib import Path
        from harness.load.plan import LoadPlan
        from harness.load.supervise import Engine, LoadGenerator
        folder = Path({str(tmp_path)!r})
        plan = LoadPlan("w", "127.0.0.1", {service.port}, {str(requests)!r}, "closed", 4, 60.0)
        with LoadGenerator({engine!r}, folder, workers=2) as generator:
            print(*generator.pids.values(), flush=True)
            generator.offer(plan, folder)
    """)
    harness = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=ROOT)
    assert harness.stdout is not None
    pids = [int(word) for word in harness.stdout.readline().split()]
    assert len(pids) == 3
    assert eventually(lambda: service.total > 0)
    harness.kill()
    harness.wait()
    harness.stdout.close()
    assert eventually(lambda: ended(pids))


def test_a_worker_ends_with_its_standard_input_even_without_a_master(engine: Engine) -> None:
    argv = engine.argv("127.0.0.1", 1, None)
    worker = subprocess.Popen(argv, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert worker.stdin is not None and worker.stderr is not None
    worker.stdin.close()
    worker.stderr.read()
    worker.wait(60)
    worker.stderr.close()


def test_a_worker_that_cannot_be_started_is_named(tmp_path: Path) -> None:
    missing = Engine("native", (str(tmp_path / "bench-worker"),))
    with pytest.raises(LoadError, match="bench-worker"), LoadGenerator(missing, tmp_path):
        raise AssertionError("unreachable")


def test_a_worker_that_ends_at_once_is_quoted(tmp_path: Path) -> None:
    failing = Engine("native", (sys.executable, "-c", "raise SystemExit('no licence to load')"))
    with pytest.raises(LoadError, match="no licence to load"), LoadGenerator(failing, tmp_path):
        raise AssertionError("unreachable")


def test_a_generator_that_is_closed_offers_nothing(make_plan: PlanMaker, tmp_path: Path) -> None:
    generator = LoadGenerator(LOCUST, tmp_path)
    generator.close()
    generator.close()
    with pytest.raises(LoadError, match="not running"):
        generator.offer(make_plan(), tmp_path)
