"""`python -m harness.target_tests --kit DIR`: runs each target's own tests with the kit, prints what each said."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from harness.catalogue import ROOT, all_targets
from harness.drivers.placeholders import fill
from harness.drivers.toolchain import Missing, find
from harness.model import TargetFile


def main() -> int:
    """0 when every target that can be tested here passes; missing toolchains are named, not failures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kit", type=Path, required=True, help="a kit's folder (make kit)")
    parser.add_argument("--target", action="append", help="only these")
    arguments = parser.parse_args()
    if not (arguments.kit / "cases.json").is_file():
        parser.error(f"{arguments.kit} is no kit: run `make kit` first")
    failed = []
    for target in all_targets():
        if arguments.target and target.name not in arguments.target:
            continue
        if not _test(target, arguments.kit.resolve()):
            failed.append(target.name)
    if failed:
        print(f"FAILED: the tests of {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _test(target: TargetFile, kit: Path) -> bool:
    folder = ROOT / "targets" / target.name
    values = {
        "build": str(ROOT / ".build" / "tests" / target.name),
        "target": str(folder),
        "python": sys.executable,
    }
    environment = {**os.environ, "BENCH_KIT": str(kit)}
    for toolchain in target.toolchain:
        found = find(toolchain, folder, environment)
        if isinstance(found, Missing):
            print(f"--- {target.name}: skipped: {found}", flush=True)
            return True
        values[toolchain.command] = str(found.path)
        environment |= found.exports
    Path(values["build"]).mkdir(parents=True, exist_ok=True)
    for command in target.test:
        argv = fill(command, values, f"{target.name}: test")
        print(f"--- {target.name}: {' '.join(command)}", flush=True)
        if subprocess.run(argv, cwd=folder, env=environment, check=False).returncode:
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
