"""outcome.json → `code=` and `reason=` lines for a CI step; a missing file is an infrastructure failure (4)."""

import json
import sys
from pathlib import Path


def main() -> None:
    try:
        outcome = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
        code, reasons = int(outcome["exit_code"]), outcome["reasons"] or [outcome["meaning"]]
    except (OSError, ValueError, KeyError) as error:
        code, reasons = 4, [f"no outcome: {error}"]
    print(f"code={code}")
    print(f"reason={' '.join('; '.join(reasons).split())}")


if __name__ == "__main__":
    main()
