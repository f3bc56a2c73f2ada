"""The manifest, of machines laid out in a folder, and of this one."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from pathlib import Path

import pytest

from harness.errors import ProbeError, StoreError
from harness.probes.host import Given, Manifest, collect, comparable, from_json, git_state, to_json
from harness.probes.placement import Core, Topology
from harness.probes.topology import read_numbers, read_topology

CPU = "sys/devices/system/cpu"
BARE_METAL = {
    "proc/cpuinfo": "processor\t: 0\nmodel name\t: Intel(R) Xeon(R) Gold 6338\nflags\t\t: fpu vme sse\n",
    "proc/meminfo": "MemTotal:       131072 kB\nMemFree: 1 kB\n",
    "proc/sys/kernel/osrelease": "6.1.0-18-amd64\n",
    "proc/self/mountinfo": "35 24 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
    f"{CPU}/online": "0-3\n",
    f"{CPU}/isolated": "\n",
    f"{CPU}/smt/active": "1\n",
    f"{CPU}/cpu0/cpufreq/scaling_governor": "powersave\n",
    f"{CPU}/cpu1/cpufreq/scaling_governor": "performance\n",
    f"{CPU}/intel_pstate/no_turbo": "0\n",
    f"{CPU}/vulnerabilities/meltdown": "Mitigation: PTI\n",
    "sys/devices/system/node/online": "0-1\n",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
    "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
    "sys/class/net/eth0/speed": "10000\n",
    "sys/class/net/eth0/device/vendor": "0x8086\n",
    "sys/class/net/eth1/speed": "-1\n",
    "sys/class/net/eth1/device/vendor": "0x8086\n",
    "sys/class/net/docker0/speed": "10000\n",
}
CLOUD_ARM = {
    "proc/cpuinfo": "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n",
    "proc/meminfo": "MemTotal:       131072 kB\n",
    "proc/sys/kernel/osrelease": "6.8.0\n",
    f"{CPU}/cpufreq/boost": "0\n",
    "sys/class/dmi/id/sys_vendor": "Amazon EC2\n",
    "sys/class/dmi/id/product_name": "c7g.large\n",
}


def machine(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_machine_that_tells_everything(tmp_path: Path) -> None:
    engine = Given(container_engine="Docker 29.1", network_mode="host", cpus=(0, 1))
    found = collect(engine, machine(tmp_path, BARE_METAL))
    assert found.missing == {}
    assert found.cpu_model == "Intel(R) Xeon(R) Gold 6338"
    assert (found.cpus_online, found.cpus_allowed, found.cpus_isolated) == ((0, 1, 2, 3), (0, 1), ())
    assert (found.smt_active, found.governor, found.turbo) == (True, "performance, powersave", True)
    assert (found.memory_bytes, found.numa_nodes, found.virtualisation) == (128 << 20, 2, "none")
    assert (found.clock_source, found.cgroup_version) == ("tsc", "v2")
    assert found.transparent_huge_pages == "madvise"
    assert found.mitigations == {"meltdown": "Mitigation: PTI"}
    assert found.nic_bits_per_s == {"eth0": 10_000_000_000}, "not the one that is down, nor the bridge"


def test_what_is_missing_has_a_reason(tmp_path: Path) -> None:
    found = collect(Given(), machine(tmp_path, CLOUD_ARM))
    assert found.cpu_model == "implementer 0x41, part 0xd0c"
    assert found.turbo is False
    assert found.virtualisation == "firmware says Amazon EC2 c7g.large"
    told = {name for name, value in to_json(found).items() if value is not None}
    nothing_to_tell = {"git_revision", "git_clean"}
    for field in dataclasses.fields(Manifest):
        if field.name not in told | nothing_to_tell:
            assert found.missing[field.name], f"{field.name} is None without a reason"
    assert "No such file" in found.missing["smt_active"]
    assert "govern" in found.missing["governor"]


def test_this_machine_survives_its_file() -> None:
    found = collect(Given(toolchains={"go": "1.26.8"}))
    assert found.kernel == os.uname().release
    assert set(found.cpus_allowed) == os.sched_getaffinity(0)
    stored = json.loads(json.dumps(to_json(found)))
    assert from_json(stored) == found
    assert comparable(found, from_json(stored)) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"cpu_model": "other"}, [("cpu_model", "machine")]),
        ({"governor": None}, [("governor", "machine")]),
        ({"memory_bytes": 129 << 20}, []),
        ({"memory_bytes": 256 << 20}, [("memory_bytes", "machine")]),
        ({"toolchains": {"go": "1.27"}}, [("toolchains", "software")]),
        ({"container_engine": "Docker 29.2"}, [("container_engine", "machine")]),
        ({"git_revision": "other", "git_clean": False, "missing": {"turbo": "why"}}, []),
    ],
)
def test_unlike_manifests(
    tmp_path: Path, changes: dict[str, object], expected: list[tuple[str, str]]
) -> None:
    given = Given(toolchains={"go": "1.26"}, container_engine="Docker 29.1", network_mode="host")
    one = collect(given, machine(tmp_path, BARE_METAL))
    other = dataclasses.replace(one, **changes)  # type: ignore[arg-type]
    assert [(d.name, d.kind) for d in comparable(one, other)] == expected


@pytest.mark.parametrize("damage", [{"schema": 2}, {"colour": "red"}])
def test_a_manifest_of_another_kind_is_refused(damage: dict[str, object]) -> None:
    with pytest.raises(StoreError, match="manifest"):
        from_json(to_json(collect(Given())) | damage)


def test_a_manifest_of_an_older_run_is_read(tmp_path: Path) -> None:
    found = collect(Given(), machine(tmp_path, BARE_METAL))
    assert from_json({**to_json(found), "runtimes": {}}) == found


def test_locks_are_told_apart_by_their_content(tmp_path: Path) -> None:
    lock = tmp_path / "Cargo.lock"
    hashes = []
    for content in ("a", "b", "a"):
        lock.write_text(content)
        hashes.append(collect(Given(lock_files=(lock,))).lock_sha256["Cargo.lock"])
    assert hashes[0] == hashes[2] != hashes[1]


def test_git_before_and_after(tmp_path: Path) -> None:
    with pytest.raises(ProbeError, match="rev-parse"):
        git_state(tmp_path)
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], [*identity, "commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    clean = git_state(tmp_path)
    assert clean.clean and len(clean.revision) == 40
    (tmp_path / "new").touch()
    assert git_state(tmp_path) == dataclasses.replace(clean, clean=False)


@pytest.mark.parametrize(
    ("text", "numbers"), [("0-3,8\n", (0, 1, 2, 3, 8)), ("0\n", (0,)), ("\n", ()), ("0-1,4-5", (0, 1, 4, 5))]
)
def test_number_lists(text: str, numbers: tuple[int, ...]) -> None:
    assert read_numbers(text) == numbers


def test_topology_keeps_siblings_together_and_leaves_out_what_is_not_allowed(tmp_path: Path) -> None:
    files = {f"{CPU}/cpu{i}/topology/thread_siblings_list": f"{i % 4},{i % 4 + 4}\n" for i in range(8)}
    files |= {f"{CPU}/cpu{i}/node{i % 4 // 2}/cpulist": "" for i in range(8)}
    found = read_topology(machine(tmp_path, files), allowed={0, 1, 2, 4, 6})
    assert found == Topology((Core((0, 4), 0), Core((1,), 0), Core((2, 6), 1)))


def test_topology_of_a_machine_that_tells_none(tmp_path: Path) -> None:
    assert read_topology(tmp_path, allowed={0, 1}) == Topology((Core((0,)), Core((1,))))
