"""Opening the metadata database, and its transactions: the only place where SQLite and PostgreSQL may differ.

    with database.read() as tx:    a snapshot; nothing is written
    with database.write() as tx:   committed, durably, at the end of the block; rolled back on an error

Errors:

    DatabaseError
    +-- DatabaseBusy    another writer held the database too long; nothing was changed, trying again is safe
    +-- DatabaseFull    the disk is full; nothing was changed
    +-- SchemaTooNew    the data was written by a newer version of the program
"""

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, insert, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

try:
    from pysqlite3 import dbapi2 as _pysqlite3
except ImportError:
    _pysqlite3 = None

Transaction = Connection  # what `read` and `write` give; its other name is known to this package alone

HEAD = "0002"  # the newest migration; a test holds it to the folder of migrations
BUSY_SECONDS = 10
_READERS = 48


class DatabaseError(Exception):
    """The metadata database could not do what was asked."""


class DatabaseBusy(DatabaseError):
    """Another writer held the database too long. Nothing was changed; trying again is safe."""


class DatabaseFull(DatabaseError):
    """The disk is full. Nothing was changed."""


class SchemaTooNew(DatabaseError):
    """The data was written by a newer version of the program."""


def sqlite_driver() -> ModuleType:
    """The SQLite library in use: pysqlite3 brings a current one where it exists, else the interpreter's own."""
    return _pysqlite3 or sqlite3


def is_safe_for_processes(version: tuple[int, ...]) -> bool:
    """Whether several processes may write one WAL database with this SQLite.

    3.7.0 to 3.51.2 can lose commits when two connections write and checkpoint at once (the "WAL-reset bug");
    3.50.7 and 3.44.6 carry the repair too.
    """
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)


class Database:
    """One metadata database. Thread-safe; transactions are opened here and nowhere else."""

    def __init__(self, readers: Engine, writer: Engine) -> None:
        self._readers = readers
        self._writer = writer
        self._write_lock = threading.Lock()

    @classmethod
    def open(cls, path: Path) -> "Database":
        """Open (or make) the SQLite file at `path`; call `migrate` before anything else."""
        return cls(_sqlite_engine(path, "BEGIN", _READERS), _sqlite_engine(path, "BEGIN IMMEDIATE", 1))

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A read transaction. Raises `DatabaseBusy`."""
        with _translated(), self._readers.begin() as tx:
            yield tx

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A write transaction, one at a time. Raises `DatabaseBusy`, `DatabaseFull`.

        Threads queue at a lock of this process first: SQLite's own waiting is a poll and starves some of them.
        """
        if not self._write_lock.acquire(timeout=BUSY_SECONDS):
            raise DatabaseBusy(f"no write transaction could begin within {BUSY_SECONDS} s")
        try:
            with _translated(), self._writer.begin() as tx:
                yield tx
        finally:
            self._write_lock.release()

    def migrate(self) -> None:
        """Bring the schema up to `HEAD`. Raises `SchemaTooNew`. Several processes may call it at once: one migrates."""
        with self.read() as tx:
            version = _version(tx)
        if version == HEAD:
            return
        # Alembic takes a tenth of a second to import, and an up-to-date start has no use for it.
        from storage.metadata.migrations import upgrade  # noqa: PLC0415

        with self.write() as tx:
            version = _version(tx)
            if version is not None and version > HEAD:
                raise SchemaTooNew(f"the data has schema {version}, this program knows schemas up to {HEAD}")
            if version != HEAD:
                upgrade(tx)

    def check(self) -> None:
        """Raises `DatabaseError` when the database does not answer, or lost what `migrate` made."""
        with self.read() as tx:
            if _version(tx) is None:
                raise DatabaseError("the database has no schema any more")

    def close(self) -> None:
        self._readers.dispose()
        self._writer.dispose()


def insert_if_absent(tx: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless its key is taken; tells whether it was inserted."""
    statement = _insert(tx, table).values(**values).on_conflict_do_nothing()
    return tx.execute(statement).rowcount == 1


def put(tx: Connection, table: Table, keys: Sequence[str], values: Mapping[str, Any]) -> None:
    """Insert a row, or give the row with the same `keys` the other values."""
    changed = {name: value for name, value in values.items() if name not in keys}
    tx.execute(_insert(tx, table).values(**values).on_conflict_do_update(index_elements=list(keys), set_=changed))


def insert_row(tx: Connection, table: Table, values: Mapping[str, Any]) -> int:
    """Insert a row of a table with an `id` column and return its id."""
    return int(tx.execute(insert(table).values(**values).returning(table.c.id)).scalar_one())


def insert_many(tx: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        tx.execute(insert(table), rows)


def _insert(tx: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    return postgresql.insert(table) if tx.dialect.name == "postgresql" else sqlite.insert(table)


def _version(tx: Connection) -> str | None:
    if not tx.dialect.has_table(tx, "alembic_version"):
        return None
    version: str | None = tx.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return version


def _sqlite_engine(path: Path, begin: str, connections: int) -> Engine:
    driver = sqlite_driver()
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        module=driver,
        hide_parameters=True,  # or every error that is logged would show the values, secrets among them
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False, "isolation_level": None},
        pool_size=connections,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
    )
    # A rollback journal is slower, but free of the WAL-reset bug; EXTRA also syncs the folder when it is unlinked.
    journal, synchronous = ("WAL", "FULL") if is_safe_for_processes(driver.sqlite_version_info) else ("DELETE", "EXTRA")

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        for pragma in (
            f"journal_mode={journal}",
            f"synchronous={synchronous}",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            "cache_size=-4096",
            "trusted_schema=OFF",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_BROKEN = {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        raise DatabaseBusy("all database connections are in use") from error
    except DBAPIError as error:
        code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        if code in _BUSY:
            raise DatabaseBusy("the database is locked by another writer") from error
        if code == sqlite3.SQLITE_FULL:
            raise DatabaseFull("the disk of the database is full") from error
        if code in _BROKEN:
            raise DatabaseError(f"the database cannot be read or written: {error.orig}") from error
        raise
