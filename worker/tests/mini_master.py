"""A Locust master that does what it is told on standard input and tells what it sees on standard output.

Both are JSON lines. It is an unmodified `MasterRunner` of whichever Locust runs it; only the messages of this project
are registered with it, as its API offers.

Commands: {"cmd": "start", "users": n, "rate": per second} | {"cmd": "stop"} | {"cmd": "quit"} | {"cmd": "totals"}
| {"cmd": "send", "type": text, "data": any, "worker": id or null} | {"cmd": "shape", "steps": [[users, seconds], ...]}
Events: {"event": "listening" | "connected" | "message" | "report" | "state" | "totals", ...}
"""

import json
import sys
from typing import Any

import gevent
from gevent.fileobject import FileObject
from locust import LoadTestShape, User, events, task
from locust.env import Environment


class NativeUser(User):
    """Never run here: the worker's own load takes its place."""

    @task
    def nothing(self) -> None:
        raise AssertionError("the master runs no users")


class SecondUser(NativeUser):
    """Another class, so that users are spread over two."""


def tell(event: str, **content: Any) -> None:
    """Writes one event."""
    sys.stdout.write(json.dumps({"event": event, **content}) + "\n")
    sys.stdout.flush()


class StepShape(LoadTestShape):
    """Numbers of users, each for some seconds."""

    def __init__(self, steps: list[tuple[int, float]]) -> None:
        super().__init__()
        self.steps = steps

    def tick(self) -> tuple[int, float] | None:
        """The users wanted now, at a rate that reaches them at once."""
        end_s = 0.0
        for users, duration_s in self.steps:
            end_s += duration_s
            if self.get_run_time() < end_s:
                return users, 100.0
        return None


class Master:
    """The runner, and the two ends of the conversation."""

    def __init__(self, port: int) -> None:
        self.environment = Environment(user_classes=[NativeUser, SecondUser], events=events)
        self.runner = self.environment.create_master_runner("127.0.0.1", port)
        for kind in ("bench_ready", "bench_failed", "bench_done"):
            self.runner.register_message(kind, self.on_message)
        self.environment.events.worker_report.add_listener(self.on_report)
        self.environment.events.worker_connect.add_listener(
            lambda client_id: tell("connected", worker=client_id)
        )
        tell("listening", port=self.runner.server.port)

    def on_message(self, environment: Environment, msg: Any, **_: Any) -> None:
        """A message of this project."""
        tell("message", type=msg.type, worker=msg.node_id, data=msg.data)

    def on_report(self, client_id: str, data: dict[str, Any]) -> None:
        """A worker's stats."""
        users = data["user_count"]
        tell(
            "report",
            worker=client_id,
            users=users,
            requests=data["stats_total"]["num_requests"],
            at_s=data["stats_total"]["last_request_timestamp"],
            bench=data.get("bench"),
        )

    def totals(self) -> dict[str, Any]:
        """Locust's own view."""
        total = self.environment.stats.total
        return {
            "state": self.runner.state,
            "users": self.runner.user_count,
            "requests": total.num_requests,
            "failures": total.num_failures,
            "median_ms": total.median_response_time,
            "rps": total.total_rps,
            "workers": {worker.id: worker.state for worker in self.runner.clients.all},
            "errors": {error.error: error.occurrences for error in self.environment.stats.errors.values()},
        }

    def obey(self, command: dict[str, Any]) -> None:
        """Carries out one command."""
        match command["cmd"]:
            case "start":
                gevent.spawn(self.runner.start, command["users"], command["rate"])
            case "shape":
                self.environment.shape_class = StepShape(command["steps"])
                self.environment.shape_class.runner = self.runner
                self.runner.start_shape()
            case "stop":
                gevent.spawn(self.runner.stop)
            case "send":
                self.runner.send_message(command["type"], command["data"], command["worker"])
            case "totals":
                tell("totals", **self.totals())
            case "quit":
                self.runner.quit()
                tell("totals", **self.totals())

    def run(self) -> None:
        """Until standard input ends."""
        commands = FileObject(sys.stdin.buffer, "rb")
        for line in commands:
            self.obey(json.loads(line))


if __name__ == "__main__":
    Master(int(sys.argv[1])).run()
