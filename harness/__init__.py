"""Measures and compares middleware runtimes. `harness.cli` is the door; `docs/architecture.md` is the map."""

__version__ = "0.1.0"
