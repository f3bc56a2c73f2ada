"""`python -m harness.kit --out DIR`: writes a kit for a target's own tests (good for six hours)."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.kit.kit import Kit

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    Kit.make().write(parser.parse_args().out)
