"""How a target is built, started, limited and stopped: `process` and `docker`, both as `base` says."""
