"""Where cargo is, which builds the native worker."""

from __future__ import annotations

import shutil
from pathlib import Path


def find_cargo() -> str | None:
    """Cargo on the PATH, or where rustup puts it; None where there is none."""
    return shutil.which("cargo") or shutil.which("cargo", path=str(Path.home() / ".cargo" / "bin"))
