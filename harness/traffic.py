"""What a load sends: good and bad tokens over the message corpus, or a user's own request, as a request pool."""

from __future__ import annotations

import http.client
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from harness.conformance import compare
from harness.errors import ConformanceError, LoadError, UsageError
from harness.kit.cases import CaseMaker, CaseRequest, ReadyRequest
from harness.kit.keys import KeyRing
from harness.kit.kit import Kit
from harness.kit.messages import Message
from harness.kit.tokens import TokenRecipe, make_token
from harness.load.pool import PoolBuilder, RequestPool
from harness.model import RequestSpec, Scenario
from harness.wire import Connection

ACCEPTED = "accepted"
REFUSED = "refused"
UNAVAILABLE = "unavailable"
_ORDER_LENGTH = 10_000
_BAD_RECIPES = (
    TokenRecipe(expires_in_s=-60),
    TokenRecipe(key="foreign"),
    TokenRecipe(mutate="flip-signature-bit"),
)
_DISTINCT_BAD = 60
_ASKED_AGAIN = 20
"""So many messages are sent once more, to see whether the bytes of their answers are always the same."""


@dataclass(frozen=True)
class PrimedAnswer:
    """The service's own, checked answer to a message: what every later answer to it must be."""

    message: Message
    body: bytes


@dataclass(frozen=True)
class Primed:
    """Answers to all messages. `varies`: the same as JSON, but not byte for byte, when asked again."""

    answers: tuple[PrimedAnswer, ...]
    varies: bool

    @property
    def check_every(self) -> int:
        """The bytes of one answer in so many can be compared under load; 0: of none, only their length."""
        return 0 if self.varies else 1_000


def prime(host: str, port: int, kit: Kit, scenario: Scenario, timeout_s: float = 10.0) -> Primed:
    """Asks for each message of the corpus and checks the answer against the oracle.

    Raises ConformanceError at the first wrong answer, LoadError when there is none.
    """
    maker = kit.maker
    setting = "none" if scenario.algorithm == "none" else scenario.algorithm.lower()
    requests = [(m, _ready(maker, m, setting)) for m in kit.messages[: scenario.traffic.messages]]
    try:
        with Connection(host, port, timeout_s) as connection:
            answers = [PrimedAnswer(message, _asked(connection, request)) for message, request in requests]
            again = [_asked(connection, request) for _, request in requests[:_ASKED_AGAIN]]
    except (OSError, http.client.HTTPException) as error:
        raise LoadError(f"http://{host}:{port} stopped answering: {error}") from error
    return Primed(tuple(answers), varies=again != [a.body for a in answers[:_ASKED_AGAIN]])


def _asked(connection: Connection, request: ReadyRequest) -> bytes:
    """The right answer's body. Raises ConformanceError for a wrong one."""
    answer = connection.exchange(request)
    if wrong := compare(request, answer):
        raise ConformanceError(f"{request.target}: expected {wrong[0]}, got {wrong[1]}; nothing was measured")
    return answer.body


def _ready(maker: CaseMaker, message: Message, setting: str) -> ReadyRequest:
    request = CaseRequest(topic=message.topic, body=message.body)
    return maker.request(request, "rs256" if setting == "rs256" else "none" if setting == "none" else "es256")


def contract_pool(
    host: str, port: int, kit: Kit, scenario: Scenario, answers: Sequence[PrimedAnswer], seed: int
) -> RequestPool:
    """The contract's traffic: distinct tokens × messages, and the scenario's share of bad tokens."""
    builder = PoolBuilder(host, port)
    also = [(503, UNAVAILABLE)] if scenario.expect_unavailable else []
    good = _tokens(kit.ring, scenario, [TokenRecipe()], scenario.traffic.tokens)
    accepted = []
    for number in range(max(len(good), len(answers))):
        answer = answers[number % len(answers)]
        accepted.append(
            builder.add(
                kind=ACCEPTED,
                method="POST",
                target=f"/v1/messages/{answer.message.topic}",
                headers=_headers(good[number % len(good)]),
                body=answer.message.body.encode(),
                expect=200,
                expected_body=None if scenario.kind == "reload" else answer.body,
                also=also,
            )
        )
    bad = _tokens(kit.ring, scenario, _BAD_RECIPES, _DISTINCT_BAD) if scenario.traffic.bad_tokens else []
    refused = [
        builder.add(
            kind=REFUSED,
            method="POST",
            target=f"/v1/messages/{answers[n % len(answers)].message.topic}",
            headers=_headers(token),
            body=answers[n % len(answers)].message.body.encode(),
            expect=401,
            also=also,
        )
        for n, token in enumerate(bad)
    ]
    return builder.build(_order(accepted, refused, scenario.traffic.bad_tokens, seed))


def _headers(token: str | None) -> list[tuple[str, str]]:
    headers = [("Content-Type", "application/json")]
    return [("Authorization", f"Bearer {token}"), *headers] if token else headers


def _tokens(
    ring: KeyRing, scenario: Scenario, recipes: Sequence[TokenRecipe], count: int
) -> list[str | None]:
    if scenario.algorithm == "none":
        return [None]
    now_s = time.time()
    return [
        make_token(
            recipes[n % len(recipes)].model_copy(update={"serial": n}), ring, scenario.algorithm, now_s
        )
        for n in range(count)
    ]


def _order(good: Sequence[int], bad: Sequence[int], bad_share: float, seed: int) -> list[int]:
    """Good and bad requests shuffled, the share of bad ones exact over the whole order."""
    bad_count = round(_ORDER_LENGTH * bad_share) if bad else 0
    order = [good[i % len(good)] for i in range(_ORDER_LENGTH - bad_count)]
    order += [bad[i % len(bad)] for i in range(bad_count)]
    random.Random(seed).shuffle(order)
    return order


def own_pool(host: str, port: int, scenario: Scenario, spec: RequestSpec) -> RequestPool:
    """A user's own request: its body files and tokens are used in turn. Raises UsageError for a bad file."""
    builder = PoolBuilder(host, port)
    bodies = [_read(scenario, name) for name in spec.body_files] or [b""]
    tokens: list[str | None] = [None]
    if spec.token_file:
        tokens = [t for t in _read(scenario, spec.token_file).decode().splitlines() if t.strip()]
    requests = []
    for number in range(max(len(bodies), len(tokens))):
        token = tokens[number % len(tokens)]
        headers = list(spec.headers.items())
        if token:
            headers.append(("Authorization", f"Bearer {token.strip()}"))
        requests.append(
            builder.add(
                kind=ACCEPTED,
                method=spec.method,
                target=spec.path,
                headers=headers,
                body=bodies[number % len(bodies)],
                expect=spec.expect_status,
            )
        )
    return builder.build(requests)


def _read(scenario: Scenario, name: str) -> bytes:
    path = scenario.folder / name
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"scenario {scenario.name}: {path} cannot be read: {error.strerror}") from error
