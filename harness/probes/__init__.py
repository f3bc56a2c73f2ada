"""What is read from the kernel: processes, cgroups, TCP counters, the host; and where things are placed."""
