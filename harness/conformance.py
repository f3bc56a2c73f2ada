"""Does a running service keep the contract? Sends cases over real sockets and compares the answers.

Used before and after every load on the very process that is measured, and by `harness verify`.
"""

from __future__ import annotations

import http.client
import reprlib
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from harness.kit.cases import TITLES, ReadyCase, ReadyRequest, parse_json
from harness.wire import Answer, Connection

_PARALLEL = 8
_READ_TIMEOUT_S = 30.0
_ATTEMPTS_AT_ONCE = 3
_SHOWN_CHARACTERS = 200
_HEADERS_OF_STATUS = {401: (("www-authenticate", "bearer"),), 503: (("retry-after", ""),)}
"""What an answer of that status must carry, whatever else the case expects."""
_WITHOUT_LENGTH = frozenset({*range(100, 200), 204, 304})
"""Statuses that forbid a body's length, or need none (RFC 9110, 8.6)."""


@dataclass(frozen=True)
class Difference:
    """One case that the service answers otherwise than the contract says."""

    case: str
    setting: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.case} [{self.setting}]: expected {self.expected}, got {self.got}"


@dataclass(frozen=True)
class Due:
    """A request to be sent again at `at_s` (monotonic), see `CaseSpec.later`."""

    case: ReadyCase
    at_s: float


