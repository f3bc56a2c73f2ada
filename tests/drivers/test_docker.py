"""The docker driver against a real engine: images, limits, networks, failures, clean-up."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import DockerException

from harness.drivers.base import LaunchSettings
from harness.drivers.docker import DockerDriver
from harness.drivers.docker_engine import Engine
from harness.drivers.docker_terms import ContainerOptions
from harness.errors import BuildError, InfrastructureError, StartError, UsageError
from harness.model import DockerSpec, TargetSpec

ENGINE_SCRIPT = Path(__file__).parents[2] / "ci/engine.sh"

pytestmark = pytest.mark.docker


@pytest.fixture
def driver(tmp_path: Path) -> DockerDriver:
    driver = DockerDriver(tmp_path / "images")
    if not (availability := driver.available()).ok:
        pytest.skip(availability.reason)
    return driver


@pytest.fixture
def launch(driver: DockerDriver, target: TargetSpec, make_settings: Callable[..., LaunchSettings]) -> Any:
    def start(chosen: TargetSpec = target, **given: Any) -> Any:
        return driver.start(driver.prepare(chosen, lambda _: None), make_settings(**given))

    return start


@pytest.fixture(scope="module", autouse=True)
def no_images_left() -> Iterator[None]:
    """Removes the images that were built of the tiny target."""
    yield
    with contextlib.suppress(DockerException), contextlib.closing(docker.from_env()) as client:
        for image in client.images.list(name="bench-tiny*"):
            client.images.remove(str(image.id), force=True)


@pytest.fixture
def readable(tmp_path: Path) -> Path:
    """A folder that a container's user can read; pytest's own ones are private."""
    folder = tmp_path / "kit"
    folder.mkdir(mode=0o755)
    return folder


def containers(run_id: str) -> list[str]:
    return [c.id for c in Engine().containers(f"bench.run={run_id}")]


def test_a_started_container_answers_and_stops_in_order(launch: Any, eye: Any, run_id: str) -> None:
    with launch() as running:
        assert eye.info(running)["environment"]["PORT"]
        assert running.is_alive()
        assert running.started_unix_ns < running.ready_unix_ns
        assert len(containers(run_id)) == 1
        result = running.stop()
        assert not running.is_alive()
    assert (result.exit_code, result.killed) == (0, False)
    assert running.log_tail() == "starting\nstopped in order"
    assert containers(run_id) == []
    assert running.image_digest.startswith("sha256:")


def test_the_engines_version_is_part_of_what_is_available(driver: DockerDriver) -> None:
    found = driver.available()
    assert found.engine and found.engine.split()[0] == "Docker" and found.engine in found.reason


def test_its_process_and_control_group_are_known_on_this_host(launch: Any, eye: Any) -> None:
    with launch(memory_limit_bytes=256 << 20) as running:
        assert eye.info(running)["pids"] == [1]
        assert b"/service.py" in Path(f"/proc/{running.pid}/cmdline").read_bytes()
        assert str(running.pid) in (running.cgroups[0] / "cgroup.procs").read_text().split()


def test_cpus_memory_and_open_files_are_limited(launch: Any, eye: Any) -> None:
    cpu = max(os.sched_getaffinity(0))
    with launch(cpus=(cpu,), memory_limit_bytes=128 << 20, nofile=1_000) as running:
        facts = eye.info(running)
        assert facts["cpus"] == [cpu]
        assert facts["nofile"] == 1_000
        assert {limit.name for limit in running.limits if limit.enforced} == {
            "cpus",
            "memory_bytes",
            "nofile",
        }
        with pytest.raises(OSError):
            urllib.request.urlopen(f"{running.url}/eat", timeout=60)
        assert eye.eventually(lambda: not running.is_alive())
        assert str(running.stop()) == "was killed for exceeding its memory limit"


def test_replaced_files_are_seen_at_the_latest_on_sighup(launch: Any, eye: Any, readable: Path) -> None:
    routes = readable / "routes.json"
    routes.write_text("old")
    with launch(files={"ROUTES_FILE": routes}) as running:
        assert eye.info(running)["routes"] == "old"
        new = readable / "routes.json.new"
        new.write_text("new")
        new.replace(routes)
        if running.network_mode != "host":  # such an engine has copies, not our folder
            running.signal(signal.SIGHUP)
        assert eye.info(running)["routes"] == "new"


def test_a_file_the_containers_user_cannot_read_is_named(launch: Any, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    routes = tmp_path / "routes.json"
    routes.touch()
    with (
        pytest.raises(StartError, match=f"{tmp_path} must be readable by others"),
        launch(files={"ROUTES_FILE": routes}),
    ):
        pass


@pytest.mark.parametrize("error", [KeyboardInterrupt, InfrastructureError])
def test_one_that_was_made_without_our_hearing_of_it_is_removed(
    launch: Any, run_id: str, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """To make one takes two calls; an interrupt may come between them."""
    create = Engine.create

    def cut_off(engine: Engine, options: ContainerOptions) -> None:
        create(engine, options)
        assert len(containers(run_id)) == 1
        raise error

    monkeypatch.setattr(Engine, "create", cut_off)
    with pytest.raises(error), launch():
        pass
    assert containers(run_id) == []


def test_signals_reach_the_container(launch: Any, eye: Any) -> None:
    with launch() as running:
        running.signal(signal.SIGHUP)
        assert eye.eventually(lambda: eye.info(running)["hang_ups"] == 1)


def test_a_container_that_exits_early_fails_at_once_with_its_log(launch: Any, run_id: str) -> None:
    how = r"(?s)tiny: exited with code 2 before.*PORT: bad value 'x'"
    starting = launch(environment={"FAULT": "exit-early"}, ready_deadline_s=200.0)
    with pytest.raises(StartError, match=how), starting:
        pass
    assert containers(run_id) == []


def test_a_container_that_is_never_ready_fails_at_the_deadline(launch: Any, run_id: str) -> None:
    starting = launch(environment={"FAULT": "never-ready"}, ready_deadline_s=5.0)
    with pytest.raises(StartError, match=r"within 5 s\. Its log ended with:\nstarting"), starting:
        pass
    assert containers(run_id) == []


def test_a_container_deaf_to_sigterm_is_killed(launch: Any) -> None:
    with launch(environment={"FAULT": "deaf"}) as running:
        result = running.stop(grace_s=0.3)
    assert (result.exit_code, result.killed) == (128 + signal.SIGKILL, True)


def test_a_port_in_use_is_named(launch: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartError, match=str(port)), launch(port=port):
            pass


def test_cpus_that_do_not_exist_are_refused(launch: Any) -> None:
    with pytest.raises(StartError, match=r"tiny: creating a container .*CPU"), launch(cpus=(4_095,)):
        pass


def test_an_unchanged_target_is_not_built_again(
    driver: DockerDriver, target: TargetSpec, tmp_path: Path
) -> None:
    folder = tmp_path / "target"
    shutil.copytree(target.folder, folder)
    (folder / "service.py").write_text((folder / "service.py").read_text() + f"# {tmp_path}\n")
    copy = target.model_copy(update={"folder": folder})
    lines: list[str] = []
    first = driver.prepare(copy, lines.append)
    (folder / "README.md").write_text("not part of the context")
    again = driver.prepare(copy.model_copy(update={"variant": "other"}), lines.append)
    assert first.build_s is not None
    assert again.build_s is None
    assert again.image_digest == first.image_digest
    assert again.image == f"bench-tiny-other:{first.content_hash}"
    assert any("COPY service.py" in line for line in lines)
    (folder / "service.py").write_text(f"print('changed for {tmp_path}')")
    assert driver.prepare(copy, lines.append).build_s is not None


def test_a_failing_image_build_shows_its_end(
    driver: DockerDriver, target: TargetSpec, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:3.11-slim-bookworm\nRUN echo no compiler; exit 3\n")
    broken = target.model_copy(update={"folder": tmp_path})
    with pytest.raises(BuildError, match=r"(?s)tiny: the image did not build.*non-zero code: 3.*no compiler"):
        driver.prepare(broken, lambda _: None)


def test_bad_manifests_are_explained(driver: DockerDriver, target: TargetSpec) -> None:
    gone = target.model_copy(update={"docker": DockerSpec(dockerfile="No.such")})
    with pytest.raises(BuildError, match=r"tiny: there is no .*No\.such"):
        driver.prepare(gone, lambda _: None)
    with pytest.raises(UsageError, match="tiny needs a `docker` section"):
        driver.prepare(target.model_copy(update={"docker": None}), lambda _: None)


def test_a_target_may_be_a_ready_image(
    launch: Any, eye: Any, driver: DockerDriver, target: TargetSpec
) -> None:
    image = driver.prepare(target, lambda _: None).image
    command = ("python3", "-u", "/service.py")
    ready_made = target.model_copy(update={"docker": DockerSpec(image=image, run=command)})
    with launch(ready_made) as running:
        assert eye.info(running)["nofile"] > 0


HARNESS = """
import sys, time
from pathlib import Path
from harness.drivers.base import LaunchSettings
from harness.drivers.docker import DockerDriver
from harness.model import DockerSpec, TargetSpec

