"""A kit: keys, routing table, messages and cases for one use. `write` puts its public half into a folder."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.config import read_model
from harness.errors import UsageError
from harness.kit.cases import (
    CaseFile,
    CaseMaker,
    CaseRequest,
    CaseSpec,
    Expect,
    ReadyCase,
    ReadyRequest,
    Setting,
    contract_case_files,
    service_environment,
)
from harness.kit.keys import KeyRing
from harness.kit.messages import Message, make_messages
from harness.kit.routing import Table, read_table

CONTRACT = Path(__file__).resolve().parents[2] / "contract"
SETTINGS: tuple[Setting, ...] = ("es256", "rs256", "none")
SIGNING_KEYS = "signing-keys.json"
CORPUS_SEED = 20_240
CORPUS_MESSAGES = 211


@dataclass(frozen=True)
class Kit:
    """What a session signs and sends with. The private keys live in memory only."""

    ring: KeyRing
    table: Table
    messages: tuple[Message, ...]
    specs: tuple[CaseSpec, ...]
    routes_text: str

    @staticmethod
    def make(case_files: list[Path] | None = None) -> Kit:
        """A kit with new keys; `case_files` in place of the contract's own cases. Raises ConfigError."""
        table = read_table(CONTRACT / "routes.json")
        messages = tuple(make_messages(table, CORPUS_MESSAGES, CORPUS_SEED))
        specs = [c for f in case_files or contract_case_files(CONTRACT) for c in read_cases(f)]
        if case_files is None:
            specs += _corpus_cases(messages)
        routes_text = (CONTRACT / "routes.json").read_text(encoding="utf-8")
        return Kit(KeyRing.make(), table, messages, tuple(specs), routes_text)

    @property
    def maker(self) -> CaseMaker:
        return CaseMaker(self.ring, self.table)

    def cases(self, setting: Setting) -> list[ReadyCase]:
        """Every case of a setting, with tokens made now; those that are looked at twice, and so soon expire, last."""
        chosen = sorted((s for s in self.specs if setting in s.settings), key=lambda s: s.later is not None)
        return [self.maker.make(s, setting) for s in chosen]

    def write(self, folder: Path) -> None:
        """`jwks.json`, `routes.json`, `messages.jsonl` and `cases.json`, as `contract/README.md` says."""
        folder.mkdir(parents=True, exist_ok=True)
        self.write_service_files(folder)
        lines = (json.dumps({"topic": m.topic, "body": m.body}, ensure_ascii=False) for m in self.messages)
        (folder / "messages.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        document = {
            "schema": 1,
            "settings": {s: service_environment(s) for s in SETTINGS},
            "cases": [_case_json(c) for s in SETTINGS for c in self.cases(s)],
        }
        (folder / "cases.json").write_text(
            json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8"
        )

    def write_signing_keys(self, folder: Path) -> None:
        """The private keys, readable by their owner alone: only for a service that one starts by hand."""
        path = folder / SIGNING_KEYS
        path.touch(mode=0o600)
        path.write_text(self.ring.private_text(), encoding="utf-8")

    @staticmethod
    def read(folder: Path, case_files: list[Path] | None = None) -> Kit:
        """A kit that was written with its signing keys. Raises UsageError where they are missing."""
        made = Kit.make(case_files)
        try:
            ring = KeyRing.from_text((folder / SIGNING_KEYS).read_text(encoding="utf-8"))
            routes_text = (folder / "routes.json").read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise UsageError(
                f"{folder} is no kit with signing keys ({error}); make one: harness kit --out DIR --signing-keys"
            ) from error
        return replace(made, ring=ring, table=read_table(folder / "routes.json"), routes_text=routes_text)

    def write_service_files(self, folder: Path) -> None:
        """What a service reads at its start: the public keys and the routing table."""
        (folder / "jwks.json").write_text(self.ring.jwks(), encoding="utf-8")
        (folder / "routes.json").write_text(self.routes_text, encoding="utf-8")


def read_cases(path: Path) -> tuple[CaseSpec, ...]:
    return read_model(path, CaseFile).cases


def _corpus_cases(messages: tuple[Message, ...]) -> list[CaseSpec]:
    """One case for each rule of the table: the first message of the corpus that reaches it."""
    first: dict[str, Message] = {}
    for message in messages:
        first.setdefault(message.route["rule"], message)
    return [
        CaseSpec(
            name=f"rule/{name}",
            settings=("es256", "none"),
            request=CaseRequest(topic=m.topic, body=m.body, expect=Expect(route=m.route)),
        )
        for name, m in first.items()
    ]


def _case_json(case: ReadyCase) -> dict[str, Any]:
    return {
        "name": case.name,
        "settings": [case.setting],
        "wire": case.wire,
        "requests": [_request_json(r) for r in case.requests],
    }


def _request_json(request: ReadyRequest) -> dict[str, Any]:
    expect: dict[str, Any] = {"status": list(request.statuses), "headers": dict(request.answer_headers)}
    if request.answer is not None and (request.statuses == (200,) or 200 not in request.statuses):
        expect["json"] = request.answer
    if request.answer_route is not None:
        expect["route"] = request.answer_route
    if request.answer_members:
        expect["members"] = list(request.answer_members)
    if min(request.statuses) >= 400:
        expect["problem"] = True
    return {
        "method": request.method,
        "target": request.target,
        "headers": [list(h) for h in request.headers],
        "body_base64": base64.b64encode(request.body).decode(),
        "chunked": request.chunked,
        "expect": expect,
    }