@dataclass(frozen=True)
class Verdict:
    """What a pack of cases showed; `due` are second looks still to come."""

    checked: int
    differences: tuple[Difference, ...]
    due: tuple[Due, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.differences


class _Pack:
    """The connections of one pack of cases. When its time is up they are cut, so that no case waits for ever."""

    def __init__(self, host: str, port: int, timeout_s: float, deadline_s: float) -> None:
        self._address = host, port
        self._timeout_s = timeout_s
        self._deadline_s = deadline_s
        self._timer = threading.Timer(deadline_s, self._cut)
        self._lock = threading.Lock()
        self._open: set[Connection] = set()
        self._is_over = False

    def __enter__(self) -> _Pack:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._timer.join()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Raises TimeoutError when the time is up."""
        with Connection(*self._address, self._timeout_s) as connection:
            with self._lock:
                if self._is_over:
                    raise TimeoutError(f"the pack of cases was not done within {self._deadline_s:g} s")
                self._open.add(connection)
            try:
                yield connection
            finally:
                with self._lock:
                    self._open.discard(connection)

    @contextmanager
    def threads(self, count: int) -> Iterator[ThreadPoolExecutor]:
        """Threads to exchange in. Left by an error, an interrupt too, none of them goes on waiting for its answer."""
        with ThreadPoolExecutor(count, thread_name_prefix="conformance") as pool:
            try:
                yield pool
            except BaseException:
                self._cut()
                raise

    def _cut(self) -> None:
        with self._lock:
            self._is_over = True
            for connection in self._open:
                connection.cut()


def check(
    host: str,
    port: int,
    cases: Sequence[ReadyCase],
    timeout_s: float = _READ_TIMEOUT_S,
    deadline_s: float = 120.0,
) -> Verdict:
    """Runs the cases, several at a time: those with a token that soon expires first, those that send at once alone.

    No read takes longer than `timeout_s`, and all together no longer than `deadline_s`.
    """
    alone = [c for c in cases if c.concurrent > 1]
    side_by_side = sorted((c for c in cases if c.concurrent == 1), key=lambda c: c.later is None)
    with _Pack(host, port, timeout_s, deadline_s) as pack:
        with pack.threads(_PARALLEL) as pool:
            outcomes = list(pool.map(lambda c: _run_requests(pack, c, c.requests), side_by_side))
        outcomes += [_run_concurrently(pack, c) for c in alone]
    now_s = time.monotonic()
    due = tuple(Due(c, now_s + c.later_after_s) for c in cases if c.later_after_s is not None)
    return Verdict(len(cases), tuple(d for d in outcomes if d is not None), due)


def check_due(
    host: str, port: int, due: Sequence[Due], timeout_s: float = _READ_TIMEOUT_S, deadline_s: float = 120.0
) -> Verdict:
    """The second looks; waits until each is due, and then no longer than `deadline_s` for all."""
    differences = []
    last_s = max((look.at_s for look in due), default=time.monotonic())
    with _Pack(host, port, timeout_s, max(0.0, last_s - time.monotonic()) + deadline_s) as pack:
        for look in due:
            time.sleep(max(0.0, look.at_s - time.monotonic()))
            assert look.case.later is not None
            found = _run_requests(pack, look.case, (look.case.later,))
            if found:
                differences.append(
                    Difference(f"{look.case.name}, sent again", found.setting, found.expected, found.got)
                )
    return Verdict(len(due), tuple(differences))


def _run_requests(pack: _Pack, case: ReadyCase, requests: Sequence[ReadyRequest]) -> Difference | None:
    try:
        with pack.connection() as connection:
            for number, request in enumerate(requests, start=1):
                answer = connection.exchange(request)
                wrong = compare(request, answer)
                if wrong is None and answer.closed and number < len(requests):
                    wrong = ("a connection that stays open", f"closed after status {answer.status}")
                if wrong:
                    which = f"request {number}: " if len(requests) > 1 else ""
                    return Difference(case.name, case.setting, which + wrong[0], wrong[1])
    except (OSError, http.client.HTTPException) as error:
        expected = (
            f"status {_join(requests[0].statuses)}" if len(requests) == 1 else "an answer to each request"
        )
        return Difference(case.name, case.setting, expected, f"no answer ({type(error).__name__}: {error})")
    return None


def _run_concurrently(pack: _Pack, case: ReadyCase) -> Difference | None:
    """Sends them at once; again when too few had an answer that only one among many gets.

    On a busy machine requests may come one after the other. An answer that may not occur, or is not as one of its
    status should be, is no matter of that.
    """
    request = replace(case.requests[0], statuses=tuple(case.counts))

    def one(_: int) -> tuple[str | int, tuple[str, str] | None]:
        try:
            with pack.connection() as connection:
                answer = connection.exchange(request)
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__, None
        return answer.status, compare(request, answer)

    for _ in range(_ATTEMPTS_AT_ONCE):
        with pack.threads(case.concurrent) as pool:
            answers = list(pool.map(one, range(case.concurrent)))
        got = Counter(status for status, _ in answers)
        if not set(got) <= set(case.counts):
            break
        if wrong := next((w for _, w in answers if w is not None), None):
            expected = f"{wrong[0]} in each answer of {case.concurrent} sent at once"
            return Difference(case.name, case.setting, expected, wrong[1])
        if all(got[s] >= n for s, n in case.counts.items()):
            return None
    wanted = ", ".join(f"at least {n} × {s}" for s, n in case.counts.items())
    found = ", ".join(f"{n} × {s}" for s, n in sorted(got.items(), key=str))
    return Difference(case.name, case.setting, f"{wanted} of {case.concurrent} sent at once", found)


def compare(request: ReadyRequest, answer: Answer) -> tuple[str, str] | None:
    """None when the answer is as expected, else (expected, got)."""
    if answer.status not in request.statuses:
        return f"status {_join(request.statuses)}", f"status {answer.status} {_shown(answer.body)}"
    for name, text in _headers_due(request, answer.status):
        value = answer.headers.get(name)
        if value is None or text.lower() not in value.lower():
            wanted = f"header {name}: …{text}…" if text else f"header {name}"
            return wanted, "no such header" if value is None else f"{name}: {value}"
    wrong = _compare_problem(answer) if answer.status >= 400 and request.method != "HEAD" else None
    return wrong or _compare_body(request, answer)


def _headers_due(request: ReadyRequest, status: int) -> Iterator[tuple[str, str]]:
    """Names of headers that the answer must have, each with the text that it must contain."""
    yield from request.answer_headers
    yield from _HEADERS_OF_STATUS.get(status, ())
    if request.method != "HEAD" and status not in _WITHOUT_LENGTH:
        yield "content-length", ""


def _compare_body(request: ReadyRequest, answer: Answer) -> tuple[str, str] | None:
    """What the case itself expects of the body: of a 200, if that is one of several statuses, else of every answer."""
    nothing = request.answer is None and request.answer_route is None and not request.answer_members
    if nothing or (answer.status != 200 and 200 in request.statuses):
        return None
    try:
        got = parse_json(answer.body)
    except ValueError:
        return "a JSON body", _shown(answer.body)
    if request.answer is not None:
        place = first_difference(request.answer, got)
        if place:
            return place
    members = got if isinstance(got, dict) else {}
    if missing := [name for name in request.answer_members if name not in members]:
        return f"members {', '.join(request.answer_members)}", f"none called {', '.join(missing)}"
    route = members.get("route")
    for key, value in (request.answer_route or {}).items():
        found = route.get(key) if isinstance(route, dict) else None
        if found != value:
            return f"route.{key} = {value!r}", repr(found)
    return None


def _compare_problem(answer: Answer) -> tuple[str, str] | None:
    kind = answer.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/problem+json":
        return "content type application/problem+json", kind or "none"
    try:
        body = parse_json(answer.body)
    except ValueError:
        return "a problem document (RFC 9457)", _shown(answer.body)
    title = TITLES.get(answer.status)
    if not isinstance(body, dict) or body.get("status") != answer.status:
        return f"a problem document with status {answer.status}", _shown(answer.body)
    if title is not None and body.get("title") != title:
        return f"the title {title!r}", repr(body.get("title"))
    return None


def first_difference(expected: Any, got: Any) -> tuple[str, str] | None:
    """Where two JSON values differ, numbers compared as IEEE doubles; None when they are equal.

    Works through a list, not by recursion: what a service may send is nested deeper than Python's stack.
    """
    to_compare = [(expected, got, "")]
    while to_compare:
        want, have, place = to_compare.pop()
        if isinstance(want, dict) and isinstance(have, dict):
            if want.keys() != have.keys():
                return f"members {sorted(want)} in {place or 'the answer'}", f"{sorted(have)}"
            to_compare += reversed([(want[k], have[k], f"{place}.{k}".lstrip(".")) for k in want])
        elif isinstance(want, list) and isinstance(have, list):
            if len(want) != len(have):
                return f"{len(want)} items in {place or 'the answer'}", f"{len(have)}"
            pairs = enumerate(zip(want, have, strict=True))
            to_compare += reversed([(w, h, f"{place}[{i}]") for i, (w, h) in pairs])
        elif not _same_scalar(want, have):
            return f"{_cut(place) or 'the answer'} = {_value(want)}", _value(have)
    return None


def _same_scalar(expected: Any, got: Any) -> bool:
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    if isinstance(expected, int | float) and isinstance(got, int | float):
        return float(expected) == float(got)
    return type(expected) is type(got) and bool(expected == got)


def _join(statuses: Sequence[int]) -> str:
    return " or ".join(str(s) for s in statuses)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"


def _value(value: Any) -> str:
    """As Python writes it; neither long nor deep values whole."""
    writer = reprlib.Repr()
    writer.maxstring = writer.maxlong = _SHOWN_CHARACTERS
    return writer.repr(value)


def _shown(body: bytes) -> str:
    return "with " + _cut(repr(body.decode("utf-8", "replace"))) if body else "without a body"
