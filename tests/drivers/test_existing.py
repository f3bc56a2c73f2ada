"""A service that runs already: what can be known of it, and what not."""

import socket
from pathlib import Path

import pytest

from harness.drivers.base import LaunchSettings
from harness.drivers.existing import ExistingDriver, address_of
from harness.errors import UsageError


def test_of_a_service_that_ran_before_nobody_knows_how_long_it_took_to_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        driver = ExistingDriver(f"http://127.0.0.1:{server.getsockname()[1]}")
        artifact = driver.prepare(driver.target(), lambda line: None)
        settings = LaunchSettings({}, run_id="r", case="c", log_path=tmp_path / "log")
        with driver.start(artifact, settings) as running:
            assert running.is_alive()
            assert running.ready_ns is None
            assert running.pid_missing_because


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://h", ("h", 80)),
        ("http://h:8080/", ("h", 8080)),
        ("127.0.0.1:9", ("127.0.0.1", 9)),
        ("http://[::1]:9", ("::1", 9)),
    ],
)
def test_an_address_is_host_and_port(url: str, address: tuple[str, int]) -> None:
    assert address_of(url) == address


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://h:99999", "out of range"),
        ("http://h:port", "port"),
        ("http://h:0", "plain http"),
        ("https://h", "plain http"),
        ("http://", "plain http"),
        ("http://h/base", r"only host and port can be given, such as http://h:80; paths are those of"),
        ("http://h:81?q=1", "only host and port"),
        ("http://me:word@h", "only host and port"),
    ],
)
def test_what_of_an_address_would_be_dropped_is_refused(url: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ExistingDriver(url)
