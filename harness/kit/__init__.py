"""The one generator of what tests and loads read: keys, tokens, messages, expanded conformance cases."""
