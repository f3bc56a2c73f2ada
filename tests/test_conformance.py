"""Conformance must tell a service that keeps the contract from one that breaks it in any single respect."""

import json
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from answering import KIT, Answer, Service, problem, right_answer, sending, serving

from harness.conformance import Difference, check, check_due, first_difference
from harness.kit.cases import CaseRequest, CaseSpec, Expect, Later, ReadyCase


def ready(**fields: Any) -> ReadyCase:
    return KIT.maker.make(CaseSpec.model_validate({"name": "c", **fields}), "es256")


def differences(service: Service, case: ReadyCase) -> tuple[Difference, ...]:
    with serving(service) as port:
        return check("127.0.0.1", port, [case]).differences


def test_the_right_answer_is_no_difference() -> None:
    assert differences(right_answer, ready(request=CaseRequest())) == ()


def spoil(change: Callable[[dict[str, Any]], None]) -> Service:
    def service(path: str, body: bytes) -> Answer:
        status, headers, text = right_answer(path, body)
        answer = json.loads(text)
        change(answer)
        return status, headers, json.dumps(answer).encode()

    return service


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda a: a["route"].update(partition=99), "route.partition"),
        (lambda a: a["route"].update(rule="other"), "route.rule"),
        (lambda a: a["message"].update(priority="4"), "message.priority"),
        (lambda a: a["message"].pop("region"), "members"),
        (lambda a: a["message"]["payload"]["list"].append(4), "items"),
        (lambda a: a.update(extra=1), "members"),
        (lambda a: a["message"]["payload"].update(number=True), "payload.number"),
    ],
)
def test_a_wrong_answer_is_named_with_its_place(change: Callable[[Any], None], place: str) -> None:
    found = differences(spoil(change), ready(request=CaseRequest()))
    assert len(found) == 1
    assert place in found[0].expected


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (problem(400), "status 401"),
        ((401, {"Content-Type": "application/problem+json"}, b"{}"), "www-authenticate"),
        ((401, {"WWW-Authenticate": "Bearer"}, b"{}"), "content type"),
        (problem(401, title="No entry"), "title"),
        (problem(401, status=400), "status 401"),
        (right_answer("/v1/messages/system.heartbeat", KIT.messages[0].body.encode()), "status 401"),
    ],
)
def test_a_refusal_must_be_a_whole_one(answer: Answer, word: str) -> None:
    case = ready(request=CaseRequest(token=None, expect=Expect(status=401)))
    found = differences(lambda *_: answer, case)
    assert len(found) == 1
    assert word in found[0].expected


def test_a_right_refusal_is_no_difference() -> None:
    case = ready(request=CaseRequest(token=None, expect=Expect(status=401)))
    assert differences(lambda *_: problem(401), case) == ()


def test_a_connection_closed_between_requests_is_a_difference() -> None:
    def closing(path: str, body: bytes) -> Answer:
        status, headers, text = right_answer(path, body)
        return status, {**headers, "Connection": "close"}, text

    found = differences(closing, ready(requests=[CaseRequest(), CaseRequest()]))
    assert "stays open" in found[0].expected


@pytest.mark.parametrize(
    ("expect", "place"),
    [
        (Expect(status=404, json={"title": "Gone"}), "members ['title']"),
        (Expect(status=404, json={**json.loads(problem(404)[2]), "status": 405}), "status = 405"),
        (Expect(status=404, route={"rule": "r1"}), "route.rule = 'r1'"),
        (Expect(status=404, members=("type", "detail")), "members type, detail"),
    ],
)
def test_what_a_case_itself_expects_is_compared_whatever_the_status(expect: Expect, place: str) -> None:
    found = differences(lambda *_: problem(404), ready(request=CaseRequest(expect=expect)))
    assert [place in d.expected for d in found] == [True]


def test_what_a_case_itself_expects_of_a_refusal_may_be_there() -> None:
    wanted = json.loads(problem(404, detail="x")[2])
    case = ready(request=CaseRequest(expect=Expect(status=404, json=wanted, members=("detail",))))
    assert differences(lambda *_: problem(404, detail="x"), case) == ()


def test_of_several_statuses_the_200_is_what_a_case_itself_expects() -> None:
    route = json.loads(
        right_answer("/v1/messages/orders.shop.created", ready(request={}).requests[0].body)[2]
    )
    case = ready(request=CaseRequest(expect=Expect(status=(200, 503), route=route["route"])))
    assert differences(right_answer, case) == ()
    assert differences(lambda *_: problem(503), case) == ()


