"""SQLite: one file, whose writers take turns."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from storage.metadata.errors import DatabaseBusy, DatabaseError, DatabaseFull

try:
    from pysqlite3 import dbapi2 as _pysqlite3
except ImportError:
    _pysqlite3 = None

_READERS = 48


def sqlite_driver() -> ModuleType:
    """The SQLite library in use: pysqlite3 brings a current one where it exists, else the interpreter's own."""
    return _pysqlite3 or sqlite3


def is_safe_for_processes(version: tuple[int, ...]) -> bool:
    """Whether several processes may write one WAL database with this SQLite.

    3.7.0 to 3.51.2 can lose commits when two connections write and checkpoint at once (the "WAL-reset bug");
    3.50.7 and 3.44.6 carry the repair too.
    """
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)


class Connections:
    """To the file at `path`, which is made if need be: some that read, and one that writes. Thread-safe.

    Each is opened when it is first needed and stays open, and its driver begins and ends transactions. That takes 10 µs
    of a core, where SQLAlchemy's pool, events and transactions take 70. `patience` is in seconds.
    """

    def __init__(self, path: Path, patience: float) -> None:
        self.errors: tuple[type[Exception], ...] = (DBAPIError, sqlite_driver().Error)
        self._path = path
        self._patience = patience
        self._engine = _engine(path, patience)
        self._room = threading.Semaphore(_READERS)
        self._readers: list[Connection] = []  # those that nobody uses, the one used last at the end
        self._writers: list[Connection] = []  # likewise; there is one at most
        _, self._synchronous = _modes()
        self._watches: list[Watch] = []

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A read transaction. Raises `DatabaseBusy` when all connections are in use for too long."""
        if not self._room.acquire(timeout=self._patience):
            raise DatabaseBusy("all database connections are in use")
        try:
            with self._transaction(self._readers, "BEGIN") as tx:
                yield tx
        finally:
            self._room.release()

    @contextmanager
    def writing(self, *, durable: bool = True, patient: bool = False) -> Iterator[Connection]:  # noqa: ARG002  # none is cut short
        """A write transaction; whoever calls sees to it that there is one at a time."""
        with self._transaction(self._writers, "BEGIN IMMEDIATE", durable=durable) as tx:
            yield tx

    @contextmanager
    def _transaction(self, unused: list[Connection], begin: str, *, durable: bool = True) -> Iterator[Connection]:
        connection = unused.pop() if unused else self._engine.connect()
        driver = driver_of(connection)
        try:
            wanted = self._synchronous if durable else "NORMAL"
            if connection.info["synchronous"] != wanted:
                driver.execute(f"PRAGMA synchronous={wanted}")
                connection.info["synchronous"] = wanted
            driver.execute(begin)
            yield connection
            driver.commit()
        except BaseException:
            if not connection.invalidated:
                driver.rollback()
            raise
        finally:
            if connection.invalidated:  # SQLAlchemy closes one whose statement was cut short, as by an exit
                connection.close()
            elif driver.in_transaction:  # it could not even be rolled back
                connection.invalidate()
            else:
                unused.append(connection)

    def explain(self, error: Exception) -> DatabaseError | None:
        """What an error means to the program; None for one that only a bug can cause."""
        return _explain(error)

    def watch(self) -> "Watch":
        watch = Watch(self._path)
        self._watches.append(watch)
        return watch

    def close(self) -> None:
        for watch in self._watches:
            watch.close()
        for connection in self._readers + self._writers:
            connection.close()
        self._engine.dispose()


class Watch:
    """A connection that never writes, and so sees every commit to the file, also those of its own process.

    For one thread. It waits for nobody, so that it can be asked where nothing may block.
    """

    def __init__(self, path: Path) -> None:
        connect = sqlite_driver().connect
        self._connection = connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        self._ask = self._connection.cursor().execute
        self._version: object = None
        self._generation: int | None = None

    def generation(self) -> int | None:
        """The `generations` of what pulls see; None when that cannot be told at this moment.

        SQLite's data_version (PRAGMA data_version) moves with every commit, and costs two calls of fcntl(2), some 3 µs.
        Only when it has moved the row is read: both are what they were as long as it has not.
        """
        try:
            version = self._ask("PRAGMA data_version").fetchone()
            if version != self._version:
                row = self._ask("SELECT number FROM generations WHERE subject = 'pulls'").fetchone()
                self._generation = row[0] if row else 0
                self._version = version
        except sqlite_driver().Error:
            return None
        return self._generation

    def close(self) -> None:
        self._connection.close()


def driver_of(connection: Connection) -> Any:
    """The driver's own connection behind one of SQLAlchemy's."""
    return connection.connection.driver_connection


def _modes() -> tuple[str, str]:
    """Of the journal, and of what a durable commit waits for.

    A rollback journal is slower, but free of the WAL-reset bug; EXTRA also syncs the folder when it is unlinked.
    """
    is_safe = is_safe_for_processes(sqlite_driver().sqlite_version_info)
    return ("WAL", "FULL") if is_safe else ("DELETE", "EXTRA")


def _engine(path: Path, patience: float) -> Engine:
    """Makes connections that neither begin nor end a transaction by themselves."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        module=sqlite_driver(),
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,  # or every error that is logged would show the values, secrets among them
        connect_args={"timeout": patience, "check_same_thread": False, "isolation_level": None},
        poolclass=NullPool,
    )
    journal, synchronous = _modes()

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, record: ConnectionPoolEntry) -> None:
        _turn_on(journal, connection, patience)
        for pragma in (
            f"synchronous={synchronous}",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            "cache_size=-4096",
            "trusted_schema=OFF",
        ):
            connection.execute(f"PRAGMA {pragma}").close()
        record.info["synchronous"] = synchronous

    return engine


def _turn_on(journal: str, connection: Any, patience: float) -> None:
    """Choose the journal. The first to do so needs the file for itself for a moment, and SQLite makes nobody wait then
    who comes at the same time: two first starts do.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            connection.execute(f"PRAGMA journal_mode={journal}").close()
        except sqlite_driver().OperationalError as error:
            if _code(error) not in _BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _code(error: object) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_BROKEN = {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}


def _explain(error: Exception) -> DatabaseError | None:
    """What an error of the driver means to the program, wrapped by SQLAlchemy or not; None for one that only a bug can
    cause.
    """
    orig = error.orig if isinstance(error, DBAPIError) else error
    code = _code(orig)
    if code in _BUSY:
        return DatabaseBusy("the database is locked by another writer")
    if code == sqlite3.SQLITE_FULL:
        return DatabaseFull("the disk of the database is full")
    if code in _BROKEN:
        return DatabaseError(f"the database cannot be read or written: {orig}")
    return None
