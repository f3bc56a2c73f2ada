"""The network interface that leads from here to a service, and what goes over it."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from pathlib import Path

import psutil

from harness.errors import ProbeError
from harness.probes.netstat import NicReader

_INTERFACES = Path("/sys/class/net")
_BITS_PER_MEGABIT = 1_000_000


@dataclass(frozen=True, slots=True)
class LinkUse:
    """Bytes that an interface carried meanwhile; `bits_per_s` is its line speed, None where it does not tell it."""

    interface: str
    received_bytes: int
    sent_bytes: int
    bits_per_s: int | None


class LinkMeter:
    """Counts from when it is made."""

    def __init__(self, interface: str) -> None:
        """Raises ProbeError when there is no such interface."""
        self._interface = interface
        self._reader = NicReader(interface)
        self._before = self._reader.read()

    def use(self) -> LinkUse:
        """Since then. Raises ProbeError when the interface is gone."""
        now = self._reader.read()
        return LinkUse(
            self._interface,
            now.received_bytes - self._before.received_bytes,
            now.sent_bytes - self._before.sent_bytes,
            bits_per_s(self._interface),
        )


def interface_to(host: str, port: int) -> str | None:
    """The interface through which packets to this address leave; None when they stay within the machine.

    Raises ProbeError when there is no way there. Nothing is sent: a datagram socket that is connected has
    been given the address it would send from.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.connect(address)
            ours = str(probe.getsockname()[0])
    except OSError as error:
        raise ProbeError(f"no way to {host}: {error.strerror}") from error
    # An address of this machine's own is reached from itself.
    if ours == address[0] or ipaddress.ip_address(ours.partition("%")[0]).is_loopback:
        return None
    for interface, addresses in psutil.net_if_addrs().items():
        if any(known.address.partition("%")[0] == ours for known in addresses):
            return interface
    raise ProbeError(f"no interface has the address {ours}, from which {host} is reached")


def bits_per_s(interface: str) -> int | None:
    """Its line speed; None where the driver does not tell (virtual ones mostly do not)."""
    try:
        megabits = int((_INTERFACES / interface / "speed").read_text())
    except (OSError, ValueError):
        return None
    return megabits * _BITS_PER_MEGABIT if megabits > 0 else None
