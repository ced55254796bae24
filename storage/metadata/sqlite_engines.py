"""SQLite: one file, whose writers take turns."""

import sqlite3
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

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


def open_engines(path: Path, patience: float) -> tuple[Engine, Engine]:
    """For reading and for writing the file at `path`, which is made if need be; `patience` is in seconds."""
    return _engine(path, patience, "BEGIN", _READERS), _engine(path, patience, "BEGIN IMMEDIATE", 1)


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


def _engine(path: Path, patience: float, begin: str, connections: int) -> Engine:
    driver = sqlite_driver()
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        module=driver,
        hide_parameters=True,  # or every error that is logged would show the values, secrets among them
        connect_args={"timeout": patience, "check_same_thread": False, "isolation_level": None},
        pool_size=connections,
        max_overflow=0,
        pool_timeout=patience,
    )
    # A rollback journal is slower, but free of the WAL-reset bug; EXTRA also syncs the folder when it is unlinked.
    journal, synchronous = ("WAL", "FULL") if is_safe_for_processes(driver.sqlite_version_info) else ("DELETE", "EXTRA")

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        _turn_on(journal, connection, patience)
        for pragma in (
            f"synchronous={synchronous}",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            "cache_size=-4096",
            "trusted_schema=OFF",
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        wanted = synchronous if connection.get_execution_options().get("durable", True) else "NORMAL"
        if connection.info.setdefault("synchronous", synchronous) != wanted:
            connection.exec_driver_sql(f"PRAGMA synchronous={wanted}").close()
            connection.info["synchronous"] = wanted
        connection.exec_driver_sql(begin)

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


def explain(error: DBAPIError) -> DatabaseError | None:
    """What an error of the driver means to the program; None for one that only a bug can cause."""
    code = _code(error.orig)
    if code in _BUSY:
        return DatabaseBusy("the database is locked by another writer")
    if code == sqlite3.SQLITE_FULL:
        return DatabaseFull("the disk of the database is full")
    if code in _BROKEN:
        return DatabaseError(f"the database cannot be read or written: {error.orig}")
    return None
