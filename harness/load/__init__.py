"""Offering load: what to send, when, by whom, and what came of it. `docs/load-protocol.md` describes it."""
