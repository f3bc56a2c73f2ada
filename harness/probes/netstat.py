"""The kernel's TCP counters and accept queues, in the network namespace of a given process.

/proc/PID/net shows the namespace of PID, so the counters need no privilege beyond reading it. The limit of
an accept queue is in no /proc file: it is asked of the kernel by netlink, as `ss -ltn` does.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.errors import ProbeError
from harness.probes.procfs import PROC, KeptFile

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST_DUMP = 0x301
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_TCP_LISTEN = 10
_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_REQUEST = struct.Struct("=BBBBI48s")  # inet_diag_req_v2: family, protocol, extensions, pad, states, id
_ANSWER = struct.Struct("=BBBBHH16s16s12xIII")  # inet_diag_msg up to idiag_wqueue; ports are big-endian
_CLONE_NEWNET = 0x40000000


@dataclass(frozen=True, slots=True)
class TcpCounters:
    """Counters since the namespace was made; a rise of any during a load is a fault of that load.

    `loss_probes` is the exception: on loopback they come up without any loss, so they are only shown.
    """

    listen_overflows: int
    listen_drops: int
    backlog_drops: int
    tcp_timeouts: int
    syn_retransmits: int
    loss_probes: int

    def faults_since(self, earlier: TcpCounters) -> dict[str, int]:
        """Counter → its rise, for all that must not rise (no loss probes)."""
        before = asdict(earlier)
        return {name: now - before[name] for name, now in asdict(self).items() if name != "loss_probes"}


@dataclass(frozen=True, slots=True)
class NicBytes:
    """What an interface has carried since it came up."""

    received_bytes: int
    sent_bytes: int


@dataclass(frozen=True, slots=True)
class ListenSocket:
    """A listening TCP socket: connections waiting to be accepted, and how many may wait."""

    address: str
    port: int
    queued: int
    backlog: int


def parse_netstat(text: bytes) -> dict[str, dict[str, int]]:
    """/proc/net/netstat and /proc/net/snmp: pairs of lines, names above values → group → name → value."""
    lines = text.decode().splitlines()
    groups = {}
    for names, values in zip(lines[::2], lines[1::2], strict=True):
        group, *keys = names.split()
        if not values.startswith(group):
            raise ProbeError(f"netstat: the line after {group!r} starts with {values[:20]!r}")
        groups[group.rstrip(":")] = dict(zip(keys, map(int, values.split()[1:]), strict=True))
    return groups


def tcp_counters(groups: Mapping[str, Mapping[str, int]]) -> TcpCounters:
    """The counters among those of `parse_netstat`. Raises ProbeError when the kernel lacks one."""
    tcp = groups.get("TcpExt", {})
    try:
        return TcpCounters(
            listen_overflows=tcp["ListenOverflows"],
            listen_drops=tcp["ListenDrops"],
            backlog_drops=tcp["TCPBacklogDrop"],
            tcp_timeouts=tcp["TCPTimeouts"],
            syn_retransmits=tcp["TCPSynRetrans"],
            loss_probes=tcp["TCPLossProbes"],
        )
    except KeyError as missing:
        raise ProbeError(f"the kernel has no TCP counter {missing}") from missing


def parse_interfaces(text: bytes) -> dict[str, NicBytes]:
    """/proc/net/dev → interface → bytes."""
    found = {}
    for line in text.decode().splitlines()[2:]:
        name, _, figures = line.rpartition(":")
        fields = figures.split()
        found[name.strip()] = NicBytes(int(fields[0]), int(fields[8]))
    return found


def parse_listen_answers(data: bytes) -> tuple[list[ListenSocket], bool]:
    """Netlink messages of one datagram → listening sockets, and whether the dump is complete.

    Raises ProbeError when the kernel answers with an error.
    """
    sockets: list[ListenSocket] = []
    while data:
        length, kind, *_ = _HEADER.unpack_from(data)
        if kind == _NLMSG_DONE:
            return sockets, True
        if kind == _NLMSG_ERROR:
            (negative_errno,) = struct.unpack_from("=i", data, _HEADER.size)
            raise ProbeError(f"the kernel would not list its TCP sockets: {os.strerror(-negative_errno)}")
        family, _, _, _, port, _, source, _, _, queued, backlog = _ANSWER.unpack_from(data, _HEADER.size)
        address = socket.inet_ntop(family, source[: 4 if family == socket.AF_INET else 16])
        sockets.append(ListenSocket(address, socket.ntohs(port), queued, backlog))
        data = data[(length + 3) & ~3 :]
    return sockets, False


def listening_here(port: int) -> list[ListenSocket]:
    """The listening sockets of a port in our own namespace (several with SO_REUSEPORT). Raises ProbeError."""
    found: list[ListenSocket] = []
    with socket.socket(
        socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG
    ) as kernel:
        kernel.settimeout(5)
        for family in (socket.AF_INET, socket.AF_INET6):
            request = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, 1 << _TCP_LISTEN, b"")
            size = _HEADER.size + len(request)
            kernel.sendto(
                _HEADER.pack(size, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST_DUMP, 0, 0) + request, (0, 0)
            )
            done = False
            while not done:
                try:
                    sockets, done = parse_listen_answers(kernel.recv(1 << 16))
                except TimeoutError as silent:
                    raise ProbeError("the kernel did not answer when asked for its TCP sockets") from silent
                found += [s for s in sockets if s.port == port]
    return found


def listening(pid: int, port: int) -> list[ListenSocket]:
    """The listening sockets of a port in the namespace of `pid`. Raises ProbeError if not permitted."""
    namespace = PROC / str(pid) / "ns" / "net"
    try:
        if namespace.stat().st_ino == (PROC / "self" / "ns" / "net").stat().st_ino:
            return listening_here(port)
        with ThreadPoolExecutor(1) as pool:  # setns moves the calling thread only: one that ends right after
            return pool.submit(_listening_in, namespace, port).result()
    except OSError as refused:
        raise ProbeError(
            f"the network namespace of process {pid} cannot be entered: {refused.strerror}"
        ) from refused


def _listening_in(namespace: Path, port: int) -> list[ListenSocket]:
    with namespace.open("rb") as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), _CLONE_NEWNET) != 0:
            errno = ctypes.get_errno()
            raise OSError(errno, os.strerror(errno))
    return listening_here(port)


class TcpReader:
    """TCP counters of the namespace of a process, through a file kept open."""

    def __init__(self, pid: int) -> None:
        """Raises OSError when there is no such process, ProbeError when the kernel lacks a counter."""
        self._netstat = KeptFile(PROC / str(pid) / "net" / "netstat")
        self.read()

    def read(self) -> TcpCounters:
        return tcp_counters(parse_netstat(self._netstat.read()))


class NicReader:
    """Bytes of one interface of our own namespace, through a file kept open."""

    def __init__(self, interface: str) -> None:
        """Raises ProbeError when there is no such interface."""
        self._interface = interface
        self._file = KeptFile(PROC / "self" / "net" / "dev")
        self.read()

    def read(self) -> NicBytes:
        interfaces = parse_interfaces(self._file.read())
        if self._interface not in interfaces:
            raise ProbeError(f"no interface {self._interface!r}; there are {', '.join(interfaces)}")
        return interfaces[self._interface]
