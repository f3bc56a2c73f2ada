"""What a signal raises while Python takes an object down is dropped there; an interrupt and a deadline come again."""

from __future__ import annotations

import subprocess
import sys

import pytest

_DROPPED = """
import signal, time, weakref
from harness.cli.signals import heed_signals
from harness.deadline import deadline
from harness.errors import DeadlineError

class Thing: pass

def callback(reference):
    {arrives}

heed_signals()
thing = Thing()
reference = weakref.ref(thing, callback)
try:
    with deadline("the step", {seconds}):
        del thing
        time.sleep(30)
except (KeyboardInterrupt, DeadlineError) as error:
    print(type(error).__name__)
"""


@pytest.mark.parametrize(
    ("arrives", "seconds", "heard"),
    [
        ("signal.raise_signal(signal.SIGINT)", 60, "KeyboardInterrupt"),
        ("signal.raise_signal(signal.SIGTERM)", 60, "KeyboardInterrupt"),
        ("time.sleep(60)", 0.1, "DeadlineError"),
        ("raise ValueError('of its own')", 0.1, "DeadlineError"),
    ],
)
def test_what_is_dropped_there_comes_once_more(arrives: str, seconds: float, heard: str) -> None:
    program = _DROPPED.format(arrives=arrives, seconds=seconds)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.stdout.strip() == heard
    assert ("of its own" in ended.stderr) == ("of its own" in arrives)
    assert "KeyboardInterrupt" not in ended.stderr
