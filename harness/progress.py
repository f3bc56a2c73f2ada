"""What a running command tells its user: plain lines to standard error; on a terminal also what happens just now.

The live part is drawn once a second by a thread of the lowest priority, since it shares a core with the load
generator. Without a terminal, or when quiet, there is no such thread, and nothing is read for it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from harness.units import BYTES_PER_MIB, NS_PER_MS, duration_text

_DRAW_ROUND_S = 1.0
_LOWEST_NICE = 19
_BAR_WIDTH = 24


@dataclass(frozen=True)
class TrialNow:
    """The trial under way: `done_ratio` of the run's planned time lies behind, about `left_s` ahead."""

    case: str
    round: str
    done_ratio: float
    left_s: float


@dataclass(frozen=True)
class WindowNow:
    """A running window. `rate_rps`: completed in the last whole second reported. None: not known, or not yet."""

    name: str
    second: int
    length_s: float
    rate_rps: float | None
    p99_ns: int | None
    memory_bytes: int | None


class Progress:
    """Lines that stay, and a part that changes. Quiet: only warnings stay."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet
        self._started_s = time.monotonic()
        self._live: Live | None = None
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self._text = self._head = ""
        self._trial: TrialNow | None = None
        self._trial_began_s = 0.0
        self._window: Callable[[], WindowNow] | None = None

    def __enter__(self) -> Progress:
        if self._console.is_terminal and not self._console.is_dumb_terminal and not self._quiet:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
            self._thread = threading.Thread(target=self._keep_drawing, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        if self._live is not None:
            self._live.stop()
            self._live = None

    # --- what is told -------------------------------------------------------------------------------------

    def line(self, text: str) -> None:
        """A step that was done or begins; it stays."""
        if not self._quiet:
            self._console.print(f"[dim]{self._clock()}[/dim] {escape(text)}", highlight=False, soft_wrap=True)

    def warn(self, text: str) -> None:
        """Something the reader must know even when quiet."""
        self._console.print(f"[yellow]![/yellow] {escape(text)}", highlight=False, soft_wrap=True)

    def live(self, text: str, head: str = "") -> None:
        """What happens just now; only a terminal shows it, replaced by the next. `head`: within what."""
        self._text, self._head = text, head

    def trial(self, now: TrialNow | None) -> None:
        """Which trial is under way; None when it is done."""
        self._trial, self._trial_began_s = now, time.monotonic()

    def watch(self, window: Callable[[], WindowNow] | None) -> None:
        """Asked once a second what the running window shows, and only where somebody sees it."""
        self._window = window

    # --- what is drawn ------------------------------------------------------------------------------------

    def _keep_drawing(self) -> None:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST_NICE)
        while not self._ended.wait(_DRAW_ROUND_S):
            assert self._live is not None
            self._live.update(self.view(), refresh=True)

    def view(self) -> RenderableType:
        """The part that changes, as it is at this moment."""
        window, trial = self._window, self._trial
        now = _shown(window)
        what_now = self._text if now is None else window_text(now)
        if trial is None:
            head_text = f"{self._head}: " if self._head else ""
            return Text(f"{self._clock()} {head_text}{what_now}", no_wrap=True, overflow="ellipsis")
        left_s = max(0.0, trial.left_s - (time.monotonic() - self._trial_began_s))
        head = Table.grid(padding=(0, 2))
        head.add_row(
            self._clock(),
            ProgressBar(total=1.0, completed=_done_ratio(trial, left_s), width=_BAR_WIDTH),
            trial.round,
            f"about {duration_text(left_s)} left",
        )
        what = Text(f"      {trial.case}  ", style="bold", no_wrap=True, overflow="ellipsis")
        what.append(what_now, style="not bold")
        return Group(head, what)

    def _clock(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._started_s), 60)
        return f"{minutes:2d}:{seconds:02d}"


def _done_ratio(trial: TrialNow, left_s: float) -> float:
    """Moves on with the time, as if the trial took as long as it is thought to."""
    gone = 1 - left_s / trial.left_s if trial.left_s else 0.0
    return trial.done_ratio + (1 - trial.done_ratio) * gone


def _shown(window: Callable[[], WindowNow] | None) -> WindowNow | None:
    """None for what is being written or removed at this moment: the next look will do."""
    try:
        return None if window is None else window()
    except (OSError, ValueError, KeyError):
        return None


def window_text(now: WindowNow) -> str:
    """`rate-1000  second 4 of 11  998/s  P99 so far 1.42 ms  14.1 MiB`; what is not known yet is left out."""
    parts = [now.name, f"second {now.second} of {now.length_s:.0f}"]
    if now.rate_rps is not None:
        parts.append(f"{now.rate_rps:,.0f}/s")
    if now.p99_ns is not None:
        parts.append(f"P99 so far {now.p99_ns / NS_PER_MS:.3g} ms")
    if now.memory_bytes is not None:
        parts.append(f"{now.memory_bytes / BYTES_PER_MIB:.1f} MiB")
    return "  ".join(parts)
