"""A network whose line speed is what a test says: two tap interfaces, and a thread that carries frames between them."""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from scene import Namespace, await_way_to

_TUN = "/dev/net/tun"
_TUNSETIFF, _IFF_TAP, _IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
_SIOCETHTOOL, _ETHTOOL_SSET, _FULL_DUPLEX = 0x8946, 0x2, 1
_FRAME_BYTES = 70_000


@contextmanager
def slow_link(megabits_per_s: int) -> Iterator[Namespace | None]:
    """A namespace behind an interface that says it has this speed; None where such a thing may not be made.

    The speed is only said: nothing holds frames back.
    """
    made = Namespace(f"slow-{os.getpid()}", "10.213.1.2")
    ours, theirs = f"slow{os.getpid() % 10_000}a", f"slow{os.getpid() % 10_000}b"
    with ExitStack() as stack:
        try:
            ends = tuple(stack.enter_context(_tap(name)) for name in (ours, theirs))
            _set_speed(ours, megabits_per_s)
            _run(f"ip netns add {made.name}")
            stack.callback(_run, f"ip netns delete {made.name}")
            _run(f"ip link set {theirs} netns {made.name}")
            for place, address, name in (
                ("ip", "10.213.1.1", ours),
                (f"ip -n {made.name}", made.address, theirs),
            ):
                _run(f"{place} address add {address}/24 dev {name}")
                _run(f"{place} link set {name} up")
        except (OSError, subprocess.CalledProcessError):
            ends = None
        if ends is None:
            yield None
            return
        with _carried(*ends):
            await_way_to(made.address)
            yield made


@contextmanager
def _tap(name: str) -> Iterator[int]:
    """A tap interface, there as long as its file is open."""
    file = os.open(_TUN, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(file, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI))
        yield file
    finally:
        os.close(file)


def _set_speed(name: str, megabits_per_s: int) -> None:
    """As `ethtool -s NAME speed MEGABITS duplex full` does: <linux/ethtool.h>, struct ethtool_cmd."""
    command = bytearray(struct.pack("<IIIHB29x", _ETHTOOL_SSET, 0, 0, megabits_per_s, _FULL_DUPLEX))
    held = (ctypes.c_char * len(command)).from_buffer(command)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sQ16x", name.encode(), ctypes.addressof(held))
        fcntl.ioctl(any_socket, _SIOCETHTOOL, request)


@contextmanager
def _carried(one: int, other: int) -> Iterator[None]:
    """Frames go from each to the other while the context lasts."""
    end_read, end_write = os.pipe()

    def carry() -> None:
        while end_read not in (ready := select.select([one, other, end_read], [], [])[0]):
            for file in ready:
                with suppress(OSError):  # the other end is not up yet
                    os.write(other if file == one else one, os.read(file, _FRAME_BYTES))

    carrier = threading.Thread(target=carry)
    carrier.start()
    try:
        yield
    finally:
        os.write(end_write, b"x")
        carrier.join()
        os.close(end_read)
        os.close(end_write)


def _run(command: str) -> None:
    subprocess.run(command.split(), check=True, capture_output=True)
