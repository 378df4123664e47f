"""The service's database: one address, its tables, and how its schema changes."""
