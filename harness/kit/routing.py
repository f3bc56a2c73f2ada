"""The contract's routing in Python: the oracle that expected answers are taken from.

Written for clarity, independent of the targets; `contract/openapi.yaml` states the rules in words.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FNV_OFFSET = 0xCBF29CE484222325
_FNV_PRIME = 0x100000001B3


@dataclass(frozen=True)
class Rule:
    name: str
    topic: tuple[str, ...]
    regions: tuple[str, ...] | None
    min_priority: int | None
    attributes: tuple[tuple[str, str], ...]
    destination: str
    partitions: int


@dataclass(frozen=True)
class Table:
    version: int
    rules: tuple[Rule, ...]


def read_table(path: Path) -> Table:
    """Reads a routing table file; raises KeyError or ValueError when it is not one."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    return Table(raw["version"], tuple(_rule(r) for r in raw["rules"]))


def _rule(raw: dict[str, Any]) -> Rule:
    when = raw.get("when", {})
    return Rule(
        name=raw["name"],
        topic=tuple(raw["topic"].split(".")),
        regions=tuple(when["regions"]) if "regions" in when else None,
        min_priority=when.get("min_priority"),
        attributes=tuple(sorted(when.get("attributes", {}).items())),
        destination=raw["destination"],
        partitions=raw["partitions"],
    )


def topic_matches(pattern: tuple[str, ...], words: tuple[str, ...]) -> bool:
    """`*` stands for exactly one word, `#` for any number of words, none included."""
    if not pattern:
        return not words
    if pattern[0] == "#":
        return any(topic_matches(pattern[1:], words[i:]) for i in range(len(words) + 1))
    return bool(words) and pattern[0] in ("*", words[0]) and topic_matches(pattern[1:], words[1:])


def partition_of(message_id: str, partitions: int) -> int:
    """FNV-1a, 64 bit, over the UTF-8 bytes, modulo the partitions (Fowler, Noll and Vo)."""
    digest = _FNV_OFFSET
    for byte in message_id.encode():
        digest = ((digest ^ byte) * _FNV_PRIME) & 0xFFFFFFFFFFFFFFFF
    return digest % partitions


def rule_matches(rule: Rule, topic: str, message: dict[str, Any]) -> bool:
    return (
        topic_matches(rule.topic, tuple(topic.split(".")))
        and (rule.regions is None or message["region"] in rule.regions)
        and (rule.min_priority is None or message["priority"] >= rule.min_priority)
        and all(message["attributes"].get(k) == v for k, v in rule.attributes)
    )


def route(table: Table, topic: str, message: dict[str, Any]) -> dict[str, Any] | None:
    """The `route` member of the answer, or None where no rule matches (the service says 404)."""
    for rule in table.rules:
        if rule_matches(rule, topic, message):
            return {
                "rule": rule.name,
                "destination": rule.destination,
                "partition": partition_of(message["id"], rule.partitions),
                "table_version": table.version,
            }
    return None
