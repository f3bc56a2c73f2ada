"""Results on disk. Each file is written whole or not at all, names its schema, and unknown ones are refused.

results/<run-id>/run.json, trials/<scenario>/<target>/<nn>/{trial.json, …}; `latest` names the newest run.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.errors import StoreError, UsageError
from harness.ledger import sync
from harness.model import JsonObject

SCHEMA = 1
_SPACE = "; free some space and start again"
_ADVICE = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EROFS: "; start where files may be written",
}
"""What to do about errors that no file of ours is to blame for."""


def write_atomically(path: Path, text: str) -> None:
    """Writes beside, syncs, renames. Raises StoreError (a full disk among the reasons)."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        with suppress(OSError):
            aside.unlink()
        raise _store_error("write", path, error) from error


def write_json(path: Path, value: JsonObject) -> None:
    """One JSON object, keys in their given order, missing figures as null (never NaN)."""
    write_atomically(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> JsonObject:
    """One JSON object of our schema. Raises StoreError for anything else."""
    try:
        value: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _store_error("read", path, error) from error
    except ValueError as error:
        raise StoreError(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        found = value.get("schema") if isinstance(value, dict) else type(value).__name__
        raise StoreError(f"{path} is of schema {found!r}; this harness reads schema {SCHEMA}")
    return value


def _store_error(verb: str, path: Path, error: OSError) -> StoreError:
    return StoreError(f"cannot {verb} {path}: {error.strerror}{_ADVICE.get(error.errno or 0, '')}")


def refused_by_disk(error: OSError) -> StoreError | None:
    """What to say of a disk that is full or read-only, wherever it was written to; None for any other error."""
    if error.errno not in _ADVICE:
        return None
    place = f" {error.filename}" if error.filename else ""
    return StoreError(f"cannot write{place}: {error.strerror}{_ADVICE[error.errno]}")


def new_run_id(now: datetime | None = None) -> str:
    """`2026-11-23T20-15-04Z-1a2b`: sorts by time, unique enough for two starts in one second."""
    moment = now or datetime.now(UTC)
    return f"{moment:%Y-%m-%dT%H-%M-%SZ}-{secrets.token_hex(2)}"


@dataclass(frozen=True)
class RunFolder:
    """One run's folder."""

    path: Path

    @property
    def run_id(self) -> str:
        return self.path.name

    @staticmethod
    def create(results: Path, run_id: str) -> RunFolder:
        """A new folder, and `latest` pointing at it. Raises StoreError."""
        folder = results / run_id
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise _store_error("create", folder, error) from error
        _point_latest(results, run_id)
        return RunFolder(folder)

    @contextmanager
    def held(self) -> Iterator[None]:
        """For one harness at a time; the kernel lets go when it ends, however it ends. Raises UsageError."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UsageError(f"{self.run_id} is being measured by another harness just now") from None
            yield
        finally:
            os.close(descriptor)

    def make_latest(self) -> None:
        """Points `latest` at this run. Raises StoreError."""
        _point_latest(self.path.parent, self.run_id)

    def trial_folder(self, case_id: str, round_number: int, attempt: int = 1) -> Path:
        """`trials/routing-4kb/go/01`; a trial that is repeated gets `01b`, then `01c`."""
        letter = "" if attempt == 1 else chr(ord("a") + attempt - 1)
        return self.path / "trials" / case_id / f"{round_number:02d}{letter}"

    def write_run(self, document: JsonObject) -> None:
        write_json(self.path / "run.json", {"schema": SCHEMA, **document})

    def read_run(self) -> JsonObject:
        return read_json(self.path / "run.json")

    @contextmanager
    def new_trial(self, case_id: str, round_number: int, attempt: int = 1) -> Iterator[Path]:
        """A folder to fill; it takes its final name when the context ends, or goes if it has no trial.json by then."""
        final = self.trial_folder(case_id, round_number, attempt)
        working = final.with_name(f".{final.name}.part")
        try:
            shutil.rmtree(working, ignore_errors=True)
            working.mkdir(parents=True)
        except OSError as error:
            raise _store_error("create", working, error) from error
        try:
            yield working
        finally:
            if (working / "trial.json").is_file():
                _give_name(working, final)
            else:
                shutil.rmtree(working, ignore_errors=True)

    def take_up(self) -> tuple[list[str], list[str]]:
        """After a kill: (trials that were whole but not yet named, which now are; trials that were cut off).

        Of these nothing is kept, nor of other files that were being written. Raises StoreError.
        """
        whole, cut_off = [], []
        for working in sorted(self.path.glob("trials/*/*/.*.part")):
            final = working.with_name(working.name.removeprefix(".").removesuffix(".part"))
            name = str(final.relative_to(self.path / "trials"))
            try:
                read_json(working / "trial.json")
            except StoreError:
                shutil.rmtree(working)
                cut_off.append(name)
            else:
                _give_name(working, final)
                whole.append(name)
        for torn in self.path.glob(".*.part"):
            torn.unlink()
        return whole, cut_off

    def trials(self) -> list[JsonObject]:
        """Every finished trial, in the order of their folders; `folder` is added to each."""
        paths = sorted(self.path.glob("trials/*/*/*/trial.json"))
        return [
            {**read_json(p), "folder": str(p.parent.relative_to(self.path))}
            for p in paths
            if not p.parent.name.startswith(".")
        ]


def save_trial(folder: Path, record: JsonObject) -> None:
    """trial.json, written when the disk has everything else of the trial: where it is, all is. Raises StoreError."""
    try:
        for path in sorted(folder.rglob("*")):
            sync(path)
    except OSError as error:
        raise _store_error("write", folder, error) from error
    write_json(folder / "trial.json", record)


def _give_name(working: Path, final: Path) -> None:
    try:
        working.rename(final)
        sync(final.parent)
    except OSError as error:
        raise _store_error("name", final, error) from error


def open_run(path: Path) -> RunFolder:
    """A run by its folder or by the path of its run.json. Raises StoreError."""
    folder = path.parent if path.name == "run.json" else path
    folder = folder.resolve()
    if not (folder / "run.json").is_file():
        raise StoreError(f"{path} holds no run (no run.json); see `ls results/`")
    return RunFolder(folder)


def _point_latest(results: Path, run_id: str) -> None:
    aside, latest = results / f".latest.{os.getpid()}", results / "latest"
    try:
        if latest.is_dir() and not latest.is_symlink():  # made by write_outcome before there was any run
            shutil.rmtree(latest)
        with suppress(FileNotFoundError):
            aside.unlink()
        aside.symlink_to(run_id)
        aside.replace(latest)
    except OSError as error:
        raise _store_error("set", latest, error) from error


def write_outcome(results: Path, document: JsonObject) -> None:
    """`outcome.json` of a command, in results/latest (made if there is none yet). Raises StoreError."""
    latest = results / "latest"
    try:
        if not latest.exists():
            with suppress(FileNotFoundError):
                latest.unlink()
            latest.mkdir(parents=True)
    except OSError as error:
        raise _store_error("create", latest, error) from error
    write_json(latest / "outcome.json", {"schema": SCHEMA, **document})
