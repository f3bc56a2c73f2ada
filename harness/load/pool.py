"""The request pool: every request that a window sends, as the bytes of the wire, and what must come back.

It is written once, before the load, and read by every worker: nothing is put together in the hot path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgpack

from harness.errors import LoadError

SCHEMA = 1

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TARGET = re.compile(r"[\x21-\x7e]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_KIND = re.compile(r"[A-Za-z0-9._/-]+")
_FRAMING = {"content-length", "transfer-encoding", "connection", "expect"}
_WITH_BODY = {"POST", "PUT", "PATCH"}


@dataclass(frozen=True, slots=True)
class PoolRequest:
    """One request: `parts` are joined to its bytes, `body` is the expected answer's (None: not looked at).

    Both are indices into the pool. Answers to requests of one `kind` share a histogram. `also` are other
    statuses that are expected, whatever the body, each with the kind that such an answer counts as.
    """

    kind: str
    parts: tuple[int, ...]
    expect: int
    body: int | None
    also: tuple[tuple[int, str], ...] = ()

    def to_fields(self) -> dict[str, Any]:
        """As it stands in the file, where keys of a map are text."""
        fields: dict[str, Any] = {
            "kind": self.kind,
            "parts": self.parts,
            "expect": self.expect,
            "body": self.body,
        }
        return {**fields, "also": {str(status): kind for status, kind in self.also}} if self.also else fields

    @classmethod
    def from_fields(cls, fields: Any) -> PoolRequest:
        also = tuple((int(status), str(kind)) for status, kind in fields.get("also", {}).items())
        return cls(fields["kind"], tuple(fields["parts"]), fields["expect"], fields["body"], also)


@dataclass(frozen=True, slots=True)
class RequestPool:
    """Request number n of a window is `requests[order[n % len(order)]]`."""

    parts: tuple[bytes, ...]
    requests: tuple[PoolRequest, ...]
    bodies: tuple[bytes, ...]
    order: tuple[int, ...]

    def __post_init__(self) -> None:
        problems = list(_problems(self))
        if problems:
            raise LoadError(f"the request pool is not usable: {problems[0]}")

    def wire(self, request: PoolRequest) -> bytes:
        """The whole request as it is sent."""
        return b"".join(self.parts[part] for part in request.parts)

    def write(self, path: Path) -> None:
        """Raises LoadError when the file cannot be written."""
        data = {
            "schema": SCHEMA,
            "parts": self.parts,
            "requests": [request.to_fields() for request in self.requests],
            "bodies": self.bodies,
            "order": self.order,
        }
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(msgpack.packb(data))
        except OSError as error:
            raise LoadError(f"cannot write the request pool {path}: {error.strerror}") from error

    @classmethod
    def read(cls, path: Path) -> RequestPool:
        """Raises LoadError when the file cannot be read or is no pool of this schema."""
        try:
            data: Any = msgpack.unpackb(path.read_bytes())
            if data["schema"] != SCHEMA:
                raise LoadError(
                    f"request pool {path} has schema {data['schema']}; this program reads {SCHEMA}"
                )
            requests = tuple(PoolRequest.from_fields(fields) for fields in data["requests"])
            return cls(tuple(data["parts"]), requests, tuple(data["bodies"]), tuple(data["order"]))
        except OSError as error:
            raise LoadError(f"cannot read the request pool {path}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError, msgpack.UnpackException) as error:
            raise LoadError(f"{path} is not a request pool: {error!r}") from error


def _problems(pool: RequestPool) -> Iterable[str]:
    if not pool.order:
        yield "it is empty"
    if any(not 0 <= i < len(pool.requests) for i in pool.order):
        yield "its order names a request that it does not hold"
    for request in pool.requests:
        if not request.parts or any(not 0 <= part < len(pool.parts) for part in request.parts):
            yield f"a request of kind {request.kind!r} lacks a part"
        if request.body is not None and not 0 <= request.body < len(pool.bodies):
            yield f"a request of kind {request.kind!r} expects a body that is not there"
        if request.expect in dict(request.also):
            yield f"a request of kind {request.kind!r} expects status {request.expect} twice"


@dataclass
class PoolBuilder:
    """Collects requests to one address. Equal bodies, sent or expected, are kept once."""

    host: str
    port: int
    _parts: dict[bytes, int] = field(default_factory=dict)
    _bodies: dict[bytes, int] = field(default_factory=dict)
    _requests: list[PoolRequest] = field(default_factory=list)

    def add(
        self,
        method: str,
        target: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        kind: str = "accepted",
        expect: int = 200,
        expected_body: bytes | None = None,
        also: Sequence[tuple[int, str]] = (),
    ) -> int:
        """Adds a request and returns its index, for `build`'s order.

        `target` is a path with its query; Host (unless given) and Content-Length are added. `also` are
        other statuses that are expected, and the kinds that such answers count as.
        Raises LoadError for what cannot stand in an HTTP/1.1 request, or for a kind of other characters than
        letters, digits and `._/-`.
        """
        if not _KIND.fullmatch(kind):
            raise LoadError(f"{kind!r} cannot name a kind of requests")
        head = self._head(method, target, headers, len(body))
        parts = tuple(_index_of(part, self._parts) for part in (head, body) if part)
        expected = None if expected_body is None else _index_of(expected_body, self._bodies)
        self._requests.append(PoolRequest(kind, parts, expect, expected, tuple(also)))
        return len(self._requests) - 1

    def build(self, order: Sequence[int] | None = None) -> RequestPool:
        """The pool, sent in the order given (of `add`'s indices) or as added. Raises LoadError when empty."""
        order = range(len(self._requests)) if order is None else order
        return RequestPool(tuple(self._parts), tuple(self._requests), tuple(self._bodies), tuple(order))

    def _head(self, method: str, target: str, headers: Sequence[tuple[str, str]], body_bytes: int) -> bytes:
        if not _TOKEN.fullmatch(method):
            raise LoadError(f"{method!r} is not an HTTP method")
        if not _TARGET.fullmatch(target) or not target.startswith("/"):
            raise LoadError(f"{target!r} is not a request path: it starts with / and holds no spaces")
        lines = [f"{method} {target} HTTP/1.1"]
        if not any(name.lower() == "host" for name, _ in headers):
            lines.append(f"Host: {self._authority()}")
        for name, value in headers:
            if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
                raise LoadError(f"{name!r}: {value!r} cannot be sent as a header")
            if name.lower() in _FRAMING:
                raise LoadError(f"header {name} is the generator's own; leave it out")
            lines.append(f"{name}: {value}")
        if body_bytes or method in _WITH_BODY:
            lines.append(f"Content-Length: {body_bytes}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 80 else f"{host}:{self.port}"


def _index_of(value: bytes, table: dict[bytes, int]) -> int:
    return table.setdefault(value, len(table))
