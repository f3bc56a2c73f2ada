"""The null server as a running process: it answers after a known delay and tells at its end what it did."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from harness.errors import StartError
from harness.stats.histogram import Histogram

_END_DEADLINE_S = 5.0
_LISTENING = re.compile(r"listening on .*:(\d+)\s*$")


class NullServer:
    """A context manager; `port` is the one it listens at, on loopback unless `options` say otherwise.

    `spin`: it never sleeps, so its delays are exact, at the cost of its core. `options` are further ones of the
    program; `within` is a command that runs it elsewhere, such as in a network namespace.
    """

    def __init__(
        self,
        binary: Path,
        folder: Path,
        delay: str,
        cpus: Sequence[int],
        *,
        spin: bool,
        options: Sequence[str] = (),
        within: Sequence[str] = (),
    ) -> None:
        self._path = folder / "served.json"
        self._argv = [
            *within,
            str(binary),
            "--delay",
            delay,
            "--histogram",
            str(self._path),
            "--die-with-stdin",
        ]
        self._argv += options
        self._argv += ["--cpu", str(cpus[0])] if cpus else []
        self._argv += ["--spin"] if spin else []
        self._process: subprocess.Popen[str]
        self.port = 0

    def __enter__(self) -> Self:
        """Raises StartError when it does not listen."""
        try:
            self._process = subprocess.Popen(
                self._argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        except OSError as error:
            raise StartError(f"the null server cannot be started: {error.strerror}") from error
        assert self._process.stdout is not None
        said = _LISTENING.match(self._process.stdout.readline())
        if said is None:
            self._end()
            assert self._process.stderr is not None
            reason = self._process.stderr.read().strip()
            self._close()
            raise StartError(f"the null server does not listen: {reason}")
        self.port = int(said[1])
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._close()

    def _close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def finish(self) -> Histogram:
        """Ends it and gives its own histogram: from a request's last byte to its answer's first, in ns.

        Raises StartError when it left none.
        """
        self._end()
        try:
            return Histogram.decode(json.loads(self._path.read_text(encoding="utf-8"))["histogram"])
        except (OSError, ValueError, KeyError) as error:
            raise StartError(f"the null server left no histogram: {error}") from error

    def _end(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(_END_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
