"""The audit: every prediction is on disk, sealed and chained, before its answer leaves."""
