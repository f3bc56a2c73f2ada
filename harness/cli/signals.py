"""SIGINT and SIGTERM as interrupts that are not lost, wherever in the program they arrive."""

from __future__ import annotations

import signal
import sys
import threading
from typing import Any

from harness.errors import DeadlineError

_LATER_S = 0.05
_AGAIN = {KeyboardInterrupt: signal.SIGINT, DeadlineError: signal.SIGALRM}
"""What a signal's handler raises, and the signal that makes it do so once more."""


def heed_signals() -> None:
    """From now on both signals raise KeyboardInterrupt in the main thread."""
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell starts background jobs with SIGINT ignored
        signal.signal(number, _as_interrupt)
    sys.unraisablehook = _once_more


def _as_interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def _once_more(dropped: Any) -> None:
    """Python drops what is raised while an object is taken down: the signal is sent again when that is over."""
    number = _AGAIN.get(dropped.exc_type)
    main = threading.main_thread().ident
    if number is None or main is None:
        sys.__unraisablehook__(dropped)
        return
    again = threading.Timer(_LATER_S, signal.pthread_kill, (main, number))
    again.daemon = True
    again.start()
