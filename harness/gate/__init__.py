"""The nightly guard: head against base, in pairs, with a verdict that one can act on."""
