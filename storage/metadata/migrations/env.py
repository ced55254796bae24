"""Alembic's entry: migrates over the connection that `migrations.upgrade` hands in."""

from alembic import context

from storage.metadata.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
