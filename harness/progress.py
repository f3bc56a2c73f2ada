"""What a running command tells its user: plain lines to standard error, a live last line on a terminal."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.status import Status


class Progress:
    """Lines that stay, and one that changes. Quiet: only warnings stay."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet
        self._status: Status | None = None
        self._started_s = time.monotonic()
        self._last_live_s = 0.0

    def __enter__(self) -> Progress:
        if self._console.is_terminal and not self._quiet:
            self._status = self._console.status("")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status:
            self._status.stop()
            self._status = None

    def line(self, text: str) -> None:
        """A step that was done or begins; it stays."""
        if not self._quiet:
            self._console.print(
                f"[dim]{self._clock()}[/dim] {_escape(text)}", highlight=False, soft_wrap=True
            )

    def warn(self, text: str) -> None:
        """Something the reader must know even when quiet."""
        self._console.print(f"[yellow]![/yellow] {_escape(text)}", highlight=False, soft_wrap=True)

    def live(self, text: str) -> None:
        """What happens just now; only a terminal shows it, replaced by the next."""
        if self._status:
            self._status.update(_escape(text))

    def _clock(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._started_s), 60)
        return f"{minutes:2d}:{seconds:02d}"


def duration_text(seconds: float) -> str:
    """`45 s`, `12 min`: for estimates, so no more precise than that."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _escape(text: str) -> str:
    return text.replace("[", r"\[")
