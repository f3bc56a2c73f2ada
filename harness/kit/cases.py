"""Conformance cases: the file format, and how a case becomes requests. `contract/README.md` documents it."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from harness.errors import UsageError
from harness.kit.keys import KeyRing
from harness.kit.routing import Table, route
from harness.kit.tokens import AUDIENCE, ISSUER, TokenRecipe, make_token
from harness.model import Environment, FileModel, JsonObject

Setting = Literal["es256", "rs256", "none"]
TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    503: "Service Unavailable",
}
_STANDARD_MESSAGE: dict[str, Any] = {
    "id": "standard-0001",
    "type": "event",
    "priority": 4,
    "region": "eu-west",
    "attributes": {"tier": "gold", "channel": "web"},
    "payload": {"text": "hello", "number": 17, "list": [1, 2, 3]},
}
STANDARD_TOPIC = "orders.shop.created"
_MOST_DIGITS = 300
"""Longer integers are read as doubles, which is how numbers are compared; Python refuses the longest."""


def _is_base64(text: str) -> str:
    base64.b64decode(text, validate=True)
    return text


class Expect(FileModel):
    """What the answer must be. Where `json` is not given, 200 to a message must be its route and echo."""

    status: int | tuple[int, ...] = 200
    headers: dict[str, str] = Field(default_factory=dict, description="header → text it must contain")
    body: Any = Field(None, alias="json", description="the answer as JSON, numbers compared as doubles")
    route: JsonObject | None = Field(None, description="members that the answer's route must have")
    members: tuple[str, ...] = Field((), description="names that the answer, a JSON object, must have")

    @property
    def statuses(self) -> tuple[int, ...]:
        return (self.status,) if isinstance(self.status, int) else self.status


class Later(FileModel):
    """The very same request again, so long after the first, with another answer expected."""

    after_s: float
    expect: Expect


class CaseRequest(FileModel):
    """One request. Members not given are those of a standard, valid message."""

    method: str = "POST"
    topic: str = STANDARD_TOPIC
    path: str | None = Field(None, description="the request target in place of /v1/messages/{topic}")
    token: TokenRecipe | str | None = Field(default_factory=TokenRecipe, description="recipe, text or null")
    authorization: tuple[str, ...] | None = Field(
        None, description="header values; {token} stands for the token"
    )
    content_type: str | None = "application/json"
    headers: dict[str, str] = Field(default_factory=dict)
    message: JsonObject = Field(default_factory=dict, description="members to set on the standard message")
    remove: tuple[str, ...] = Field((), description="members to take away from it")
    body: str | None = Field(None, description="the body's text in place of the message")
    body_base64: Annotated[str, AfterValidator(_is_base64)] | None = None
    body_bytes: int | None = Field(None, description="the message is padded to exactly so many bytes")
    body_repeat: tuple[tuple[str, int], ...] = Field((), description="the body as (text, times) pieces")
    header_padding_bytes: int = Field(
        0, ge=0, description="further headers, 4,000 bytes each, of so many bytes"
    )
    chunked: bool = False
    expect: Expect = Expect()


class CaseSpec(FileModel):
    """A case: one request, or several on one connection, or one sent several times at once."""

    name: str
    about: str = ""
    settings: Annotated[tuple[Setting, ...], Field(min_length=1)] = ("es256", "rs256")
    service: Environment = Field(
        default_factory=dict, description="the case needs a service started with these"
    )
    wire: bool = Field(False, description="needs a real socket; skipped by tests inside the process")
    request: CaseRequest | None = None
    requests: tuple[CaseRequest, ...] = ()
    later: Later | None = None
    concurrent: int = Field(1, ge=1, description="the request is sent so many times at once")
    counts: dict[int, int] = Field(
        default_factory=dict, description="concurrent: status → fewest answers; no other status may occur"
    )

    @model_validator(mode="after")
    def _one_kind(self) -> CaseSpec:
        if bool(self.request) == bool(self.requests):
            raise ValueError("give either `request` or `requests`")
        if (self.concurrent > 1) != bool(self.counts):
            raise ValueError("`concurrent` and `counts` go together")
        return self

    @property
    def needs_socket(self) -> bool:
        return (
            self.wire
            or self.concurrent > 1
            or self.later is not None
            or bool(self.service)
            or any(r.chunked for r in self.all_requests)
        )

    @property
    def all_requests(self) -> tuple[CaseRequest, ...]:
        return (self.request,) if self.request else self.requests


class CaseFile(FileModel):
    schema_version: Literal[1] = Field(alias="schema")
    cases: tuple[CaseSpec, ...]

    @field_validator("cases")
    @classmethod
    def _some(cls, cases: tuple[CaseSpec, ...]) -> tuple[CaseSpec, ...]:
        if not cases:
            raise ValueError("there is no case in it")
        return cases


@dataclass(frozen=True)
class ReadyRequest:
    """A request as bytes, and what must come back. `answer` is the exact JSON where it is known."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    chunked: bool
    statuses: tuple[int, ...]
    answer_headers: tuple[tuple[str, str], ...]
    answer: Any = None
    answer_route: JsonObject | None = None
    answer_members: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReadyCase:
    """A case with its tokens made, for one setting."""

    name: str
    setting: Setting
    service: dict[str, str]
    requests: tuple[ReadyRequest, ...]
    wire: bool
    concurrent: int = 1
    counts: dict[int, int] = field(default_factory=dict)
    later_after_s: float | None = None
    later: ReadyRequest | None = None


