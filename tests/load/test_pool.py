"""The request pool: exact bytes, shared parts, and files that come back as they were."""

from pathlib import Path

import msgpack
import pytest

from harness.errors import LoadError
from harness.load.pool import PoolBuilder, PoolRequest, RequestPool


def test_requests_are_exact_http() -> None:
    builder = PoolBuilder("127.0.0.1", 8080)
    builder.add(
        "POST",
        "/v1/messages/a.b",
        headers=[("Authorization", "Bearer x.y.z"), ("Content-Type", "application/json")],
        body=b'{"id":1}',
    )
    builder.add("GET", "/healthz?full=1")
    pool = builder.build()
    assert [pool.wire(request) for request in pool.requests] == [
        b"POST /v1/messages/a.b HTTP/1.1\r\n"
        b"Host: 127.0.0.1:8080\r\n"
        b"Authorization: Bearer x.y.z\r\n"
        b"Content-Type: application/json\r\n"
        b"Content-Length: 8\r\n"
        b"\r\n"
        b'{"id":1}',
        b"GET /healthz?full=1 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n",
    ]


@pytest.mark.parametrize(
    ("host", "port", "line"),
    [
        ("localhost", 80, b"Host: localhost\r\n"),
        ("::1", 8080, b"Host: [::1]:8080\r\n"),
        ("service.internal", 443, b"Host: service.internal:443\r\n"),
    ],
)
def test_the_host_line_names_the_address(host: str, port: int, line: bytes) -> None:
    builder = PoolBuilder(host, port)
    builder.add("GET", "/")
    pool = builder.build()
    assert line in pool.wire(pool.requests[0])


def test_a_host_header_of_the_callers_own_is_kept() -> None:
    builder = PoolBuilder("10.0.0.1", 8080)
    builder.add("GET", "/", headers=[("host", "shop.example")])
    pool = builder.build()
    assert pool.wire(pool.requests[0]) == b"GET / HTTP/1.1\r\nhost: shop.example\r\n\r\n"


def test_an_empty_post_says_so() -> None:
    builder = PoolBuilder("h", 1)
    builder.add("POST", "/")
    pool = builder.build()
    assert b"Content-Length: 0\r\n" in pool.wire(pool.requests[0])


def test_equal_bodies_are_kept_once() -> None:
    builder = PoolBuilder("h", 1)
    for token in range(50):
        builder.add("POST", "/", headers=[("A", str(token))], body=b"x" * 4096, expected_body=b"y" * 4096)
    pool = builder.build()
    assert len(pool.parts) == 51
    assert pool.bodies == (b"y" * 4096,)


def test_the_order_names_what_is_sent() -> None:
    builder = PoolBuilder("h", 1)
    good = builder.add("GET", "/good")
    bad = builder.add("GET", "/bad", kind="refused", expect=401)
    pool = builder.build([good, good, bad])
    assert pool.order == (good, good, bad)
    assert pool.requests[bad].kind == "refused"
    assert pool.requests[bad].expect == 401


def test_a_pool_comes_back_as_it_was(tmp_path: Path) -> None:
    builder = PoolBuilder("h", 1)
    builder.add("POST", "/", body=bytes(range(256)), expected_body=b"\x00\xff", kind="k", expect=201)
    builder.add("GET", "/x")
    pool = builder.build([1, 0, 1])
    path = tmp_path / "deep" / "requests.msgpack"
    pool.write(path)
    assert RequestPool.read(path) == pool


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("PO ST", "/", []),
        ("GET", "no-slash", []),
        ("GET", "/with space", []),
        ("GET", "/\r\nX: y", []),
        ("GET", "/", [("Bad Name", "x")]),
        ("GET", "/", [("X", "a\r\nY: b")]),
        ("GET", "/", [("X", "snow☃man")]),
        ("GET", "/", [("Content-Length", "5")]),
        ("GET", "/", [("transfer-encoding", "chunked")]),
    ],
)
def test_what_is_not_http_is_refused(method: str, target: str, headers: list[tuple[str, str]]) -> None:
    with pytest.raises(LoadError):
        PoolBuilder("h", 1).add(method, target, headers=headers)


@pytest.mark.parametrize("kind", ["", "two words", "a,b"])
def test_a_kind_must_fit_into_a_log(kind: str) -> None:
    with pytest.raises(LoadError, match="kind"):
        PoolBuilder("h", 1).add("GET", "/", kind=kind)


@pytest.mark.parametrize(
    "pool",
    [
        {"parts": (), "requests": (), "bodies": (), "order": ()},
        {"parts": (b"x",), "requests": (PoolRequest("k", (0,), 200, None),), "bodies": (), "order": (1,)},
        {"parts": (b"x",), "requests": (PoolRequest("k", (1,), 200, None),), "bodies": (), "order": (0,)},
        {"parts": (b"x",), "requests": (PoolRequest("k", (), 200, None),), "bodies": (), "order": (0,)},
        {"parts": (b"x",), "requests": (PoolRequest("k", (0,), 200, 0),), "bodies": (), "order": (0,)},
    ],
)
def test_a_pool_that_contradicts_itself_is_refused(pool: dict[str, tuple[object, ...]]) -> None:
    with pytest.raises(LoadError, match="not usable"):
        RequestPool(**pool)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "content", [b"", b"\x93\x01\x02", msgpack.packb({"schema": 2}), msgpack.packb({"schema": 1}), b"{}"]
)
def test_what_is_no_pool_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "requests.msgpack"
    path.write_bytes(content)
    with pytest.raises(LoadError, match=r"requests\.msgpack"):
        RequestPool.read(path)


def test_a_missing_pool_is_named(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="nowhere"):
        RequestPool.read(tmp_path / "nowhere")
