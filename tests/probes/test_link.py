"""The interface to a service is found by asking the kernel, and its bytes are counted, over a real virtual link."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import psutil
import pytest
from scene import Namespace, network_namespace

from harness.errors import ProbeError
from harness.probes.link import LinkMeter, bits_per_s, interface_to

PORT = 9
DATAGRAMS, DATAGRAM_BYTES = 200, 1_000


@pytest.fixture
def away() -> Iterator[Namespace]:
    """A network namespace behind a virtual link."""
    with network_namespace() as made:
        if made is None:
            pytest.skip("no network namespace may be made here: that needs root and iproute2")
        yield made


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "::1"])
def test_what_stays_on_the_machine_has_no_interface(host: str) -> None:
    try:
        assert interface_to(host, PORT) is None
    except ProbeError:
        assert host == "::1", "a machine may be without IPv6, and nothing else"


def test_an_address_of_ones_own_stays_on_the_machine_too() -> None:
    for addresses in psutil.net_if_addrs().values():
        for known in addresses:
            if known.family == socket.AF_INET:
                assert interface_to(known.address, PORT) is None


def test_no_way_there_is_told() -> None:
    with pytest.raises(ProbeError, match=r"no way to no\.such\.invalid"):
        interface_to("no.such.invalid", PORT)


def test_bytes_over_the_link_are_counted(away: Namespace) -> None:
    interface = interface_to(away.address, PORT)
    assert interface is not None
    assert interface in psutil.net_if_addrs()
    meter = LinkMeter(interface)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(DATAGRAMS):
            sender.sendto(b"x" * DATAGRAM_BYTES, (away.address, PORT))
    deadline_s = time.monotonic() + 60
    while (use := meter.use()).sent_bytes < DATAGRAMS * DATAGRAM_BYTES and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert use.interface == interface
    assert DATAGRAMS * DATAGRAM_BYTES < use.sent_bytes < DATAGRAMS * DATAGRAM_BYTES * 1.5
    assert use.received_bytes < use.sent_bytes
    # The kernel's virtual links say that they are 10 Gb/s.
    assert use.bits_per_s == bits_per_s(interface) == 10_000_000_000


def test_an_interface_that_is_not_there_is_told() -> None:
    with pytest.raises(ProbeError, match="no interface 'none'"):
        LinkMeter("none")
    assert bits_per_s("none") is None
