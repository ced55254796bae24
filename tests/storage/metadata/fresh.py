"""New SQLite databases without their history: the schema that migrations lead to, in one go.

Most tests begin with an empty database, and Alembic takes a tenth of a second of a core to make one.
"""

import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

from sqlalchemy import Connection

from storage.metadata import migrations
from storage.metadata.database import Database

migrate = migrations.upgrade  # what the product does


def upgrade(tx: Connection) -> None:
    """As `migrations.upgrade`; only a SQLite database that has been migrated before goes through its history."""
    if tx.dialect.name != "sqlite" or tx.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar():
        migrate(tx)
        return
    for statement in _statements():
        tx.exec_driver_sql(statement)


@cache
def _statements() -> tuple[str, ...]:
    """All that makes the schema, and the rows that come with it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cove.db"
        with closing(Database.open(path)) as database, database.write() as tx:
            migrate(tx)
        with closing(sqlite3.connect(path)) as connection:
            return tuple(each for each in connection.iterdump() if each not in ("BEGIN TRANSACTION;", "COMMIT;"))
