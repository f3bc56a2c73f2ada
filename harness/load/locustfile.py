"""What master and Python workers share: a Locust environment, for our own user class or a user's file."""

from __future__ import annotations

from pathlib import Path

import locust
from locust.argument_parser import parse_options
from locust.env import Environment
from locust.user import User
from locust.util.load_locustfile import load_locustfile

from harness.errors import LoadError

BENCH_USER = "BenchUser"
"""The name that master and workers of both engines give to the user class that serves a request pool."""


def environment(locustfile: Path | None, bench_user: type[User]) -> Environment:
    """For `bench_user`, or for what a Locust file defines: users, a shape, listeners, options.

    Raises LoadError when the file cannot be loaded or has no users.
    """
    if locustfile is None:
        return Environment(user_classes=[bench_user])
    try:
        users, shapes = load_locustfile(str(locustfile))
    except Exception as error:  # a user's file may raise anything
        raise LoadError(f"cannot load the Locust file {locustfile}: {error!r}") from error
    if not users:
        raise LoadError(f"the Locust file {locustfile} defines no user class")
    return Environment(
        user_classes=list(users.values()),
        shape_class=shapes[0] if shapes else None,
        # Listeners of a file hang on the global events; its options come with their defaults.
        events=locust.events,
        parsed_options=parse_options(args=["--locustfile", str(locustfile)]),
        locustfile=locustfile.name,
    )
