"""Folders for what lives only as long as a command: removed when it ends, or by a later one if it was killed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.drivers.owner import Owner

_OWNER_FILE = ".owner"


@contextmanager
def workspace(parent: Path, kind: str) -> Iterator[Path]:
    """A new folder in `parent`, named after its kind. Others may read it, as the user of a container has to."""
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{kind}-", dir=parent, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / _OWNER_FILE).write_text(str(Owner.current()), encoding="utf-8")
        folder.chmod(0o755)
        yield folder


def remove_orphaned(parent: Path) -> list[str]:
    """Removes such folders in `parent` whose harness has gone, and says which."""
    removed = []
    for note in sorted(parent.glob(f"*/{_OWNER_FILE}")):
        try:
            owner = Owner.parse(note.read_text(encoding="utf-8"))
        except OSError:  # another harness, which starts just now too, was quicker
            continue
        if owner is not None and owner.is_gone():
            shutil.rmtree(note.parent, ignore_errors=True)
            removed.append(f"folder {note.parent}")
    return removed
