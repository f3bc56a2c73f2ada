"""Does the guard find what it should, here? Slowdowns of known size, and twins, put before it."""
