"""What is shown of a run: built from saved results alone, the same bytes from the same results."""
