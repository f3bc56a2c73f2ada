"""Measures and compares middleware runtimes. `harness.cli` is the door; `docs/architecture.md` is the map."""

__version__ = "0.1.0"

MEASUREMENT = 5
"""Raised with every change of the harness after which its figures no longer compare with those from before."""
