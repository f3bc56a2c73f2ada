"""An append-only file of JSON objects, one a line. A kill can tear no line but the last, which is found and dropped."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import StoreError
from harness.model import JsonObject

SCHEMA = 1
_SHOWN_BYTES = 60


@dataclass(frozen=True)
class Entries:
    """The lines that are whole, in their order, and a sentence for each that is not and was left out."""

    entries: tuple[JsonObject, ...]
    dropped: tuple[str, ...]


@dataclass(frozen=True)
class Ledger:
    """One such file. It need not be there yet."""

    path: Path

    def read(self) -> Entries:
        """Raises StoreError for a file that cannot be read, and for a line of another schema."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return Entries((), ())
        except OSError as error:
            raise StoreError(f"cannot read {self.path}: {error.strerror}") from error
        entries: list[JsonObject] = []
        dropped: list[str] = []
        for number, line in enumerate(data.split(b"\n"), start=1):
            if not line.strip():
                continue
            entry = _parsed(line)
            if entry is None:
                dropped.append(self._torn(number, line))
            elif entry.get("schema") != SCHEMA:
                found = entry.get("schema")
                raise StoreError(
                    f"{self.path}, line {number}: schema {found!r}; this harness reads schema {SCHEMA}"
                )
            else:
                entries.append(entry)
        return Entries(tuple(entries), tuple(dropped))

    def append(self, *entries: JsonObject) -> str | None:
        """Adds lines and waits until the disk has them; a torn last line is cut off first, and told of.

        Two harnesses take turns. Raises StoreError (a full disk among the reasons).
        """
        lines = [_line({"schema": SCHEMA, **entry}) for entry in entries]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            new = not self.path.exists()
            with self.path.open("a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                told = self._mend(file.fileno())
                file.write(b"".join(lines))
                file.flush()
                os.fsync(file.fileno())
            if new:
                sync(self.path.parent)
        except OSError as error:
            raise StoreError(f"cannot write {self.path}: {error.strerror}") from error
        return told

    def _mend(self, descriptor: int) -> str | None:
        """Makes the file end with a whole line. A whole one that lacks only its end gets it."""
        data = self.path.read_bytes()
        if not data or data.endswith(b"\n"):
            return None
        whole, _, rest = data.rpartition(b"\n")
        if _parsed(rest) is not None:
            os.write(descriptor, b"\n")
            return None
        os.ftruncate(descriptor, len(data) - len(rest))
        return self._torn(whole.count(b"\n") + (2 if whole else 1), rest)

    def _torn(self, number: int, line: bytes) -> str:
        start = line[:_SHOWN_BYTES].decode(errors="replace")
        return (
            f"{self.path}, line {number} is torn, as a crash leaves it, and was dropped: "
            f"{len(line)} bytes that begin with {start!r}"
        )


def sync(path: Path) -> None:
    """Waits until the disk has a file's content, or a folder's names. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _line(entry: JsonObject) -> bytes:
    return json.dumps(entry, ensure_ascii=False, allow_nan=False, separators=(", ", ": ")).encode() + b"\n"


def _parsed(line: bytes) -> JsonObject | None:
    try:
        value: Any = json.loads(line.decode())
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
