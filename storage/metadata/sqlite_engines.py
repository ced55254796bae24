"""SQLite: one file, whose writers take turns."""

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from storage.metadata.errors import DatabaseBusy, DatabaseError, DatabaseFull
from storage.metadata.sqlite_drivers import driver_of, with_driver
from storage.metadata.sqlite_writers import Writers

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
        self._readers = _Unused(_READERS)
        self._writers = Writers(self._connect, _explain, (_modes()[1], "NORMAL"), patience)
        self._watches: list[Watch] = []

    def reading(self) -> "_Transaction":
        """A read transaction. Raises `DatabaseBusy` when all connections are in use for too long."""
        return _Transaction(self._readers, self._connect, self._patience)

    def writing(self, *, durable: bool = True, patient: bool = False) -> AbstractContextManager[Connection]:  # noqa: ARG002  # none is cut short
        """A write transaction: see `sqlite_writers`."""
        return self._writers.writing(durable=durable)

    def _connect(self) -> Connection:
        return with_driver(self._engine.connect())

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
        for connection in self._readers.opened():
            connection.close()
        self._writers.close()
        self._engine.dispose()


class _Unused:
    """Connections that nobody uses, the one used last at the end; None for one that is not open yet. Thread-safe.

    A semaphore of Python's takes 4 µs for each transaction, and a pushed blob takes ten; a list is one step of the
    interpreter.
    """

    def __init__(self, most: int) -> None:
        self._list: list[Connection | None] = [None] * most
        self._waiting = 0
        self._returned = threading.Condition()

    def take(self, patience: float) -> Connection | None:
        """Raises `DatabaseBusy` when all are in use for so many seconds."""
        try:
            return self._list.pop()
        except IndexError:
            return self._wait(patience)

    def give_back(self, connection: Connection | None) -> None:
        self._list.append(connection)
        if self._waiting:
            with self._returned:
                self._returned.notify()

    def opened(self) -> list[Connection]:
        return [connection for connection in self._list if connection is not None]

    def _wait(self, patience: float) -> Connection | None:
        """Whoever gives one back sees that somebody waits, or did so before the list was looked at once more."""
        deadline = time.monotonic() + patience
        with self._returned:
            self._waiting += 1
            try:
                while True:
                    with suppress(IndexError):  # who takes one without waiting may be faster
                        return self._list.pop()
                    if not self._returned.wait(deadline - time.monotonic()):
                        raise DatabaseBusy("all database connections are in use")
            finally:
                self._waiting -= 1


class _Transaction:
    """A read transaction, as long as a `with` block, on a connection that is opened with `connect` if need be.

    Raises `DatabaseBusy` when all are in use for `patience` seconds.
    """

    __slots__ = ("_connect", "_connection", "_patience", "_unused")

    def __init__(self, unused: _Unused, connect: Callable[[], Connection], patience: float) -> None:
        self._unused = unused
        self._connect = connect
        self._patience = patience
        self._connection: Connection | None = None

    def __enter__(self) -> Connection:
        self._connection = self._unused.take(self._patience)
        try:
            connection = self._connection = self._connection or self._connect()
            driver_of(connection).execute("BEGIN")
        except BaseException:
            self._undo()
            raise
        return connection

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is not None or self._connection is None:
            self._undo()
            return
        try:
            driver_of(self._connection).commit()
        except BaseException:
            self._undo()
            raise
        self._unused.give_back(self._connection)

    def _undo(self) -> None:
        """Roll back, and keep the connection for the next one if it is as it was."""
        connection, kept = self._connection, None
        try:
            if connection and not connection.invalidated:
                driver_of(connection).rollback()
                kept = connection
        finally:
            if connection and connection.invalidated:  # by SQLAlchemy, when an exit cut a statement short
                connection.close()
            elif connection and not kept:  # it could not even be rolled back
                connection.invalidate()
            self._unused.give_back(kept)


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
