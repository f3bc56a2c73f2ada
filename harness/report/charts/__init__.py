"""The pictures of a run: each a function of a scenario's material, drawn only when its figures suffice."""
