"""Write transactions of SQLite: one at a time, and those that queue are committed together.

A commit waits for the disk, for a millisecond or ten, and nobody else can write meanwhile. So whoever is done while
others wait for their turn leaves its transaction open to the next of them, whose own becomes a savepoint in it, and
waits: the last one, or the `MOST`th, commits for all, with one wait for the disk. Each of them returns when that is
done, so nobody is told of anything that is not durable. Eight threads that did nothing but write got 1,200 to 1,800
transactions a second to a busy disk so, and 130 to 170 with a commit each. Whoever is alone commits at once.

To SQLite a group is one transaction. If it fails, it does so for all who are in it, and nothing of it was ever seen by
anybody else. That is why its members are not committed each for itself and synced later, together: a sync that fails
then leaves a gap in the log, before commits that others have seen already and gone on from. The next sync would succeed
all the same, since Linux takes pages for clean whose write-back has failed, and a loss of power would take everything
after the gap. SQLite undoes a transaction whose sync has failed, and writes the next one in its place.

Within a group:

* A member sees what the ones before it have done. It is told that it succeeded only when they have, too.
* What a member raises undoes its own savepoint alone, and is told when the group is committed: it may come of what the
  ones before it have done, as the 404 for a tag that one of them removed. When that is undone, it is their error.
* One that need not be durable joins a group, since it would wait as long for its turn; it never begins one.
* Other processes see a single writer, who holds the file for as long as its members take; the last one commits before
  they get theirs.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from storage.metadata.errors import DatabaseError
from storage.metadata.sqlite_drivers import driver_of
from storage.metadata.turns import Turns

MOST = 32  # members of a group


@dataclass(slots=True)
class _Group:
    """A transaction with its members so far, `is_open` to others; `failure` is why it was undone, once it is `settled`,
    which those wait for who have left it to others.
    """

    connection: Connection
    is_open: bool
    members: int = 1
    settled: threading.Event | None = None
    failure: Exception | None = None
    cause: BaseException | None = None

    def settle(self) -> None:
        if self.settled:
            self.settled.set()

    def must_be_committed(self) -> None:
        """Raises why it is not."""
        if isinstance(self.failure, DatabaseError):
            raise type(self.failure)(str(self.failure)) from self.cause  # each thread has a traceback of its own
        if self.failure:
            raise self.failure


class Writers:
    """The threads of a process that write, on one connection, which is opened when it is first needed.

    `modes` are SQLite's words for what a commit waits for, when it is durable and when not; `patience` is in seconds.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        explain: Callable[[Exception], DatabaseError | None],
        modes: tuple[str, str],
        patience: float,
    ) -> None:
        self._connect = connect
        self._explain = explain
        self._modes = modes
        self._patience = patience
        self._turns = Turns()
        self._connection: Connection | None = None
        self._group: _Group | None = None  # of whoever has the turn

    def writing(self, *, durable: bool) -> "_Member":
        """A write transaction. Raises `DatabaseBusy`, and what SQLite raises or that explained."""
        return _Member(self, durable=durable)

    def close(self) -> None:
        if self._connection:
            self._connection.close()

    def join(self, *, durable: bool) -> tuple[_Group, bool]:
        """Take the turn, and join the group that was left open or begin one; gives it, and whether it is new."""
        self._turns.take(self._patience)
        group = self._group
        try:
            if group is None:
                self._group = _Group(self._begin(durable=durable), is_open=durable)
                return self._group, True
            driver_of(group.connection).execute("SAVEPOINT member")
        except BaseException as error:
            self._give_up(error)
            self._turns.end()
            raise
        group.members += 1
        return group, False

    def leave(self, group: _Group, error: BaseException | None, *, is_first: bool) -> None:
        """End what a member has done, and the group with it, unless somebody goes on; return when it is committed."""
        if error or not is_first:
            self._end_member(group, error, is_first=is_first)
        answers = error is None or isinstance(error, Exception)  # or the thread or the process ends
        if self._is_left_open(group):
            if answers and group.settled:
                group.settled.wait()
        else:
            self._commit()
            self._turns.end()
        if answers:
            group.must_be_committed()

    def _is_left_open(self, group: _Group) -> bool:
        """Leave the group to somebody who waits for a turn, if it may go on and there is anybody."""
        if self._group is None or not group.is_open or group.members >= MOST or not self._turns.is_awaited:
            return False
        group.settled = group.settled or threading.Event()
        return self._turns.pass_on()

    def _begin(self, *, durable: bool) -> Connection:
        connection = self._connection = self._connection or self._connect()
        driver, mode = driver_of(connection), self._modes[not durable]
        try:
            if connection.info["synchronous"] != mode:
                driver.execute(f"PRAGMA synchronous={mode}")
                connection.info["synchronous"] = mode
            driver.execute("BEGIN IMMEDIATE")
        except BaseException:
            self._undo(connection)
            raise
        return connection

    def _end_member(self, group: _Group, error: BaseException | None, *, is_first: bool) -> None:
        try:
            if is_first and error:
                self._group = None
                self._undo(group.connection)
            elif group.connection.invalidated:  # by SQLAlchemy, when an exit cut a statement short
                self._give_up(error)
            elif error:
                driver_of(group.connection).execute("ROLLBACK TO member")
            if self._group and not is_first:
                driver_of(group.connection).execute("RELEASE member")
        except Exception as failed:
            # Some errors undo the whole transaction: its savepoints are gone then.
            self._give_up(error or failed)

    def _commit(self) -> None:
        if self._group is None:
            return
        try:
            driver_of(self._group.connection).commit()
        except BaseException as error:
            self._give_up(error)
        else:
            self._group.settle()
            self._group = None

    def _give_up(self, error: BaseException | None) -> None:
        """Undo what the group has done, and tell its members."""
        group, self._group = self._group, None
        if group is None:
            return
        self._undo(group.connection)
        group.cause = error
        if isinstance(error, Exception):
            group.failure = self._explain(error) or error
        else:
            group.failure = DatabaseError("another thread has ended in the middle of what was to be committed together")
        group.settle()

    def _undo(self, connection: Connection) -> None:
        """Roll back, and keep the connection if that is possible; what is told is why it is done, in any case."""
        self._connection = None
        if connection.invalidated:
            connection.close()
            return
        try:
            driver_of(connection).rollback()
        except Exception:
            connection.invalidate()
        else:
            self._connection = connection


class _Member:
    """A transaction, as long as a `with` block."""

    __slots__ = ("_durable", "_group", "_is_first", "_writers")

    def __init__(self, writers: Writers, *, durable: bool) -> None:
        self._writers = writers
        self._durable = durable

    def __enter__(self) -> Connection:
        self._group, self._is_first = self._writers.join(durable=self._durable)
        return self._group.connection

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._writers.leave(self._group, error, is_first=self._is_first)
