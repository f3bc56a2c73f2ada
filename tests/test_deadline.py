"""Nothing takes longer than it may: a step is ended wherever it is, and an outer deadline outlives an inner one."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable

import pytest

from harness.deadline import deadline
from harness.errors import DeadlineError, ExitCode

SOON_S = 0.05
ENOUGH_S = 1.0
NEVER_S = 60.0


def sleep() -> None:
    time.sleep(NEVER_S)


def compute() -> None:
    while True:
        pass


def wait() -> None:
    threading.Event().wait()


@pytest.mark.parametrize("step", [sleep, compute, wait])
def test_a_step_is_ended_whatever_it_does(step: Callable[[], None]) -> None:
    with (
        pytest.raises(DeadlineError, match="the build did not end within") as ended,
        deadline("the build", SOON_S),
    ):
        step()
    assert ended.value.exit_code is ExitCode.INFRASTRUCTURE


def test_a_step_that_ends_in_time_is_left_alone_afterwards() -> None:
    with deadline("the build", ENOUGH_S):
        pass
    time.sleep(1.5 * ENOUGH_S)


def test_the_earlier_of_two_deadlines_counts_whichever_it_is() -> None:
    with pytest.raises(DeadlineError, match="outer"), deadline("outer", SOON_S), deadline("inner", NEVER_S):
        sleep()
    with pytest.raises(DeadlineError, match="inner"), deadline("outer", NEVER_S), deadline("inner", SOON_S):
        sleep()


def test_an_outer_deadline_still_holds_after_an_inner_one() -> None:
    with pytest.raises(DeadlineError, match="outer"), deadline("outer", 2 * SOON_S):
        with deadline("inner", NEVER_S):
            pass
        sleep()


def test_another_handler_and_its_timer_are_given_back() -> None:
    handler, left_s = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)[0]
    with deadline("the build", NEVER_S):
        pass
    assert signal.getsignal(signal.SIGALRM) is handler
    now_left_s = signal.getitimer(signal.ITIMER_REAL)[0]
    assert (now_left_s > 0) == (left_s > 0)
    assert now_left_s <= left_s
