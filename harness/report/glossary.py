"""The terms of docs/glossary.md, for the page's hover texts and its last section."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_TERM = re.compile(r"((?:\*\*[^*]+\*\*(?:, (?=\*\*))?)+): ")
_PATH = Path(__file__).resolve().parents[2] / "docs" / "glossary.md"


@dataclass(frozen=True, slots=True)
class Entry:
    """One definition. `names` mean the same or are explained together; `key` is its anchor."""

    key: str
    names: tuple[str, ...]
    text: str
    section: str


def read_glossary(path: Path = _PATH) -> tuple[Entry, ...]:
    """Every definition, in the page's order; empty where the docs are not there."""
    return parse_glossary(path.read_text(encoding="utf-8")) if path.is_file() else ()


def parse_glossary(markdown: str) -> tuple[Entry, ...]:
    """Bullets of the form `**Term**, **other**: meaning. **Next**: meaning.` under `## Section` heads."""
    entries: list[Entry] = []
    section = ""
    for line in markdown.splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        elif line.startswith("- **"):
            parts = _TERM.split(line.removeprefix("- "))
            for heads, text in zip(parts[1::2], parts[2::2], strict=True):
                names = tuple(
                    name for bold in re.findall(r"\*\*([^*]+)\*\*", heads) for name in bold.split(", ")
                )
                entries.append(Entry(_key(names[0]), names, _plain(text), section))
    return tuple(entries)


def sections(entries: Sequence[Entry], without: Sequence[str] = ()) -> list[tuple[str, list[Entry]]]:
    """The definitions under the heads of their sections, some of which may be left out."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.section not in without:
            found.setdefault(entry.section, []).append(entry)
    return list(found.items())


def find(entries: Sequence[Entry], name: str) -> Entry | None:
    """The definition of a term, whatever its case."""
    wanted = name.lower()
    return next((e for e in entries if wanted in (n.lower() for n in e.names)), None)


def _key(name: str) -> str:
    return "term-" + re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _plain(text: str) -> str:
    """A sentence of its own, whatever followed it in its line."""
    plain = text.replace("`", "").replace("**", "").strip().rstrip(";")
    return plain if plain.endswith(".") else f"{plain}."
