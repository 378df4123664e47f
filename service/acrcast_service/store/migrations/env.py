"""Run by Alembic for each migration, on the connection and in the transaction that `schema.migrate` opened."""

from alembic import context

from acrcast_service.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
