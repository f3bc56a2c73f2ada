"""Each validity gate provoked for real: trouble is made on purpose in a window, and must be flagged by name.

`make bench-gates` does the same many times over.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from scene import (
    NULL_SERVER,
    SECONDS,
    WORKER,
    Setting,
    busy_with_others,
    cpu_group,
    held,
    hogs,
    network_namespace,
    scene,
)
from slow_link import slow_link

from harness import figures
from harness.units import NS_PER_S

CLEAN_ATTEMPTS = 5
"""On a machine with other work a window may be spoilt in truth, so one of several has to be clean."""
CROWDED = ("--backlog", "0", "--answers-per-connection", "2")
"""A server that closes connections now and then, and lets next to none wait to be accepted."""
CROWDING = "stall:1s,300ms"
"""After each stall many connections are closed, and so opened again, at once."""
TARGETS_BACKLOG = "the target kept all of them busy"

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(
        not WORKER.is_file() or not NULL_SERVER.is_file(), reason="the native worker is not built"
    ),
    pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="two cores are needed"),
]


def test_a_generator_that_was_stopped_for_a_moment_is_flagged(tmp_path: Path) -> None:
    """As many leave late as there are connections; the others then wait for one. 64 are over 1 % of the window."""
    with scene(tmp_path) as made:
        seen = made.window(held(made.worker_pid, 0.2), connections=64)
    assert {"send delay", "late share"} <= seen.flagged


def test_a_generator_whose_core_is_hogged_is_flagged(tmp_path: Path) -> None:
    with scene(tmp_path) as made, hogs(made.cpus[0]) as hog:
        seen = made.window(hog)
    assert seen.flagged & {"send delay", "late share"}


def test_a_generator_that_is_asked_for_more_than_it_can_is_flagged(tmp_path: Path) -> None:
    """By the rate. Whether its core is busy, or the server's sooner, is the machine's to say."""
    with scene(tmp_path, Setting(delay="none")) as made:
        seen = made.window(rate_rps=1_000_000.0, connections=64)
    assert "offered rate" in seen.flagged


def test_a_rate_that_the_server_holds_up_is_flagged_and_not_as_the_generators_fault(tmp_path: Path) -> None:
    """Four connections carry 40 a second; five times that is asked for."""
    with scene(tmp_path, Setting(delay="fixed:100ms")) as made:
        seen = made.window(rate_rps=200.0, connections=4)
    assert "offered rate" in seen.flagged
    assert not seen.flagged & {"send delay", "late share", "generator utilisation"}
    assert any(TARGETS_BACKLOG in text for text in seen.texts)


def test_a_server_that_was_stopped_shows_in_the_figures_and_not_as_the_generators_fault(
    tmp_path: Path,
) -> None:
    """What was due meanwhile had to wait: a closed loop would have hidden it, an intended instant does not."""
    with scene(tmp_path) as made:
        seen = made.window(held(made.server.pid, 1.0))
    response = seen.records.histogram("response")
    p99_ns = response.percentile(99)
    assert p99_ns is not None
    assert p99_ns > 0.8 * NS_PER_S
    assert response.count_above(NS_PER_S // 10) > 0.2 * response.count
    worst = figures.spikes(seen.records, figures.ALL_KINDS, "response")["worst_second_p99_ns"]
    assert worst is not None
    assert worst > 0.8 * NS_PER_S
    assert not seen.flagged & {"offered rate", "generator utilisation", "errors", "counts", "Little's law"}


def test_a_server_that_was_stopped_for_longer_than_its_deadline_is_flagged(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        seen = made.window(held(made.server.pid, 1.0), timeout_ms=300)
    assert "errors" in seen.flagged


def test_an_accept_backlog_that_overflows_is_flagged_by_the_generators_own_sockets(tmp_path: Path) -> None:
    with scene(tmp_path, Setting(delay=CROWDING, options=CROWDED)) as made:
        seen = made.window(connections=64)
    assert "TCP faults" in seen.flagged
    assert any("generator's sockets" in text for text in seen.texts)


def test_an_accept_backlog_that_overflows_is_flagged_in_the_targets_network_namespace(tmp_path: Path) -> None:
    with network_namespace() as away:
        if away is None:
            pytest.skip("no network namespace can be made here")
        with scene(tmp_path, Setting(delay=CROWDING, options=CROWDED, namespace=away)) as made:
            seen = made.window(connections=64)
    assert "TCP faults" in seen.flagged
    assert any("listen_overflows" in text and "target's network namespace" in text for text in seen.texts)


def test_a_healthy_target_in_a_network_namespace_has_no_tcp_faults(tmp_path: Path) -> None:
    with network_namespace() as away:
        if away is None:
            pytest.skip("no network namespace can be made here")
        with scene(tmp_path, Setting(namespace=away)) as made:
            windows = (made.window() for _ in range(CLEAN_ATTEMPTS))
            assert any([f["ok"] for f in w.findings if f["name"] == "TCP faults"] == [True] for w in windows)


@pytest.mark.parametrize(("megabits_per_s", "is_flagged"), [(10, True), (100, False)])
def test_a_network_interface_that_is_nearly_full_is_flagged(
    tmp_path: Path, megabits_per_s: int, is_flagged: bool
) -> None:
    """300 requests a second of more than 4 KiB are about 10 Mb/s, each way."""
    with slow_link(megabits_per_s) as away:
        if away is None:
            pytest.skip("no tap interface in a network namespace may be made here")
        with scene(tmp_path, Setting(namespace=away)) as made:
            seen = made.window(rate_rps=300.0)
    (finding,) = (f for f in seen.findings if f["name"] == "network interface")
    assert finding["ok"] is not is_flagged
    sent = seen.records.histogram("response").count
    assert sent * 4_096 * 8 / SECONDS / (megabits_per_s * 1e6) < finding["figure"]
    assert finding["figure"] < sent * 6_000 * 8 / SECONDS / (megabits_per_s * 1e6)


def test_a_throttled_target_is_flagged(tmp_path: Path) -> None:
    with cpu_group("2000") as group:
        if group is None:
            pytest.skip("no control group with a CPU quota can be made here")
        with scene(tmp_path, Setting(cgroup=group)) as made:
            assert "throttling" in made.window().flagged


def test_a_worker_killed_towards_the_end_is_flagged(tmp_path: Path) -> None:
    """About two seconds before, so that it is no later on a machine that is slow to report."""
    with scene(tmp_path) as made:
        seen = made.window(lambda: os.kill(made.worker_pid, signal.SIGKILL), after_s=2.0, duration_s=5.0)
    assert {"reports", "load"} <= seen.flagged


def test_a_clean_window_is_not_flagged(tmp_path: Path) -> None:
    flagged = []
    with scene(tmp_path) as made:
        for _ in range(CLEAN_ATTEMPTS):
            seen = made.window()
            if not seen.flagged:
                judged = {f["name"] for f in seen.findings if f["ok"]}
                assert {"Little's law", "counts", "send delay", "TCP faults"} <= judged
                return
            flagged += seen.texts
    if busy := busy_with_others():
        pytest.skip(f"{busy}: {flagged[0]}")
    pytest.fail(f"clean windows were flagged: {flagged}")
