"""What /proc and /sys tell of a machine, one question a function; a root folder stands in for /.

Each raises OSError or ProbeError when the machine does not tell.
"""

from __future__ import annotations

import re
from pathlib import Path

from harness.errors import ProbeError
from harness.probes import cgroup

_BITS_PER_MEGABIT = 1_000_000


def text(path: Path) -> str:
    return path.read_text().strip()


def cpu_model(root: Path) -> str:
    """The model's name; on arm64, which has none, the implementer's and part's numbers."""
    cpuinfo = text(root / "proc/cpuinfo")
    named = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    if named:
        return named[1]
    parts = re.findall(r"^CPU (implementer|part)\s*:\s*(\S+)$", cpuinfo, re.MULTILINE)
    if not parts:
        raise ProbeError("/proc/cpuinfo names no model")
    return ", ".join(f"{name} {number}" for name, number in parts[:2])


def boot_id(root: Path) -> str:
    """Another after every start of the machine."""
    return text(root / "proc/sys/kernel/random/boot_id")


def governor(root: Path) -> str:
    """The frequency governor; several, sorted, when the cores differ."""
    files = sorted((root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor"))
    if not files:
        raise ProbeError("the kernel does not govern the frequency (usual in a virtual machine)")
    return ", ".join(sorted({text(file) for file in files}))


def turbo(root: Path) -> bool:
    cpus = root / "sys/devices/system/cpu"
    intel, others = cpus / "intel_pstate/no_turbo", cpus / "cpufreq/boost"
    if intel.exists():
        return text(intel) == "0"
    if others.exists():
        return text(others) == "1"
    raise ProbeError("the kernel shows neither intel_pstate/no_turbo nor cpufreq/boost")


def memory_bytes(root: Path) -> int:
    total = re.search(r"^MemTotal:\s+(\d+) kB$", text(root / "proc/meminfo"), re.MULTILINE)
    if not total:
        raise ProbeError("/proc/meminfo has no MemTotal")
    return int(total[1]) * 1024


def virtualisation(root: Path) -> str:
    """`none`, or the hypervisor as far as the firmware names it."""
    firmware = [root / "sys/class/dmi/id" / name for name in ("sys_vendor", "product_name")]
    named = " ".join(text(file) for file in firmware if file.exists())
    flags = re.search(r"^flags\s*:(.*)$", text(root / "proc/cpuinfo"), re.MULTILINE)
    if flags and "hypervisor" not in flags[1].split():
        return "none"
    if named:
        return named if flags else f"firmware says {named}"
    if flags:
        return "virtual machine, unnamed"
    raise ProbeError("neither the cpu's flags nor the firmware tell")


def chosen(path: Path) -> str:
    """The word in brackets, as /sys marks the choice among several."""
    marked = re.search(r"\[(\S+)\]", text(path))
    if not marked:
        raise ProbeError(f"{path} marks no choice")
    return marked[1]


def mitigations(root: Path) -> dict[str, str]:
    """Weakness of the cpu → what the kernel does about it."""
    folder = root / "sys/devices/system/cpu/vulnerabilities"
    return {file.name: text(file) for file in sorted(folder.iterdir())}


def cgroup_version(root: Path) -> str:
    version = cgroup.version(cgroup.parse_mounts((root / "proc/self/mountinfo").read_text()))
    if version is None:
        raise ProbeError("no control groups are mounted")
    return version


def nic_bits_per_s(root: Path) -> dict[str, int]:
    """Line speed of each interface that is a device and tells its speed (virtual ones mostly do not)."""
    speeds = {}
    for interface in sorted((root / "sys/class/net").iterdir()):
        try:
            megabits = int(text(interface / "speed")) if (interface / "device").exists() else -1
        except OSError:  # the driver does not know
            continue
        if megabits > 0:
            speeds[interface.name] = megabits * _BITS_PER_MEGABIT
    if not speeds:
        raise ProbeError("no interface tells its speed")
    return speeds
