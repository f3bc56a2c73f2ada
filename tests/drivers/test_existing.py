"""A service that runs already: what can be known of it, and what not."""

import socket
from pathlib import Path

from harness.drivers.base import LaunchSettings
from harness.drivers.existing import ExistingDriver


def test_of_a_service_that_ran_before_nobody_knows_how_long_it_took_to_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        driver = ExistingDriver(f"http://127.0.0.1:{server.getsockname()[1]}")
        artifact = driver.prepare(driver.target(), lambda line: None)
        settings = LaunchSettings({}, run_id="r", case="c", log_path=tmp_path / "log")
        with driver.start(artifact, settings) as running:
            assert running.is_alive()
            assert running.ready_ns is None
            assert running.pid_missing_because
