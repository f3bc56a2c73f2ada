"""Trials: one module for each kind of scenario (load, memory, cold-start, reload), and what they are made of."""
