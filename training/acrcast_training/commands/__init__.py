"""The commands of this package, a module each. Only what `--help` needs is imported before a command runs."""
