"""Tokens made after a recipe: a valid one, changed in one respect. `contract/README.md` documents recipes."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any, Literal

from pydantic import Field

from harness.kit.keys import KeyRing, SigningKey, base64url, hmac_sha256
from harness.model import FileModel, JsonObject

ISSUER = "https://issuer.bench.example"
AUDIENCE = "bench-messages"
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

Mutation = Literal[
    "flip-header-bit",
    "flip-claims-bit",
    "flip-signature-bit",
    "unused-bits-signature",
    "unused-bits-claims",
    "zero-signature",
    "empty-signature",
    "der-signature",
    "short-signature",
    "padded",
    "no-dots",
    "one-dot",
    "extra-segment",
    "not-base64url",
    "claims-not-json",
    "header-not-json",
    "header-not-utf8",
    "claims-not-utf8",
    "header-utf16",
    "claims-byte-order-mark",
]


KeyName = Literal["primary", "foreign", "other-type", "ec-1", "ec-2", "rsa-1", "foreign-ec", "foreign-rsa"]


class TokenRecipe(FileModel):
    """How a token differs from the valid one; every member is optional."""

    key: KeyName = Field("primary", description="who signs: by the part it plays, or by its name")
    sign: Literal["normal", "none", "hmac-public-key"] = "normal"
    alg: str | None = Field(None, description="`alg` in the header; the key's own where not given")
    kid: str | None = Field(None, description="`kid` in the header; the key's own where not given")
    header: JsonObject = Field(default_factory=dict, description="further header members; null removes one")
    offer_key: Annotated[
        Literal["jwk", "jku", "x5u"] | None, Field(description="the header offers the signing key itself")
    ] = None
    claims: JsonObject = Field(default_factory=dict, description="claims to set; null removes one")
    null_claims: tuple[str, ...] = Field((), description="claims that are there, but null")
    expires_in_s: float = 6 * 3600
    not_before_in_s: float | None = None
    mutate: Mutation | None = None
    size_bytes: int | None = Field(None, description="a padding claim makes the token at least so long")
    serial: int = Field(0, description="makes otherwise equal tokens distinct")


def make_token(recipe: TokenRecipe, ring: KeyRing, algorithm: str, now_s: float) -> str:
    """A compact JWS (RFC 7515) after the recipe, for a service configured with `algorithm`."""
    key = ring.named(recipe.key, algorithm)
    header = _header(recipe, key)
    claims = _claims(recipe, now_s)
    if recipe.size_bytes is not None:
        claims["pad"] = "x" * recipe.size_bytes
    head, body = _header_segment(recipe, header), _claims_segment(recipe, claims)
    signature = _signature(recipe, key, f"{head}.{body}".encode())
    return _mutate(recipe.mutate, head, body, signature)


def _header(recipe: TokenRecipe, key: SigningKey) -> dict[str, Any]:
    alg = {"none": "none", "hmac-public-key": "HS256", "normal": key.algorithm}[recipe.sign]
    header: dict[str, Any] = {"alg": recipe.alg or alg, "typ": "JWT", "kid": recipe.kid or key.kid}
    if recipe.offer_key == "jwk":
        header["jwk"] = key.public_jwk()
    elif recipe.offer_key:
        header[recipe.offer_key] = "https://keys.attacker.example/keys.json"
    header |= recipe.header
    return {k: v for k, v in header.items() if v is not None}


def _claims(recipe: TokenRecipe, now_s: float) -> dict[str, Any]:
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": f"client-{recipe.serial:05d}",
        "iat": int(now_s),
        "exp": _expiry(now_s, recipe.expires_in_s),
        "jti": f"{recipe.serial:08x}",
        "scope": "messages:write",
    }
    if recipe.not_before_in_s is not None:
        claims["nbf"] = int(now_s + recipe.not_before_in_s)
    claims |= recipe.claims
    return {k: v for k, v in claims.items() if v is not None} | dict.fromkeys(recipe.null_claims)


def _expiry(now_s: float, in_s: float) -> int:
    """Whole seconds; a token is good for as long as was asked for at least, and one that has expired has."""
    return math.ceil(now_s + in_s) if in_s > 0 else int(now_s + in_s)


def _header_segment(recipe: TokenRecipe, header: JsonObject) -> str:
    match recipe.mutate:
        case "header-not-json":
            return base64url(b"{not json")
        case "header-not-utf8":
            return base64url(_not_utf8(header))
        case "header-utf16":
            return base64url(_json(header).decode().encode("utf-16-le"))
        case _:
            return _encode(header)


def _claims_segment(recipe: TokenRecipe, claims: JsonObject) -> str:
    match recipe.mutate:
        case "claims-not-json":
            return base64url(b"{not json")
        case "claims-not-utf8":
            return base64url(_not_utf8(claims))
        case "claims-byte-order-mark":
            return base64url(b"\xef\xbb\xbf" + _json(claims))
        case "unused-bits-claims":
            return _with_unused_bits(_encode_with_unused_bits(claims))
        case _:
            return _encode(claims)


def _not_utf8(value: JsonObject) -> bytes:
    """With a byte FF in a string that nobody looks at."""
    return _json(value | {"note": "@"}).replace(b'"note":"@"', b'"note":"\xff"')


def _json(value: JsonObject) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _encode(value: JsonObject) -> str:
    return base64url(_json(value))


def _encode_with_unused_bits(claims: JsonObject) -> str:
    """Claims whose length leaves unused bits in the last character (not a multiple of three bytes)."""
    padded = dict(claims)
    while len(json.dumps(padded, separators=(",", ":"))) % 3 == 0:
        padded["pad"] = padded.get("pad", "") + "x"
    return _encode(padded)


def _with_unused_bits(segment: str) -> str:
    """Sets the lowest bit of the last character: decoders that ignore it read the same bytes."""
    return segment[:-1] + _ALPHABET[_ALPHABET.index(segment[-1]) | 1]


def _signature(recipe: TokenRecipe, key: SigningKey, data: bytes) -> bytes:
    if recipe.sign == "none":
        return b""
    if recipe.sign == "hmac-public-key":
        return hmac_sha256(key.public_pem(), data)
    return key.sign(data, der=recipe.mutate == "der-signature")


def _flip(segment: str) -> str:
    """One bit of the decoded bytes, in the middle of the segment, where no character is cut short."""
    place = len(segment) // 2 // 4 * 4
    return segment[:place] + _ALPHABET[_ALPHABET.index(segment[place]) ^ 2] + segment[place + 1 :]


def _mutate(mutation: Mutation | None, head: str, body: str, signature: bytes) -> str:
    sig = base64url(signature)
    zeros = base64url(bytes(len(signature)))
    changed: dict[str | None, str] = {
        "flip-header-bit": f"{_flip(head)}.{body}.{sig}",
        "flip-claims-bit": f"{head}.{_flip(body)}.{sig}",
        "flip-signature-bit": f"{head}.{body}.{_flip(sig) if sig else sig}",
        "unused-bits-signature": f"{head}.{body}.{_with_unused_bits(sig) if sig else sig}",
        "zero-signature": f"{head}.{body}.{zeros}",
        "empty-signature": f"{head}.{body}.",
        "short-signature": f"{head}.{body}.{base64url(signature[:-1])}",
        "padded": f"{head}.{body}.{sig}==",
        "no-dots": head + body + sig,
        "one-dot": f"{head}.{body}",
        "extra-segment": f"{head}.{body}.{sig}.{sig}",
        "not-base64url": f"{head}.{body}.{sig[:-2]}+/",
    }
    return changed.get(mutation, f"{head}.{body}.{sig}")