folder, run_id, image, fault = sys.argv[1:]
target = TargetSpec(name="tiny", label="Tiny", language="Python", payload="tree", reload=None,
                    docker=DockerSpec(image=image), folder=Path(folder))
driver = DockerDriver(Path(folder))
settings = LaunchSettings(environment={"FAULT": fault}, run_id=run_id, case="c", log_path=Path(folder, "log"))
with driver.start(driver.prepare(target, print), settings) as running:
    print("ready", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def other_harness(
    driver: DockerDriver, target: TargetSpec, tmp_path: Path, run_id: str
) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a second harness and returns its process once its container is ready."""
    image = driver.prepare(target, lambda _: None).image
    assert image is not None
    started: list[subprocess.Popen[str]] = []

    def start(fault: str = "") -> subprocess.Popen[str]:
        arguments = [sys.executable, "-c", HARNESS, str(tmp_path), run_id, image, fault]
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
    driver.cleanup(run_id)


@pytest.mark.parametrize("fault", ["", "deaf"])
def test_no_container_outlives_a_killed_harness(
    fault: str, other_harness: Any, eye: Any, run_id: str
) -> None:
    harness = other_harness(fault)
    assert len(containers(run_id)) == 1
    harness.kill()
    harness.wait()
    assert eye.eventually(lambda: containers(run_id) == [])
    assert eye.eventually(lambda: eye.marked(run_id) == [])


def test_cleanup_spares_the_living_and_takes_the_orphaned(
    driver: DockerDriver, other_harness: Any, eye: Any, run_id: str
) -> None:
    harness = other_harness()
    [container] = containers(run_id)
    driver.cleanup(None)
    assert driver.cleanup("another-run") == []
    assert containers(run_id) == [container]
    os.kill(eye.watchdog(run_id), signal.SIGKILL)
    harness.kill()
    harness.wait()
    assert f"container {container[:12]} of run {run_id}" in driver.cleanup(None)
    assert containers(run_id) == []


def test_an_engine_that_does_not_answer_is_one_clear_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    driver = DockerDriver(tmp_path)
    availability = driver.available()
    assert not availability.ok
    assert "\n" not in availability.reason
    assert f"no Docker engine answers at unix://{tmp_path}/none.sock (connecting: " in availability.reason
    with pytest.raises(InfrastructureError):
        driver.cleanup(None)


@pytest.fixture
def own_engine(driver: DockerDriver) -> Iterator[Callable[[str], None]]:
    """Starts and kills the engine of `ci/engine.sh`, if that is the one in use."""
    if "bench-engine-ci-" not in os.environ.get("DOCKER_HOST", ""):
        pytest.skip('kills the engine, so it must be our own: eval "$(ci/engine.sh start)"')

    def act(action: str) -> None:
        subprocess.run([ENGINE_SCRIPT, action], check=True, stdout=subprocess.DEVNULL)

    yield act
    act("start")


def test_an_engine_that_dies_is_one_clear_error_and_its_containers_are_cleaned_up_later(
    own_engine: Any, driver: DockerDriver, launch: Any, run_id: str
) -> None:
    how = r"^no Docker engine answers at unix:.*harness clean"
    with pytest.raises(InfrastructureError, match=how) as raised, launch() as running:
        own_engine("kill")
        running.stop()
    assert "\n" not in str(raised.value)
    own_engine("start")
    assert [text.partition(" of ")[2] for text in driver.cleanup(run_id)] == [f"run {run_id}"]
    assert containers(run_id) == []
