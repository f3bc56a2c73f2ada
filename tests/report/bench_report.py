"""How long a report takes and how much memory: `python tests/report/bench_report.py [TRIALS]`, by default 200."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from report.made import Making, make_run

GOAL_S, GOAL_MIB = 10, 500


def main() -> int:
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as folder:
        run = grow(Path(folder), trials)
        before_s = time.monotonic()
        subprocess.run([sys.executable, __file__, "--write", str(run)], check=True)
        took_s = time.monotonic() - before_s
    peak_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{trials} trials: {took_s:.1f} s (goal {GOAL_S}), {peak_mib:.0f} MiB (goal {GOAL_MIB})")
    return int(took_s > GOAL_S or peak_mib > GOAL_MIB)


def grow(results: Path, trials: int) -> Path:
    """A run of the headline scenario, whose rounds are repeated until there are enough trials."""
    run = make_run(results, Making(scenarios=("routing-4kb",), rounds=1, twin=False))
    document = run.read_run()
    rounds = -(-trials // len(document["cases"]))
    for first in sorted(run.path.glob("trials/*/*/01")):
        trial = json.loads((first / "trial.json").read_text(encoding="utf-8"))
        for number in range(2, rounds + 1):
            copy = Path(shutil.copytree(first, first.with_name(f"{number:02d}")))
            (copy / "trial.json").write_text(json.dumps({**trial, "round": number}), encoding="utf-8")
    run.write_run({**document, "rounds": rounds})
    return run.path


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write"]:
        from harness.report.outputs import write_all
        from harness.store import open_run

        write_all(open_run(Path(sys.argv[2])))
    else:
        sys.exit(main())
