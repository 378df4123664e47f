"""The service's commands. Each module imports only click at its top: `acrcast --help` is to answer at once."""