@pytest.mark.parametrize("route", ["null", '"r1"', "[]"])
def test_a_route_that_is_none_is_a_difference(route: str) -> None:
    case = ready(request=CaseRequest(method="GET", path="/", expect=Expect(route={"rule": "r1"})))
    found = differences(lambda *_: (200, {}, f'{{"route": {route}}}'.encode()), case)
    assert found[0].expected == "route.rule = 'r1'" and found[0].got == "None"


@pytest.mark.parametrize("members", [("pids", "cpus"), ()])
def test_an_answer_must_have_the_members_that_a_case_names(members: tuple[str, ...]) -> None:
    case = ready(request=CaseRequest(method="GET", path="/info", expect=Expect(members=members)))
    assert differences(lambda *_: (200, {}, b'{"cpus": 1, "pids": [1], "more": 2}'), case) == ()
    lacking = differences(lambda *_: (200, {}, b'{"cpus": 1}'), case)
    assert [d.got for d in lacking] == (["none called pids"] if members else [])


@pytest.mark.parametrize(
    ("head", "body", "got"),
    [
        (b"200 OK\r\nConnection: close", b"{}", "no such header"),
        (b"200 OK\r\nTransfer-Encoding: chunked", b"2\r\n{}\r\n0\r\n\r\n", "no such header"),
        (b"200 OK\r\nContent-Length: 2", b"{}", None),
        (b"204 No Content", b"", None),
    ],
)
def test_an_answer_tells_its_length_unless_its_status_forbids_that(
    head: bytes, body: bytes, got: str | None
) -> None:
    case = ready(request=CaseRequest(method="GET", path="/", expect=Expect(status=(200, 204))))
    with sending(b"HTTP/1.1 " + head + b"\r\n\r\n" + body) as port:
        found = check("127.0.0.1", port, [case]).differences
    assert [d.got for d in found if d.expected == "header content-length"] == ([got] if got else [])
    assert len(found) == (1 if got else 0)


def test_counts_of_requests_sent_at_once() -> None:
    case = ready(request=CaseRequest(), concurrent=4, counts={200: 1, 503: 2})
    assert "503" in differences(right_answer, case)[0].expected


@pytest.mark.parametrize(
    ("served", "then", "fits"),
    [
        ([200, 200, 200, 200], [200, 503, 503, 200], True),  # as if they had come one after the other
        ([200, 503, 401, 503], [200, 503, 503, 200], False),  # what may not occur is no matter of time
    ],
)
def test_requests_that_did_not_come_at_once_are_sent_again(
    served: list[int], then: list[int], fits: bool
) -> None:
    answers = iter([*served, *then])

    def service(path: str, body: bytes) -> Answer:
        status = next(answers)
        return right_answer(path, body) if status == 200 else problem(status)

    case = ready(request=CaseRequest(), concurrent=4, counts={200: 1, 503: 2})
    assert (differences(service, case) == ()) is fits


def without(answer: Answer, header: str) -> Answer:
    return answer[0], {name: value for name, value in answer[1].items() if name != header}, answer[2]


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        (without(problem(503), "Retry-After"), "header retry-after"),
        (without(problem(503), "Content-Type"), "content type application/problem+json"),
        (problem(503, title="Busy"), "the title 'Service Unavailable'"),
        ((200, {}, b'{"route": null, "message": null}'), "route = "),
    ],
)
def test_each_answer_to_requests_sent_at_once_is_compared(wrong: Answer, place: str) -> None:
    answers = iter(["right", "right", "wrong", "right"])

    def service(path: str, body: bytes) -> Answer:
        if next(answers) == "wrong":
            return wrong
        return right_answer(path, body) if wrong[0] == 503 else problem(503)

    case = ready(request=CaseRequest(expect=Expect(status=(200, 503))), concurrent=4, counts={200: 1, 503: 1})
    (found,) = differences(service, case)
    assert place in found.expected or place in found.got
    assert "each answer of 4 sent at once" in found.expected


def test_an_interrupt_does_not_wait_for_a_service_that_hangs() -> None:
    timeout_s = 120.0
    cases = [ready(request=CaseRequest())] * 20
    earlier = signal.signal(signal.SIGINT, signal.default_int_handler)
    main = threading.main_thread().ident
    assert main is not None
    with socket.create_server(("127.0.0.1", 0)) as silent:
        accepted: list[socket.socket] = []

        def interrupt() -> None:
            accepted.append(silent.accept()[0])  # of a service that then never answers
            signal.pthread_kill(main, signal.SIGINT)

        thread = threading.Thread(target=interrupt)
        thread.start()
        began_s = time.monotonic()
        try:
            with pytest.raises(KeyboardInterrupt):
                check("127.0.0.1", silent.getsockname()[1], cases, timeout_s=timeout_s)
        finally:
            signal.signal(signal.SIGINT, earlier)
            thread.join()
            for connection in accepted:
                connection.close()
    assert time.monotonic() - began_s < timeout_s / 4


