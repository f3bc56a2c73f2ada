"""TCP counters and accept queues: recorded texts, and a real overflow in a network namespace of our own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from harness.errors import ProbeError
from harness.probes.netstat import (
    NicBytes,
    NicReader,
    TcpCounters,
    TcpReader,
    listening,
    parse_interfaces,
    parse_listen_answers,
    parse_netstat,
    tcp_counters,
)

NETSTAT = b"""TcpExt: PAWS ListenOverflows ListenDrops TCPTimeouts TCPLossProbes TCPBacklogDrop TCPSynRetrans
TcpExt: 0 7 8 2 31 4 5
IpExt: InNoRoutes InOctets
IpExt: 0 988
"""
DEV = b"""Inter-|   Receive                                                |  Transmit
 face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier
    lo: 1161400     741    0    0    0     0   0    0  1161401     742    0    0    0     0       0     0
  eth0:728595361  24853    0    0    0     0   0    0  1980820   14598    0    0    0     0       0     0
eth0:1: 5 1 0 0 0 0 0 0 6 1 0 0 0 0 0 0
"""
OVERFLOWING = """
import socket, subprocess, sys
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
server = socket.create_server(("127.0.0.1", 0), backlog=1)
clients = [socket.socket() for _ in range(8)]
for client in clients:
    client.setblocking(False)
    client.connect_ex(server.getsockname())
print(server.getsockname()[1], flush=True)
sys.stdin.read()
"""


def test_counters_are_found_by_name() -> None:
    assert tcp_counters(parse_netstat(NETSTAT)) == TcpCounters(
        listen_overflows=7, listen_drops=8, backlog_drops=4, tcp_timeouts=2, syn_retransmits=5, loss_probes=31
    )


def test_a_kernel_without_a_counter() -> None:
    with pytest.raises(ProbeError, match="no TCP counter 'TCPSynRetrans'"):
        tcp_counters(parse_netstat(NETSTAT.replace(b"TCPSynRetrans", b"Else")))


def test_loss_probes_are_no_fault() -> None:
    before = TcpCounters(1, 1, 0, 2, 0, 10)
    after = TcpCounters(3, 1, 0, 2, 0, 99)
    rises = after.faults_since(before)
    assert {name for name, rise in rises.items() if rise} == {"listen_overflows"}
    assert "loss_probes" not in rises


def test_lines_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ProbeError, match="TcpExt"):
        parse_netstat(b"TcpExt: A\nIpExt: 1\n")


def test_interfaces() -> None:
    assert parse_interfaces(DEV) == {
        "lo": NicBytes(1161400, 1161401),
        "eth0": NicBytes(728595361, 1980820),
        "eth0:1": NicBytes(5, 6),
    }


def test_an_interface_that_is_not_there() -> None:
    with pytest.raises(ProbeError, match=r"no interface 'none0'; there are .*lo"):
        NicReader("none0")
    assert NicReader("lo").read().received_bytes >= 0


def test_the_kernels_refusal_is_an_error() -> None:
    refusal = (36).to_bytes(4, sys.byteorder) + (2).to_bytes(2, sys.byteorder) + bytes(10)
    with pytest.raises(ProbeError, match="not permitted"):
        parse_listen_answers(refusal + (-1).to_bytes(4, sys.byteorder, signed=True) + bytes(16))


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_backlog_and_queue_of_a_listener(family: socket.AddressFamily, address: str) -> None:
    try:
        server = socket.create_server((address, 0), family=family, backlog=77)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server:
        port = server.getsockname()[1]
        clients = [socket.create_connection((address, port)) for _ in range(3)]
        (found,) = listening(os.getpid(), port)
        for client in clients:
            client.close()
    assert (found.address, found.port, found.queued, found.backlog) == (address, port, 3, 77)


def test_each_listener_of_a_shared_port_is_shown() -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True, backlog=5) as first:
        port = first.getsockname()[1]
        with socket.create_server(("127.0.0.1", port), reuse_port=True, backlog=6):
            assert sorted(found.backlog for found in listening(os.getpid(), port)) == [5, 6]
    assert listening(os.getpid(), port) == []


@pytest.fixture
def overflowing() -> Iterator[tuple[int, int]]:
    """(pid, port) of a server whose accept queue overflowed, alone in its network namespace."""
    permitted = (
        subprocess.run(["unshare", "--net", "ip", "link"], capture_output=True, check=False).returncode == 0
    )
    if not permitted:
        pytest.skip("a network namespace takes root, unshare and ip")
    command = ["unshare", "--net", sys.executable, "-c", OVERFLOWING]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())
        process.kill()


def test_the_namespace_of_the_process_is_read_not_ours(overflowing: tuple[int, int]) -> None:
    pid, port = overflowing
    ours = TcpReader(os.getpid()).read()
    theirs = TcpReader(pid).read()
    assert theirs.listen_overflows > 0
    assert theirs.listen_drops >= theirs.listen_overflows
    assert [(found.queued, found.backlog) for found in listening(pid, port)] == [(2, 1)]
    assert listening(os.getpid(), port) == [], "the sockets of our own namespace"
    assert TcpReader(os.getpid()).read().listen_overflows == ours.listen_overflows
