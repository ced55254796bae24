"""New SQLite databases in one go: the words that make the schema, without SQLAlchemy writing them again for each.

Most tests begin with an empty database, and to write them takes twice as long as all else that makes it.
"""

import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

from sqlalchemy import Connection

from storage.metadata import schema
from storage.metadata.database import Database

make = schema.create  # what the product does


def create(tx: Connection, version: str) -> None:
    """As `schema.create`."""
    if tx.dialect.name != "sqlite":
        make(tx, version)
        return
    for statement in _statements(version):
        tx.exec_driver_sql(statement)


@cache
def _statements(version: str) -> tuple[str, ...]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cove.db"
        with closing(Database.open(path)) as database, database.write() as tx:
            make(tx, version)
        with closing(sqlite3.connect(path)) as connection:
            return tuple(each for each in connection.iterdump() if each not in ("BEGIN TRANSACTION;", "COMMIT;"))
