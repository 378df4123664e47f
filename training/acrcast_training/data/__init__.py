"""Trial data: read and checked from files, or simulated."""