def test_a_second_look_is_due_and_compared() -> None:
    case = ready(request=CaseRequest(), later=Later(after_s=0.01, expect=Expect(status=401)))
    with serving(right_answer) as port:
        verdict = check("127.0.0.1", port, [case])
        assert verdict.ok
        later = check_due("127.0.0.1", port, verdict.due)
    assert "status 401" in later.differences[0].expected


ODD_REQUESTS = [
    CaseRequest(headers={"X-Odd": "snow ☃"}),
    CaseRequest(headers={"X-Odd": "one\ntwo"}),
    CaseRequest(path="/v1/messages/a b"),
    CaseRequest(topic="ordérs"),
    CaseRequest(method="PO ST"),
    CaseRequest(body="{{"),
    CaseRequest(body="[]"),
    CaseRequest(remove=("id", "priority")),
    CaseRequest(body="[" * 100_000),
    CaseRequest(message={"id": "\ud800"}),
]


@pytest.mark.parametrize("request_", ODD_REQUESTS, ids=range(len(ODD_REQUESTS)))
def test_whatever_a_case_sends_the_answer_is_compared(request_: CaseRequest) -> None:
    """An answer, or none: never an error of the harness."""
    expecting = request_.model_copy(update={"expect": Expect(status=418)})
    found = differences(lambda *_: problem(400), ready(request=expecting))
    assert found[0].expected == "status 418"


def test_of_several_statuses_each_is_checked_as_if_it_were_the_only_one() -> None:
    case = ready(request=CaseRequest(expect=Expect(status=(200, 401))))
    assert differences(right_answer, case) == ()
    assert differences(lambda *_: problem(401), case) == ()
    wrong = differences(spoil(lambda a: a["route"].update(partition=99)), case)
    assert "route.partition" in wrong[0].expected
    bare = (401, {"Content-Type": "application/problem+json"}, problem(401)[2])
    assert "www-authenticate" in differences(lambda *_: bare, case)[0].expected


def test_integers_of_any_length_are_compared_as_doubles() -> None:
    text = (
        '{"id":"a","type":"t","priority":4,"region":"eu-west","attributes":{},"payload":1' + "0" * 5000 + "}"
    )

    def answer(path: str, body: bytes) -> Answer:
        known = right_answer(path, body.replace(b"1" + b"0" * 5000, b"7"))[2]
        return 200, {"Content-Type": "application/json"}, known.replace(b'"payload": 7', b'"payload": 1e5000')

    assert differences(answer, ready(request=CaseRequest(body=text))) == ()


def test_no_answer_is_a_difference_and_not_a_crash() -> None:
    with serving(right_answer) as port:
        pass
    assert "no answer" in check("127.0.0.1", port, [ready(request=CaseRequest())]).differences[0].got


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1.0, True),
        (9007199254740993, 9007199254740992, True),
        (1e300, 1e300, True),
        (True, 1, False),
        (None, False, False),
        ("1", 1, False),
        ({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}, True),
        ([1, 2], [2, 1], False),
    ],
)
def test_json_is_compared_by_value_with_numbers_as_doubles(one: Any, other: Any, same: bool) -> None:
    assert (first_difference(one, other) is None) is same


def test_json_nested_as_deep_as_it_can_be_read_is_compared_and_shown() -> None:
    deep = sys.getrecursionlimit() - 200

    def nested(inmost: str) -> Any:
        return json.loads("[" * deep + inmost + "]" * deep)

    assert first_difference(nested("1"), nested("1.0")) is None
    expected, got = first_difference(nested("1"), nested("2")) or ("", "")
    assert expected.endswith("= 1") and got == "2"
    expected, got = first_difference({"payload": nested("1")}, {"payload": None}) or ("", "")
    assert expected.startswith("payload = [[") and got == "None"


@pytest.mark.parametrize("protocol", [b"HTTP/1.0", b"HTTP/1.1"])
def test_a_service_that_drips_its_answer_is_given_up_at_the_deadline(protocol: bytes) -> None:
    """No single read takes long, so the time for one never runs out."""
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.sendall(protocol + b" 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while not over.wait(0.01):
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=drip, args=(server.accept()[0],)).start()

        threading.Thread(target=accept, daemon=True).start()
        cases = [ready(request=CaseRequest()), ready(request=CaseRequest(), concurrent=2, counts={200: 2})]
        found = check("127.0.0.1", server.getsockname()[1], cases, deadline_s=1.5).differences
        over.set()
        server.shutdown(socket.SHUT_RDWR)
    assert "IncompleteRead" in found[0].got or "ConnectionResetError" in found[0].got
    assert "TimeoutError" in found[1].got
