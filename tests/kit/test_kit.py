"""The kit against oracles that are not its own: published vectors, and a JWT library's view of its tokens."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from harness.config import ConfigError
from harness.errors import UsageError
from harness.kit.cases import CaseRequest, CaseSpec
from harness.kit.keys import KeyRing
from harness.kit.kit import CONTRACT, Kit
from harness.kit.messages import BODY_BYTES, BODY_TOLERANCE_BYTES, make_messages
from harness.kit.routing import Rule, Table, partition_of, read_table, route, topic_matches
from harness.kit.tokens import TokenRecipe, make_token

TABLE = read_table(CONTRACT / "routes.json")
RING = KeyRing.make()


def decode(segment: str) -> bytes:
    import base64

    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def verifies(token: str, ring: KeyRing = RING) -> bool:
    """Whether the signature is that of the key which the header names."""
    head, body, signature = token.split(".")
    key = ring.keys[json.loads(decode(head))["kid"]].private.public_key()
    data, raw = f"{head}.{body}".encode(), decode(signature)
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
            key.verify(encode_dss_signature(r, s), data, ec.ECDSA(SHA256()))
        else:
            assert isinstance(key, rsa.RSAPublicKey)
            key.verify(raw, data, padding.PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


# FNV-1a, 64 bit: vectors of the authors' own test suite (isthe.com/chongo/tech/comp/fnv).
@pytest.mark.parametrize(
    ("text", "digest"),
    [("", 0xCBF29CE484222325), ("a", 0xAF63DC4C8601EC8C), ("foobar", 0x85944171F73967E8)],
)
def test_partition_is_fnv_1a_unsigned(text: str, digest: int) -> None:
    assert [partition_of(text, n) for n in (1, 48, 64, 65_536)] == [digest % n for n in (1, 48, 64, 65_536)]


@pytest.mark.parametrize(
    ("pattern", "topic", "matches"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a.b.c", False),
        ("a.*", "a.b", True),
        ("a.*", "a", False),
        ("a.*", "a.b.c", False),
        ("a.#", "a", True),
        ("a.#", "a.b.c", True),
        ("a.#", "ab", False),
        ("#", "x.y", True),
        ("#.z", "z", True),
        ("#.z", "x.y.z", True),
        ("a.#.z", "a.z", True),
        ("a.#.z", "a.b", False),
        ("#.m.#", "a.m.b", True),
        ("#.m.#", "a.b", False),
        ("*.#", "a", True),
        ("#.*", "a.b", True),
    ],
)
def test_topic_patterns(pattern: str, topic: str, matches: bool) -> None:
    assert topic_matches(tuple(pattern.split(".")), tuple(topic.split("."))) is matches


def test_the_first_rule_that_matches_wins() -> None:
    rules = tuple(Rule(n, ("#",), None, None, (), n, 1) for n in ("first", "second"))
    found = route(Table(3, rules), "x", {"id": "a", "region": "", "priority": 0, "attributes": {}})
    assert found == {"rule": "first", "destination": "first", "partition": 0, "table_version": 3}


def test_the_table_is_large_and_uses_every_condition() -> None:
    assert len(TABLE.rules) >= 64
    for condition in ("regions", "min_priority", "attributes"):
        assert any(getattr(r, condition) for r in TABLE.rules)


def test_the_corpus_is_as_the_contract_says() -> None:
    messages = make_messages(TABLE, 211, 1)
    assert len({m.body for m in messages}) == 211
    assert all(abs(len(m.body.encode()) - BODY_BYTES) <= BODY_TOLERANCE_BYTES for m in messages)
    names = [r.name for r in TABLE.rules]
    late = sum(names.index(m.route["rule"]) >= 32 for m in messages) / len(messages)
    assert 0.3 <= late <= 0.37
    assert {m.route["rule"] for m in messages} == set(names)
    for message in messages:
        payload = json.loads(message.body)["payload"]
        assert len(payload) >= 60
        assert depth(payload) >= 4
        assert max(len(s.encode()) for s in texts(payload)) <= 256
    assert any("\\u" in m.body for m in messages)
    assert any(ord(c) > 127 for m in messages for c in m.body)


def test_the_corpus_is_the_same_for_the_same_seed() -> None:
    assert make_messages(TABLE, 50, 3) == make_messages(TABLE, 50, 3) != make_messages(TABLE, 50, 4)


def depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max((depth(v) for v in inner), default=0) if isinstance(value, dict | list) else 0


def texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [t for v in inner for t in texts(v)]


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_a_plain_token_verifies_and_says_what_it_should(algorithm: str) -> None:
    token = make_token(TokenRecipe(), RING, algorithm, time.time())
    assert verifies(token)
    head, body, _ = (decode(s) for s in token.split("."))
    assert json.loads(head)["alg"] == algorithm
    assert json.loads(body)["exp"] > time.time()


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
@pytest.mark.parametrize(
    "mutation", ["flip-header-bit", "flip-claims-bit", "flip-signature-bit", "zero-signature"]
)
def test_a_mutated_token_decodes_but_does_not_verify(mutation: Any, algorithm: str) -> None:
    plain = make_token(TokenRecipe(), RING, algorithm, 1e9)
    token = make_token(TokenRecipe(mutate=mutation), RING, algorithm, 1e9)
    assert len(token) == len(plain)
    try:
        assert not verifies(token)
    except (ValueError, KeyError):
        assert mutation == "flip-header-bit"  # the header is no longer JSON, or names no key


@pytest.mark.parametrize("segment", ["signature", "claims"])
@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_unused_bits_change_the_text_but_not_the_bytes(segment: str, algorithm: str) -> None:
    token = make_token(TokenRecipe(mutate=f"unused-bits-{segment}"), RING, algorithm, 1e9)
    part = token.split(".")[{"claims": 1, "signature": 2}[segment]]
    import base64

    assert base64.urlsafe_b64encode(decode(part)).rstrip(b"=").decode() != part
    assert verifies(token)


def test_a_foreign_key_is_not_in_the_jwks() -> None:
    kids = {k["kid"] for k in json.loads(RING.jwks())["keys"]}
    assert kids == {"ec-1", "ec-2", "rsa-1"}
    assert not any("d" in key for key in json.loads(RING.jwks())["keys"])


def test_a_kit_is_written_without_a_private_key_unless_asked(tmp_path: Path) -> None:
    kit = Kit.make()
    kit.write(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "cases.json",
        "jwks.json",
        "messages.jsonl",
        "routes.json",
    ]
    kit.write_signing_keys(tmp_path)
    assert (tmp_path / "signing-keys.json").stat().st_mode & 0o077 == 0
    again = Kit.read(tmp_path)
    assert verifies(make_token(TokenRecipe(), again.ring, "ES256", 1e9), kit.ring)


def test_every_case_of_the_contract_has_a_name_of_its_own_and_can_be_made() -> None:
    kit = Kit.make()
    assert len({s.name for s in kit.specs}) == len(kit.specs) > 200
    for setting in ("es256", "rs256", "none"):
        assert all(c.requests for c in kit.cases(setting))


def test_a_service_must_tell_of_itself_what_the_contract_names() -> None:
    interface = yaml.safe_load((CONTRACT / "openapi.yaml").read_text(encoding="utf-8"))
    page = (CONTRACT / "SERVICE.md").read_text(encoding="utf-8").partition("## What `/info` says")[2]
    (case,) = (c for c in Kit.make().cases("none") if c.name == "accepted/info")
    members = case.requests[0].answer_members
    assert list(members) == interface["components"]["schemas"]["Info"]["required"]
    assert not [name for name in members if f"`{name}`" not in page]


def test_what_a_case_expects_of_a_refusal_is_in_the_kit(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "schema: 1\ncases:\n"
        "  - {name: a, settings: [none], request: {expect: {status: 404, json: {a: 1}, members: [a]}}}\n",
        encoding="utf-8",
    )
    Kit.make([file]).write(tmp_path / "kit")
    (case,) = json.loads((tmp_path / "kit" / "cases.json").read_text(encoding="utf-8"))["cases"]
    expect = case["requests"][0]["expect"]
    assert (expect["json"], expect["members"], expect["problem"]) == ({"a": 1}, ["a"], True)


def test_a_case_says_either_request_or_requests() -> None:
    with pytest.raises(ValueError, match="either"):
        CaseSpec.model_validate({"name": "x"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cases: []", "2: cases: there is no case in it"),
        (
            "cases:\n  - {name: a, request: {body_base64: '%%'}}",
            "3: cases.0.request.body_base64: Only base64",
        ),
        (
            "cases:\n  - {name: a, request: {token: {key: mine}}}",
            "cases.0.request.token.key: must be",
        ),
        ("cases:\n  - {name: a, settings: [], request: {}}", "cases.0.settings: "),
        ("cases:\n  - {name: a, request: {tokn: x}}", "did you mean 'token'"),
    ],
)
def test_a_wrong_case_file_is_told_with_line_and_key(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"schema: 1\n{text}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        Kit.make([path])
    assert words in str(caught.value)


def test_a_size_that_the_message_exceeds_is_told_with_the_case() -> None:
    spec = CaseSpec(name="small", request=CaseRequest(body_bytes=10))
    with pytest.raises(UsageError, match="case small: body_bytes: 10 is too few"):
        Kit.make().maker.make(spec, "es256")
