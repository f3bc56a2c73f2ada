"""The messages as bytes, shared with the Rust tests, held against Locust's own reading and writing of them.

`UPDATE_GOLDEN=1 pytest worker/tests/test_golden.py` writes the files of what a master says.
"""

import json
import os
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hdrh.histogram import HdrHistogram

with mock.patch.dict(os.environ, LOCUST_SKIP_MONKEY_PATCH="1"):  # pytest's own threads stay what they are
    from locust.event import Events
    from locust.rpc.protocol import Message
    from locust.stats import RequestStats, setup_distributed_stats_event_listeners

GOLDEN = Path(__file__).parent / "golden"
NODE = "host_native_1"

LOAD = {
    "schema": 1,
    "run": "run-1",
    "share": {"index": 1, "count": 2},
    "host": "localhost",
    "port": 8080,
    "requests": "/data/requests.msgpack",
    "mode": "open",
    "connections": 64,
    "think_time_us": 0,
    "arrivals": "constant",
    "steps": [[2000.0, 5.0], [4000.5, 5]],
    "seed": 7,
    "duration_s": 10.0,
    "timeout_ms": 10_000,
    "drain_ms": 10_000,
    "check_every": 1_000,
    "marker": None,
    "threads": 1,
    "cpus": [1],
    "spin_us": 60,
    "nap_us": 20,
    "a_later_version_may": "add this",
}

FROM_MASTER: dict[str, Any] = {
    "ack": {"index": 3},
    "spawn": {
        "timestamp": 1_700_000_000.25,
        "user_classes_count": {"NativeUser": 12, "SecondUser": 4},
        "host": None,
        "stop_timeout": None,
        "parsed_options": {"tags": ["a"], "own": {1: 2.5}},
    },
    "spawning_complete": {"user_count": 16},
    "stop": None,
    "quit": None,
    "reconnect": None,
    "heartbeat": None,
    "update_user_class": {"user_class_name": "NativeUser"},
    "bench_load": LOAD,
    "bench_start": {"run": "run-1", "start_unix_ns": 1_700_000_000_000_000_001},
    "bench_flush": {"run": "run-1"},
}


def to_master(kind: str) -> Any:
    """The data of what the worker says, as Locust reads it from the bytes."""
    content = json.loads((GOLDEN / "to_master" / f"{kind}.json").read_text())
    message = Message.unserialize(bytes.fromhex(content["bytes"]))
    # JSON has texts for keys where the messages have integers.
    assert json.loads(json.dumps([message.type, message.data, message.node_id])) == content["message"]
    return message.data


@pytest.mark.parametrize("kind", FROM_MASTER)
def test_what_a_master_says_is_what_the_files_hold(kind: str) -> None:
    hexadecimal = Message(kind, FROM_MASTER[kind], NODE).serialize().hex()
    file = GOLDEN / "from_master" / f"{kind}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(parents=True, exist_ok=True)
        message = [kind, FROM_MASTER[kind], NODE]
        file.write_text(json.dumps({"type": kind, "message": message, "bytes": hexadecimal}, indent=2) + "\n")
    assert json.loads(file.read_text())["bytes"] == hexadecimal


@pytest.mark.parametrize(
    ("kind", "data"), [("client_ready", -1), ("spawning", None), ("client_stopped", None), ("quit", None)]
)
def test_bare_messages_carry_what_locust_expects(kind: str, data: object) -> None:
    assert to_master(kind) == data


def test_a_heartbeat_has_the_members_the_master_reads() -> None:
    expected = {"state": "running", "current_cpu_usage": 42.5, "current_memory_usage": 9_000_000}
    assert to_master("heartbeat") == expected


def test_stats_are_read_by_locusts_own_listener() -> None:
    data = to_master("stats")
    statistics, events = RequestStats(), Events()
    setup_distributed_stats_event_listeners(events, statistics)
    events.worker_report.fire(client_id=NODE, data=data)
    entry = statistics.entries["accepted", "POST"]
    for read in (entry, statistics.total):
        assert (read.num_requests, read.num_failures, read.num_none_requests) == (5, 1, 1)
        assert read.response_times == {1: 2, 3: 1, 1000: 1}
        assert read.num_reqs_per_sec == {1_700_000_000: 5}
        assert read.avg_response_time == pytest.approx(1004.5 / 4)
    (error,) = statistics.errors.values()
    assert (error.method, error.name, error.occurrences) == ("POST", "accepted", 1)
    assert data["user_count"] == sum(data["user_classes_count"].values()) == 16


def test_histograms_are_read_by_hdrhistogram() -> None:
    record = to_master("stats")["bench"]["records"][0]
    histogram = HdrHistogram.decode(record["service"])
    assert histogram.get_total_count() == record["completed"] == 4
    assert histogram.get_value_at_percentile(50) == pytest.approx(1_000_000, rel=1e-3)
    assert histogram.get_max_value() == pytest.approx(1_000_000_000, rel=1e-3)
    assert (record["send_delay"], record["own_delay"]) == (None, None)


def test_the_sums_of_a_done_message_agree() -> None:
    totals = to_master("bench_done")["totals"]
    assert totals["intended"] == totals["sent"] + totals["dropped"]
    assert totals["sent"] == totals["completed"] + sum(totals["failed"].values())
    assert totals["wall_ns"] == totals["busy_ns"] + totals["wait_ns"]
    assert totals["last_completed_ns"] is None