@dataclass(frozen=True)
class CaseMaker:
    """Turns cases into requests; `clock` gives Unix seconds, so that tokens are fresh when they are used."""

    ring: KeyRing
    table: Table
    clock: Callable[[], float] = time.time

    def make(self, spec: CaseSpec, setting: Setting) -> ReadyCase:
        try:
            requests = tuple(self.request(r, setting) for r in spec.all_requests)
        except UsageError as error:
            raise UsageError(f"case {spec.name}: {error}") from None
        later = None
        if spec.later:
            changed = spec.all_requests[0].model_copy(update={"expect": spec.later.expect})
            later = self._expectation(changed, requests[0])
        return ReadyCase(
            name=spec.name,
            setting=setting,
            service=dict(spec.service),
            requests=requests,
            wire=spec.needs_socket,
            concurrent=spec.concurrent,
            counts=dict(spec.counts),
            later_after_s=spec.later.after_s if spec.later else None,
            later=later,
        )

    def request(self, spec: CaseRequest, setting: Setting) -> ReadyRequest:
        headers = [("Authorization", value) for value in self._authorization(spec, setting)]
        if spec.content_type is not None:
            headers.append(("Content-Type", spec.content_type))
        headers += spec.headers.items()
        for n, start in enumerate(range(0, spec.header_padding_bytes, 4_000)):
            headers.append((f"X-Padding-{n}", "p" * min(4_000, spec.header_padding_bytes - start)))
        ready = ReadyRequest(
            method=spec.method,
            target=spec.path if spec.path is not None else f"/v1/messages/{spec.topic}",
            headers=tuple(headers),
            body=_body(spec) if spec.method not in ("GET", "HEAD", "DELETE") or spec.body else b"",
            chunked=spec.chunked,
            statuses=spec.expect.statuses,
            answer_headers=(),
        )
        return self._expectation(spec, ready)

    def _authorization(self, spec: CaseRequest, setting: Setting) -> Iterable[str]:
        if isinstance(spec.token, TokenRecipe):
            algorithm = {"es256": "ES256", "rs256": "RS256", "none": "ES256"}[setting]
            token = make_token(spec.token, self.ring, algorithm, self.clock())
        else:
            token = spec.token or ""
        if spec.authorization is not None:
            return tuple(value.replace("{token}", token) for value in spec.authorization)
        return (f"Bearer {token}",) if spec.token is not None else ()

    def _expectation(self, spec: CaseRequest, ready: ReadyRequest) -> ReadyRequest:
        headers = dict(spec.expect.headers)
        answer = spec.expect.body
        if spec.expect.statuses == (401,):
            headers.setdefault("www-authenticate", "Bearer")
        if spec.expect.statuses == (503,):
            headers.setdefault("retry-after", "")
        if 200 in spec.expect.statuses and answer is None and ready.target.startswith("/v1/messages/"):
            answer = self._echo(ready)
        return ReadyRequest(
            **{
                **ready.__dict__,
                "statuses": spec.expect.statuses,
                "answer_headers": tuple((k.lower(), v) for k, v in headers.items()),
                "answer": answer,
                "answer_route": spec.expect.route,
                "answer_members": spec.expect.members,
            }
        )

    def _echo(self, ready: ReadyRequest) -> Any:
        """The answer to a message; None for what is none, of which only the status can be expected."""
        topic = ready.target.removeprefix("/v1/messages/").split("?")[0]
        try:
            message = parse_json(ready.body)
            return {"route": route(self.table, topic, message), "message": message}
        except (ValueError, TypeError, LookupError, AttributeError):
            return None


def parse_json(text: bytes) -> Any:
    """JSON, whose integers may have any number of digits. Raises ValueError, for too deep a nesting too."""
    try:
        return json.loads(text, parse_int=lambda t: int(t) if len(t) < _MOST_DIGITS else float(t))
    except RecursionError:
        raise ValueError("nested too deep for this reader") from None


def _body(spec: CaseRequest) -> bytes:
    if spec.body_repeat:
        return "".join(text * times for text, times in spec.body_repeat).encode()
    if spec.body is not None:
        return spec.body.encode("utf-8", "surrogatepass")
    if spec.body_base64 is not None:
        return base64.b64decode(spec.body_base64, validate=True)
    message = {k: v for k, v in (_STANDARD_MESSAGE | spec.message).items() if k not in spec.remove}
    if spec.body_bytes is not None:
        message["payload"] = {"pad": ""}
        bare = len(_json(message))
        if bare > spec.body_bytes:
            raise UsageError(
                f"body_bytes: {spec.body_bytes} is too few: this message has {bare} bytes without padding"
            )
        message["payload"] = {"pad": "p" * (spec.body_bytes - bare)}
    return _json(message)


def _json(message: JsonObject) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def service_environment(setting: Setting) -> dict[str, str]:
    """The contract's variables that a setting stands for; `*_FILE` values are names within the kit."""
    if setting == "none":
        return {"AUTH_ALGORITHM": "none", "ROUTES_FILE": "routes.json"}
    return {
        "AUTH_ALGORITHM": setting.upper(),
        "AUTH_KEYS_FILE": "jwks.json",
        "AUTH_ISSUER": ISSUER,
        "AUTH_AUDIENCE": AUDIENCE,
        "ROUTES_FILE": "routes.json",
    }


def contract_case_files(contract: Path) -> list[Path]:
    return sorted((contract / "cases").glob("*.yaml"))
