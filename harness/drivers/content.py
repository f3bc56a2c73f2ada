"""What a build depends on, as one hash: the files' names and contents and whatever else is given."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

NEVER_SOURCES = frozenset({".git", "node_modules", "__pycache__"})
HASH_DIGITS = 16


def matching_files(folder: Path, patterns: Iterable[str]) -> list[Path]:
    """Files under `folder` that a pattern names and no `!pattern` excludes, sorted."""
    patterns = tuple(patterns)
    wanted = {f for p in patterns if not p.startswith("!") for f in folder.glob(p) if f.is_file()}
    for pattern in patterns:
        if pattern.startswith("!"):
            wanted -= set(folder.glob(pattern[1:]))
    return sorted(f for f in wanted if NEVER_SOURCES.isdisjoint(f.relative_to(folder).parts))


def content_hash(folder: Path, files: Iterable[Path], *conditions: object) -> str:
    """Changes with any file's path, content or executable bit, and with any condition (JSON values)."""
    digest = hashlib.sha256(json.dumps(conditions, sort_keys=True).encode())
    for file in files:
        data = file.read_bytes()
        head = f"\0{file.relative_to(folder).as_posix()}\0{os.access(file, os.X_OK)}\0{len(data)}\0"
        digest.update(head.encode())
        digest.update(data)
    return digest.hexdigest()[:HASH_DIGITS]
