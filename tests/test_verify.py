"""`harness verify`: what was left out, what a later start that fails leaves, and addresses of services that run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from answering import KIT, Answer, problem, right_answer, sending, serving

from harness.drivers.base import LaunchSettings
from harness.errors import StartError, UsageError
from harness.kit.cases import CaseRequest, CaseSpec
from harness.service import info
from harness.verify import verify_running, verify_target

PLAIN = CaseSpec(name="plain", settings=("es256",), request=CaseRequest())
OF_ITS_OWN = CaseSpec(name="own", settings=("es256",), service={"PORT": "1"}, request=CaseRequest())
ELSEWHERE = CaseSpec(name="elsewhere", settings=("rs256", "none"), request=CaseRequest())


def service(path: str, body: bytes) -> Answer:
    """Keeps the contract, as far as these cases go."""
    return problem(404) if path == "/info" else right_answer(path, body)


def test_cases_that_a_running_service_cannot_be_asked_are_counted_with_the_reason() -> None:
    kit = replace(KIT, specs=(PLAIN, OF_ITS_OWN, ELSEWHERE, ELSEWHERE))
    with serving(service) as port:
        report = verify_running(f"http://127.0.0.1:{port}", kit)
    assert (report.checked, report.ok) == (1, True)
    elsewhere, own = report.left_out
    assert elsewhere.startswith("2 cases for other settings than es256")
    assert own.startswith("1 case with a `service` of its own")


@pytest.mark.parametrize("specs", [(OF_ITS_OWN,), (ELSEWHERE,)])
def test_a_service_of_which_nothing_can_be_asked_does_not_keep_the_contract(
    specs: tuple[CaseSpec, ...],
) -> None:
    with serving(service) as port, pytest.raises(UsageError, match=r"no case can be put to .*: 1 case "):
        verify_running(f"http://127.0.0.1:{port}", replace(KIT, specs=specs))


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"algorithm":',  # it dies in the middle
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"[" * 200_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_an_account_that_is_none_is_no_error_of_the_harness(answer: bytes) -> None:
    with sending(answer) as port:
        url = f"http://127.0.0.1:{port}"
        assert info(url) is None
        assert not verify_running(url, replace(KIT, specs=(PLAIN,))).ok


@pytest.mark.parametrize("url", ["http://h:99999", "http://h/base", "https://h", "http://", "http://h:0"])
def test_an_address_that_is_none_is_wrong_use(url: str) -> None:
    with pytest.raises(UsageError, match="--url"):
        verify_running(url, KIT)


class StartsOnce:
    """A driver whose first start is a service that runs, and whose second fails."""

    def __init__(self, port: int) -> None:
        self.port, self.starts = port, 0

    @contextmanager
    def start(self, artifact: Any, settings: LaunchSettings) -> Iterator[Any]:
        self.starts += 1
        if self.starts > 1:
            raise StartError("it ended before it was ready")
        yield SimpleNamespace(host="127.0.0.1", port=self.port)


def test_differences_are_kept_when_a_later_start_fails(tmp_path: Path) -> None:
    kit = replace(KIT, specs=(PLAIN, OF_ITS_OWN))
    artifact = SimpleNamespace(target=SimpleNamespace(id="t"))
    told: list[str] = []
    with serving(lambda *_: (200, {}, json.dumps({"route": 1, "message": 2}).encode())) as port:
        report = verify_target(
            cast(Any, StartsOnce(port)),
            cast(Any, artifact),
            kit,
            tmp_path,
            "r",
            lambda group, checked, found: told.append(group),
        )
    assert report.cases_that_differ == {"plain"}
    assert report.checked == len(told) == 1
    assert report.not_started is not None
    assert report.not_started.startswith("it ended before it was ready\nIt was started with es256, CPUS=2")
