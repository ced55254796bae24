"""The metadata database and its transactions.

    with database.read() as tx:    a snapshot; nothing is written
    with database.write() as tx:   committed, durably, at the end of the block; rolled back on an error
    with database.write(durable=False) as tx:   likewise, but a loss of power may take it back, until a durable one ends

Writers take turns, in all processes and on all nodes: what a write transaction has looked up holds until its end.
SQLite and PostgreSQL differ in the modules of their engines and here, and nowhere else.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, Table, insert, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import TimeoutError as PoolTimeout

from storage.metadata import schema, sqlite_engines
from storage.metadata.errors import (
    CommitUnknown,
    DatabaseBusy,
    DatabaseError,
    DatabaseFull,
    DatabaseUnavailable,
    SchemaTooNew,
)
from storage.metadata.prepared import Prepared
from storage.spans import Span

__all__ = [
    "HEAD",
    "CommitUnknown",
    "Database",
    "DatabaseBusy",
    "DatabaseError",
    "DatabaseFull",
    "DatabaseUnavailable",
    "SchemaTooNew",
    "Transaction",
    "insert_if_absent",
    "insert_many",
    "insert_row",
    "put",
    "until_nul",
    "upsert",
]

Transaction = Connection  # what `read` and `write` give; its other name is known to this package alone

HEAD = "0022"  # the newest migration; a test holds it to the folder of migrations
BUSY_SECONDS = 10
_ABOUT = {  # its name, and what asks for its version and its size
    "sqlite": (
        "SQLite",
        "SELECT sqlite_version()",
        "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    ),
    "postgresql": (
        "PostgreSQL",
        "SELECT current_setting('server_version')",
        "SELECT pg_database_size(current_database())",
    ),
}


class Connections(Protocol):
    """To a database of one kind. Raise `errors`, which `explain` turns into the program's own."""

    errors: tuple[type[Exception], ...]

    def reading(self) -> AbstractContextManager[Connection]: ...
    def writing(self, *, durable: bool, patient: bool) -> AbstractContextManager[Connection]: ...
    def explain(self, error: Exception) -> DatabaseError | None: ...
    def watch(self) -> sqlite_engines.Watch | None: ...
    def close(self) -> None: ...


class Database:
    """One metadata database. Thread-safe; transactions are opened here and nowhere else."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    @classmethod
    def open(cls, path: Path) -> "Database":
        """Open (or make) the SQLite file at `path`; call `migrate` before anything else."""
        return cls(sqlite_engines.Connections(path, BUSY_SECONDS))

    @classmethod
    def connect(cls, url: str) -> "Database":
        """Use the PostgreSQL database at an address in libpq's form; call `migrate` before anything else.

        Raises `DatabaseError`. Nothing is sent yet.
        """
        try:
            from storage.metadata import postgres_engines  # noqa: PLC0415 -- its driver is an extra
        except ImportError:
            raise DatabaseError(
                "PostgreSQL takes a package that is not installed: install cove-registry[postgres]"
            ) from None
        return cls(postgres_engines.Connections(url, BUSY_SECONDS))

    def traced(self, span: Span) -> "Database":
        """This database, whose transactions are spans: `database.read` and `database.write`, with what they wait for.

        Statements have none of their own: on SQLite most take microseconds.
        """
        return _Traced(self._connections, span)

    def read(self) -> AbstractContextManager[Transaction]:
        """A read transaction. Raises `DatabaseBusy`, `DatabaseUnavailable`."""
        return _Explained(self._connections, self._connections.reading())

    def write(self, *, durable: bool = True) -> AbstractContextManager[Transaction]:
        """A write transaction, one at a time. Raises `DatabaseBusy`, `DatabaseFull`, `DatabaseUnavailable`.

        One that is not `durable` waits for no disk: for what nobody was promised. After a loss of power it is there or
        not, whole, and never without those before it. After `CommitUnknown` it may have been done all the same. Threads
        of this process take turns (`turns`), and on SQLite those that queue are committed together (`sqlite_writers`).
        """
        return _Writing(self._connections, self._connections.writing(durable=durable, patient=False))

    @property
    def is_empty(self) -> bool:
        """Whether `migrate` has never been here."""
        return self.version is None

    @property
    def version(self) -> str | None:
        """The schema that `migrate` brought the records to, or None where it has never been. Raises `DatabaseError`."""
        with self.read() as tx:
            return _version(tx)

    def clock_ms(self) -> int | None:
        """The time on the machine of the database, UTC in ms since 1970; None where that is this machine."""
        with self.read() as tx:
            if tx.dialect.name != "postgresql":
                return None
            return int(tx.execute(text("SELECT extract(epoch FROM clock_timestamp()) * 1000")).scalar_one())

    def migrate(self) -> None:
        """Bring the schema up to `HEAD`. Raises `SchemaTooNew`. Several processes may call it at once: one migrates."""
        with self.read() as tx:
            version = _version(tx)
        if version == HEAD:
            return
        with _Writing(self._connections, self._connections.writing(durable=True, patient=True)) as tx:
            version = _version(tx)
            if version is None:
                schema.create(tx, HEAD)
            elif version > HEAD:
                raise SchemaTooNew(f"the data has schema {version}, this program knows schemas up to {HEAD}")
            elif version != HEAD:
                # Alembic takes a third of a second to import, which all other starts have no use for.
                from storage.metadata import migrations  # noqa: PLC0415

                migrations.upgrade(tx)

    def check(self) -> None:
        """Raises `DatabaseError` when the database does not answer, or lost what `migrate` made."""
        if self.is_empty:
            raise DatabaseError("the database has no schema any more")

    def describe(self) -> tuple[str, int]:
        """What it is, with its version, and how many bytes it takes up. Raises as `read` does."""
        with self.read() as tx:
            name, version, size = _ABOUT[tx.dialect.name]
            return f"{name} {tx.execute(text(version)).scalar_one()}", int(tx.execute(text(size)).scalar_one())

    def watch(self) -> sqlite_engines.Watch | None:
        """Tells in microseconds whether what a pull has seen is still true; None where the database has no such way."""
        return self._connections.watch()

    def close(self) -> None:
        self._connections.close()


class _Traced(Database):
    def __init__(self, connections: Connections, span: Span) -> None:
        super().__init__(connections)
        self._span = span

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        with self._span("database.read"), super().read() as tx:
            yield tx

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Transaction]:
        with self._span("database.write"), super().write(durable=durable) as tx:
            yield tx


class _Explained:
    """A transaction that raises the program's errors in place of those of the driver, of SQLAlchemy and of its pools.

    Generators in its place and that of what it is around took thirty steps of Python, ten times for each pushed blob.
    """

    __slots__ = ("_connections", "_transaction")

    def __init__(self, connections: Connections, transaction: AbstractContextManager[Connection]) -> None:
        self._connections = connections
        self._transaction = transaction

    def __enter__(self) -> Connection:
        try:
            return self._transaction.__enter__()
        except Exception as error:
            self._explain(error)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._transaction.__exit__(kind, error, trace)
        except Exception as failed:
            self._explain(failed)
            raise
        if isinstance(error, Exception):
            self._explain(error)

    def _explain(self, error: Exception) -> None:
        if isinstance(error, PoolTimeout):
            raise DatabaseBusy("all database connections are in use") from error
        if isinstance(error, self._connections.errors) and (explained := self._connections.explain(error)):
            raise explained from error


class _Writing(_Explained):
    __slots__ = ()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
        except DatabaseUnavailable as failed:
            if error is None:  # all that was left to fail is the commit
                raise CommitUnknown(str(failed)) from failed.__cause__
            raise


def insert_if_absent(tx: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert a row unless its key is taken; tells whether it was inserted."""
    return _insertion_if_absent(tx.dialect.name, table, tuple(values)).run(tx, **values) == 1


