"""PostgreSQL, made to keep the promises of `Database`. Imported only where it is used, as psycopg is an extra.

A write transaction begins by taking one advisory lock, the same in all processes and on all nodes: writers take turns,
as they do on SQLite. So whatever a transaction looked up still holds when it writes, and no rule above needs to know
of other engines, of retries or of locks on rows; and once a later writer has its turn, the fate of one whose connection
was lost is settled. The server gives the lock in the order of asking, and takes it back at the end of the transaction,
also when the client has died. It is asked for before the first query, and READ COMMITTED gives every query a new
snapshot: each sees all that earlier writers have committed. Turns are short, for bytes are never sent during one.

Readers wait for nobody. READ COMMITTED would show them several states in one transaction; REPEATABLE READ shows one.

All limits are set in the transaction itself, and nothing is prepared: both work behind PgBouncer, too.
"""

import select
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, OperationalError

from storage.metadata.errors import DatabaseBusy, DatabaseError, DatabaseFull, DatabaseUnavailable
from storage.metadata.turns import Turns

_READERS = 19

_LOCK = "SELECT pg_advisory_xact_lock(1668249189)"  # "cove"


def _limits(statement: int, lock: int, idle: int) -> str:
    """Seconds that a statement may take, a lock be waited for, and the client be silent in between; 0 is for ever."""
    return (
        f"SET LOCAL statement_timeout = '{statement}s'; SET LOCAL lock_timeout = '{lock}s';"
        f" SET LOCAL idle_in_transaction_session_timeout = '{idle}s'"
    )


_READ = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {_limits(15, 5, 30)}"
_WRITE = f"BEGIN ISOLATION LEVEL READ COMMITTED; {_limits(15, 5, 10)}; {_LOCK}"
_WRITE_HASTILY = f"{_WRITE}; SET LOCAL synchronous_commit = off"
_MIGRATE = f"BEGIN ISOLATION LEVEL READ COMMITTED; {_limits(0, 0, 0)}; {_LOCK}"

# libpq's parameters; the address may give others. They bound how long a server that has vanished can go unnoticed.
_DEFAULTS: dict[str, Any] = {
    "application_name": "cove",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}


class Connections:
    """To the database at an address in libpq's form; `patience` is in seconds. Thread-safe.

    Raises `DatabaseError` for an address that is none.
    """

    errors: tuple[type[Exception], ...] = (DBAPIError,)

    def __init__(self, url: str, patience: float) -> None:
        try:
            parameters = _DEFAULTS | conninfo_to_dict(url) | {"client_encoding": "utf8"}
        except (psycopg.ProgrammingError, UnicodeDecodeError):
            raise DatabaseError("the address of the database cannot be read") from None  # which would repeat part of it
        self._readers = _engine(parameters, patience, _READ, _READERS)
        self._writers = _engine(parameters, patience, _WRITE, 1)
        self._hasty_writers = self._writers.execution_options(durable=False)
        self._turns = Turns()
        self._patience = patience

    def reading(self) -> AbstractContextManager[Connection]:
        """A read transaction."""
        return self._readers.begin()

    @contextmanager
    def writing(self, *, durable: bool = True, patient: bool = False) -> Iterator[Connection]:
        """A write transaction, which may last as long as it takes when it is `patient`; one that is not `durable` may
        be lost with the server's power. Raises `DatabaseBusy`.
        """
        engine = self._writers if durable else self._hasty_writers
        self._turns.take(self._patience)
        try:
            with engine.execution_options(patient=True).begin() if patient else engine.begin() as tx:
                yield tx
        finally:
            self._turns.end()

    def explain(self, error: Exception) -> DatabaseError | None:
        """What an error means to the program; None for one that only a bug can cause."""
        return _explain(error) if isinstance(error, DBAPIError) else None

    def watch(self) -> None:
        return None

    def close(self) -> None:
        self._readers.dispose()
        self._writers.dispose()


def _engine(parameters: dict[str, Any], patience: float, begin: str, connections: int) -> Engine:
    engine = create_engine(
        "postgresql+psycopg://",
        creator=partial(_connect, parameters),
        hide_parameters=True,
        use_native_hstore=False,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=patience,
    )

    @event.listens_for(engine, "checkout")
    def _must_live(connection: Any, _record: object, _proxy: object) -> None:
        """A server that has ended has said so: there is something to read. That costs no question to it."""
        waiting = select.poll()
        waiting.register(connection.fileno(), select.POLLIN)
        if waiting.poll(0):
            raise InvalidatePoolError

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("patient"):
            connection.exec_driver_sql(_MIGRATE)
        else:
            connection.exec_driver_sql(begin if options.get("durable", True) else _WRITE_HASTILY)

    event.listen(engine, "handle_error", _leave_out_values)
    return engine


def _connect(parameters: dict[str, Any]) -> "psycopg.Connection[Any]":
    # Transactions begin by a statement of ours, and psycopg must not begin another before it.
    connection = psycopg.connect(**parameters, autocommit=True, prepare_threshold=None)
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        connection.close()
        raise DatabaseError(f"the database has the encoding {encoding}: make one that has UTF8")
    return connection


def _leave_out_values(context: ExceptionContext) -> None:
    """The server's details of an error repeat what was to be stored, secrets among it."""
    error, wrapped = context.original_exception, context.sqlalchemy_exception
    if wrapped and isinstance(error, psycopg.Error) and error.diag.message_detail:
        error.args = (error.diag.message_primary,)
        wrapped.args = (f"({type(error).__name__}) {error.diag.message_primary}",)


_BUSY = {
    "25P03",  # the transaction idled too long
    "40001",
    "40P01",
    "55P03",  # the lock was not free in time
    "57014",  # the statement took too long
}
_UNAVAILABLE = {
    "25006",  # a standby that takes no writes
    "53200",
    "53300",  # too many connections
    "57P01",
    "57P02",
    "57P03",
    "57P05",
}


def _explain(error: DBAPIError) -> DatabaseError | None:
    """What an error of the driver means to the program; None for one that only a bug can cause.

    The codes are those of PostgreSQL's manual, appendix "PostgreSQL Error Codes".
    """
    state = getattr(error.orig, "sqlstate", None)
    if state in _BUSY:
        return DatabaseBusy("the database is held up by others")
    if state == "53100":
        return DatabaseFull("the disk of the database is full")
    is_lost = error.connection_invalidated or (state is None and isinstance(error, OperationalError))
    if is_lost or state in _UNAVAILABLE:
        return DatabaseUnavailable(f"the database is not available: {' '.join(str(error.orig).split())}")
    if state and state[:2] in {"58", "XX"}:  # the server's disk fails, or its data are damaged
        return DatabaseError(f"the database cannot be read or written: {error.orig}")
    return None
