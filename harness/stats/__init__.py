"""Pure statistics: values in, values out; no clock, no files, no hidden randomness."""