def put(tx: Connection, table: Table, keys: Sequence[str], values: Mapping[str, Any]) -> None:
    """Insert a row, or give the row with the same `keys` the other values."""
    _insertion_or_change(tx.dialect.name, table, tuple(keys), tuple(values)).run(tx, **values)


def insert_row(tx: Connection, table: Table, values: Mapping[str, Any]) -> int:
    """Insert a row of a table with an `id` column and return its id."""
    return int(_insertion(table, tuple(values)).value(tx, **values))


def insert_many(tx: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, which have the same columns."""
    if rows:
        _insertion_of_many(table, tuple(rows[0])).run_many(tx, rows)


# A program has a few dozen of these.


@cache
def _insertion(table: Table, columns: tuple[str, ...]) -> Prepared:
    return Prepared(insert(table).returning(table.c.id), *columns)


@cache
def _insertion_of_many(table: Table, columns: tuple[str, ...]) -> Prepared:
    return Prepared(insert(table), *columns)


@cache
def _insertion_if_absent(dialect: str, table: Table, columns: tuple[str, ...]) -> Prepared:
    return Prepared(upsert(dialect, table).on_conflict_do_nothing(), *columns)


@cache
def _insertion_or_change(dialect: str, table: Table, keys: tuple[str, ...], columns: tuple[str, ...]) -> Prepared:
    insertion = upsert(dialect, table)
    changed = {name: insertion.excluded[name] for name in columns if name not in keys}
    return Prepared(insertion.on_conflict_do_update(index_elements=list(keys), set_=changed), *columns)


def until_nul(text: str) -> str:
    """The part of a text that PostgreSQL takes in place of the whole, to look for names after it in bytewise order.

    No name has a NUL character, so none lies between the two.
    """
    return text.partition("\0")[0]


def contains(dialect: str, column: ColumnElement[Any], part: str) -> ColumnElement[bool]:
    """Whether a text has a part, whatever the case of its letters: SQLite's LIKE takes no notice of that of ASCII."""
    escaped = _ANY.sub(r"/\g<0>", part)
    pattern = f"%{escaped}%"
    return column.ilike(pattern, escape="/") if dialect == "postgresql" else column.like(pattern, escape="/")


_ANY = re.compile("[/%_]")


def upsert(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An insertion that can be told what to do when the key is taken."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def _version(tx: Connection) -> str | None:
    if not tx.dialect.has_table(tx, "alembic_version"):
        return None
    version: str | None = tx.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return version
