"""The message corpus: distinct 4 KB messages, the same for the same seed on every machine."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

from harness.kit.routing import Rule, Table, route

BODY_BYTES = 4096
BODY_TOLERANCE_BYTES = 64
_WORDS = (
    "amber basil cedar delta ember fjord grove haven indigo juniper krill lumen maple nectar onyx pearl "
    "quartz raven saffron tundra umber violet willow xenon yarrow zephyr straße façade naïve 東京 データ "
    "пример Ελλάδα 😀🚀 smörgås"
).split()
_ESCAPED = ('line\nbreak "quoted"', "tab\tand\\backslash", "slash / and \u0007 bell", "nul-free \u001f edge")
_REGIONS = (
    "eu-west",
    "eu-central",
    "us-east",
    "us-west",
    "ap-south",
    "ap-east",
    "sa-east",
    "af-south",
)


@dataclass(frozen=True)
class Message:
    """A message as it is sent: the topic in the path, the body's exact text, the route it must get."""

    topic: str
    body: str
    route: dict[str, Any]


def make_messages(table: Table, count: int, seed: int) -> list[Message]:
    """`count` messages; a third match a rule past the 32nd. Every rule occurs when count ≥ 3 × rules."""
    rng = random.Random(seed)
    early, late = table.rules[:32], table.rules[32:] or table.rules
    messages = []
    for n in range(count):
        group, place = (late, n // 3) if n % 3 == 0 else (early, n - n // 3 - 1)
        messages.append(_message_for(table, group[place % len(group)], n, rng))
    return messages


def _message_for(table: Table, rule: Rule, serial: int, rng: random.Random) -> Message:
    """Draws envelopes until `rule` is the first that matches; ValueError for a rule that none reaches."""
    for _ in range(500):
        topic = _topic_for(rule, rng)
        envelope = _envelope_for(rule, serial, rng)
        found = route(table, topic, envelope)
        if found and found["rule"] == rule.name:
            return Message(topic, _fill(envelope, rng, ascii_only=serial % 3 == 1), found)
    raise ValueError(f"routing rule {rule.name} can never be the first to match")


def _topic_for(rule: Rule, rng: random.Random) -> str:
    words: list[str] = []
    for part in rule.topic:
        if part == "*":
            words.append(_topic_word(rng))
        elif part == "#":
            words.extend(_topic_word(rng) for _ in range(rng.randrange(3)))
        else:
            words.append(part)
    return ".".join(words) or "any"


def _topic_word(rng: random.Random) -> str:
    return rng.choice(("shop", "app-2", "v1", "store_7", "north", "x")) + str(rng.randrange(100))


def _envelope_for(rule: Rule, serial: int, rng: random.Random) -> dict[str, Any]:
    attributes = {
        "tier": rng.choice(("gold", "silver", "bronze")),
        "channel": rng.choice(("web", "mobile", "partner", "batch")),
        "source": f"gateway-{rng.randrange(40)}",
        "trace": f"{rng.getrandbits(64):016x}",
    }
    return {
        "id": f"msg-{serial:05d}-{rng.choice(_WORDS)}-{rng.getrandbits(40):010x}"[:64],
        "type": rng.choice(("event", "command", "document")),
        "priority": rng.randrange(rule.min_priority or 0, 10 if rule.min_priority else 5),
        "region": rng.choice(rule.regions or _REGIONS),
        "attributes": attributes | dict(rule.attributes),
        "payload": {},
    }


def _scalar(rng: random.Random) -> Any:
    kind = rng.randrange(8)
    if kind == 0:
        return rng.randrange(-(10**6), 10**6)
    if kind == 1:
        return rng.getrandbits(52)
    if kind == 2:
        return round(rng.uniform(-1000, 1000), 3)
    if kind == 3:
        return rng.choice((True, False, None))
    if kind == 4:
        return rng.choice(_ESCAPED)
    return " ".join(rng.choice(_WORDS) for _ in range(rng.randrange(1, 4)))


def _member(rng: random.Random, depth: int) -> Any:
    if depth > 0 and rng.random() < 0.18:
        return {f"k{i}": _member(rng, depth - 1) for i in range(rng.randrange(1, 4))}
    if depth > 0 and rng.random() < 0.08:
        return [_scalar(rng) for _ in range(rng.randrange(1, 4))]
    return _scalar(rng)


def _fill(envelope: dict[str, Any], rng: random.Random, *, ascii_only: bool) -> str:
    """Members until the body has its size; the last one is cut to fit."""

    def text() -> str:
        return json.dumps(envelope, ensure_ascii=ascii_only, separators=(",", ":"))

    payload = envelope["payload"]
    payload["nested"] = {"a": {"b": {"c": {"d": [1, {"e": "deep"}]}}}}
    for i in range(60):
        payload[f"field_{i:03d}"] = _scalar(rng)
    while len(text().encode()) > BODY_BYTES - 120:
        payload[max(k for k in payload if k.startswith("field_") and _size(payload[k]) > 8)] = 0
    serial = 60
    while (left := BODY_BYTES - len(text().encode())) > 120:
        payload[f"field_{serial:03d}"] = _member(rng, 2) if left > 400 else _scalar(rng)
        serial += 1
    payload["tail"] = "t" * max(0, left - 10)
    return text()


def _size(value: Any) -> int:
    return len(json.dumps(value))
