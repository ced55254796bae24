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
