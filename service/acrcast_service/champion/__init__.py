"""Which model answers: where it comes from, what is kept of it on disk, and how a newer one takes its place."""
