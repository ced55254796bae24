"""All tables, on whichever page they stand."""

from sqlalchemy import Connection

from storage.metadata import management_tables, tables
from storage.metadata.generations import attach

__all__ = ["create", "management_tables", "metadata"]

metadata = tables.metadata
attach(metadata)


def create(tx: Connection, version: str) -> None:
    """Make the tables as they are now, in a database that has none, and note the migration that leads to the same.

    A first start is half a second shorter than by way of all migrations, and Alembic need not be imported.
    """
    metadata.create_all(tx, checkfirst=False)
    tx.exec_driver_sql(_VERSIONS)
    tx.exec_driver_sql(f"INSERT INTO alembic_version (version_num) VALUES ('{version}')")  # noqa: S608 -- our constant


# Alembic's own words.
_VERSIONS = (
    "CREATE TABLE alembic_version ("
    "version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)
