"""What writes and checks the docs and the tree; no part of what is installed."""
