"""A user's own Locust file: its users, its shape, its mistakes; and Locust's own web page."""

from __future__ import annotations

import socket
import urllib.request
from pathlib import Path

import pytest
from load.kinds import PlanMaker
from load.service import Service

from harness.errors import LoadError
from harness.load.plan import LoadPlan
from harness.load.result import disagreements, read_reports
from harness.load.supervise import LOCUST, LoadGenerator, native

USERS = """
from locust import FastHttpUser, HttpUser, between, events, task

print("what a file prints is no event")

@events.init_command_line_parser.add_listener
def _(parser):
    parser.add_argument("--article", default="book")

class Reader(FastHttpUser):
    wait_time = between(0.005, 0.01)
    @task
    def read(self):
        self.client.get("/" + self.environment.parsed_options.article, name="read an article")

class Writer(HttpUser):
    wait_time = between(0.005, 0.01)
    @task
    def write(self):
        self.client.post("/wrong-status", data="x")
"""

SHAPE = """
from locust import FastHttpUser, LoadTestShape, constant, task

class Reader(FastHttpUser):
    wait_time = constant(0.01)
    @task
    def read(self):
        self.client.get("/ok")

class ThreeSeconds(LoadTestShape):
    def tick(self):
        return (4, 100) if self.get_run_time() < 3 else None
"""


@pytest.fixture
def plan(make_plan: PlanMaker) -> LoadPlan:
    return make_plan(requests=None, connections=6, duration_s=3.0)


def write(folder: Path, content: str) -> Path:
    path = folder / "my_users.py"
    path.write_text(content)
    return path


def test_users_of_a_file_are_measured(service: Service, plan: LoadPlan, tmp_path: Path) -> None:
    file = write(tmp_path, USERS)
    with LoadGenerator(LOCUST, tmp_path / "logs", workers=2, locustfile=file) as generator:
        result = generator.offer(plan, tmp_path)
        assert result.problems == ()
        recording = read_reports(result.reports)
        assert disagreements(recording, result.totals.values()) == []
        assert recording.kinds == ("/wrong-status", "read_an_article")
        assert recording.completed["read_an_article"] == service.asked["/book"] > 50
        assert recording.failed["/wrong-status"] == {"status": service.asked["/wrong-status"]}
        assert result.total("sent") == service.total
        again = generator.offer(plan, tmp_path / "again")
        assert again.problems == ()
        assert again.total("sent") + result.total("sent") == service.total


def test_a_shape_ends_the_window_when_it_ends(service: Service, plan: LoadPlan, tmp_path: Path) -> None:
    file = write(tmp_path, SHAPE)
    fields = {**plan.to_fields(), "duration_s": 60.0}
    with LoadGenerator(LOCUST, tmp_path / "logs", workers=2, locustfile=file) as generator:
        result = generator.offer(LoadPlan.from_fields(fields), tmp_path)
    assert result.problems == ()
    assert disagreements(read_reports(result.reports), result.totals.values()) == []
    assert result.total("sent") == service.total > 0


@pytest.mark.parametrize(
    ("content", "complaint"),
    [("import nowhere_to_be_found", "nowhere_to_be_found"), ("x = 1", "no user class")],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, content: str, complaint: str) -> None:
    file = write(tmp_path, content)
    with pytest.raises(LoadError, match=complaint), LoadGenerator(LOCUST, tmp_path, locustfile=file):
        raise AssertionError("unreachable")


def test_native_workers_run_no_files(tmp_path: Path) -> None:
    file = write(tmp_path, USERS)
    with (
        pytest.raises(LoadError, match="cannot run a Locust file"),
        LoadGenerator(native(Path("/bin/true")), tmp_path, locustfile=file),
    ):
        raise AssertionError("unreachable")


def test_locusts_web_page_shows_the_load(make_plan: PlanMaker, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with LoadGenerator(LOCUST, tmp_path, web_port=port) as generator:
        assert generator.web_url == f"http://127.0.0.1:{port}/"
        result = generator.offer(make_plan(), tmp_path)
        with urllib.request.urlopen(f"{generator.web_url}stats/requests", timeout=60) as answer:
            page = answer.read().decode()
    assert result.problems == ()
    assert f'"num_requests":{result.total("sent")}' in page.replace(" ", "")


def test_a_web_page_whose_port_is_taken_is_an_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with (
            pytest.raises(
                LoadError, match=f"port {port} cannot be had for Locust's page: Address already in use"
            ),
            LoadGenerator(LOCUST, tmp_path, web_port=port),
        ):
            raise AssertionError("unreachable")
