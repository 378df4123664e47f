"""Which model answers, what it asks for, and its card."""
