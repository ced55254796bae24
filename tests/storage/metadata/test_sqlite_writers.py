"""Transactions that queue are committed together, and none of them is told so before all of them are durable."""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import event

from storage.metadata import projects, sqlite_writers, tables
from storage.metadata.database import Database, DatabaseBusy, DatabaseError, Transaction
from storage.metadata.sqlite_drivers import driver_of
from storage.metadata.sqlite_engines import Connections, sqlite_driver
from tests.storage.metadata.databases import BROKEN_RULES, add, names

Work = Callable[[Transaction], object]


@dataclass
class Queue:
    """A database, and what its writer has executed as transactions. `ended` are threads that were told how it went."""

    connections: Connections
    database: Database
    executed: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    errors: dict[str, BaseException] = field(default_factory=dict)

    @property
    def commits(self) -> int:
        return self.executed.count("COMMIT")

    def write(self, name: str, work: Work, *, durable: bool = True) -> None:
        try:
            with self.database.write(durable=durable) as tx:
                work(tx)
        except BaseException as error:  # looked at by the test
            self.errors[name] = error
        self.ended.append(name)

    def run(self, first: Work, others: Sequence[Work], *, durable: bool = True) -> None:
        """Have the first write, and the others queue meanwhile and go on in their order, as `first` and `0`, `1`..."""
        threads = []

        def queue_up(tx: Transaction) -> None:
            driver_of(tx).set_trace_callback(self.executed.append)
            for number, work in enumerate(others):
                threads.append(threading.Thread(target=self.write, args=(str(number), work)))
                threads[-1].start()
                wait_until(lambda: self.connections._writers._turns._waiting == len(threads))
            first(tx)

        self.write("first", queue_up, durable=durable)
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()

    def at_commit(self, look: Callable[[], object]) -> Work:
        """What a member does for something to be looked at when its group is about to be committed."""
        return lambda tx: driver_of(tx).set_trace_callback(lambda text: look() if text == "COMMIT" else None)


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    connections = Connections(tmp_path / "cove.db", 10)
    with closing(Database(connections)) as database:
        database.migrate()
        yield Queue(connections, database)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def adding(name: str) -> Work:
    return lambda tx: add(tx, name)


def failing(tx: Transaction) -> None:
    add(tx, "not kept")
    raise ZeroDivisionError


def test_those_that_queue_are_committed_together(queue: Queue) -> None:
    queue.run(adding("first"), [adding(f"other{number}") for number in range(8)])
    assert (queue.commits, queue.errors) == (1, {})
    assert names(queue.database) == ["first", *(f"other{number}" for number in range(8))]


def test_writer_that_is_alone_commits_at_once_and_makes_no_savepoint(queue: Queue) -> None:
    for number in range(2):
        queue.run(adding(f"alone{number}"), [])
    assert queue.commits == 2
    assert not [text for text in queue.executed if "SAVEPOINT" in text or "RELEASE" in text]


def test_nobody_is_told_before_the_commit(queue: Queue) -> None:
    seen = []

    def look() -> None:
        seen.append((list(queue.ended), names(queue.database)))

    queue.run(adding("first"), [adding("second"), queue.at_commit(look)])
    assert seen == [([], [])]
    assert sorted(queue.ended) == ["0", "1", "first"]


def test_error_of_one_undoes_what_that_one_did_and_nothing_else(queue: Queue) -> None:
    queue.run(adding("first"), [failing, adding("second"), failing])
    assert {name: type(error) for name, error in queue.errors.items()} == {
        "0": ZeroDivisionError,
        "2": ZeroDivisionError,
    }
    assert (queue.commits, names(queue.database)) == (1, ["first", "second"])


def test_error_is_not_told_before_that_is_durable_which_it_may_have_come_of(queue: Queue) -> None:
    seen = []

    def look() -> None:
        seen.append(list(queue.ended))

    queue.run(adding("first"), [failing, queue.at_commit(look)])
    assert seen == [[]]
    assert isinstance(queue.errors["0"], ZeroDivisionError)


def test_error_that_may_have_come_of_what_is_undone_is_the_error_of_that(queue: Queue) -> None:
    def undo_all(tx: Transaction) -> None:
        driver_of(tx).execute("ROLLBACK")
        raise KeyError

    queue.run(adding("first"), [failing, undo_all])
    assert {name: type(error) for name, error in queue.errors.items()} == dict.fromkeys(("first", "0", "1"), KeyError)


def test_error_of_the_first_leaves_the_others_a_transaction_of_their_own(queue: Queue) -> None:
    queue.run(failing, [adding("second"), adding("third")])
    assert {name: type(error) for name, error in queue.errors.items()} == {"first": ZeroDivisionError}
    assert (queue.commits, names(queue.database)) == (1, ["second", "third"])


def test_rows_that_break_the_rules_are_the_error_of_whoever_adds_them(queue: Queue) -> None:
    queue.run(adding("team"), [adding("team"), adding("other")])
    [error] = queue.errors.values()
    assert isinstance(error, BROKEN_RULES)
    assert names(queue.database) == ["other", "team"]


def test_one_sees_what_those_before_it_have_done(queue: Queue) -> None:
    seen = []
    queue.run(adding("first"), [lambda tx: seen.extend(projects.list_all(tx))])
    assert [project.name for project in seen] == ["first"]


def test_commit_that_fails_fails_for_all_and_the_next_one_succeeds(queue: Queue) -> None:
    def refuse(action: int, what: str | None, *_: object) -> int:
        driver = sqlite_driver()
        is_commit = action == driver.SQLITE_TRANSACTION and what == "COMMIT"
        return int(driver.SQLITE_DENY if is_commit else driver.SQLITE_OK)

    def forbid(tx: Transaction) -> None:
        add(tx, "last")
        driver_of(tx).set_authorizer(refuse)

    queue.run(adding("first"), [adding("second"), forbid])
    assert sorted(queue.errors) == ["0", "1", "first"]
    assert all("not authorized" in str(error) for error in queue.errors.values())
    assert names(queue.database) == []
    driver_of(queue.connections._writers._connection).set_authorizer(None)  # type: ignore[arg-type]
    queue.run(adding("next"), [])
    assert names(queue.database) == ["next"]


def test_disk_that_is_full_at_the_commit_is_that_error_to_all(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    full = sqlite_driver().OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite_driver().SQLITE_FULL

    class Full:
        def __init__(self, driver: object) -> None:
            self._driver = driver

        def __getattr__(self, name: str) -> object:
            return getattr(self._driver, name)

        def commit(self) -> None:
            raise full

    monkeypatch.setattr(sqlite_writers, "driver_of", lambda connection: Full(driver_of(connection)))
    queue.run(adding("first"), [adding("second"), adding("third")])
    assert {name: type(error).__name__ for name, error in queue.errors.items()} == dict.fromkeys(
        ("first", "0", "1"), "DatabaseFull"
    )
    assert len(set(queue.errors.values())) == 3
    assert names(queue.database) == []


def test_error_that_undoes_the_whole_transaction_is_told_to_all_who_are_in_it(queue: Queue) -> None:
    def undo_all(tx: Transaction) -> None:
        tx.exec_driver_sql("INSERT OR ROLLBACK INTO projects SELECT * FROM projects")

    queue.run(adding("first"), [adding("second"), undo_all, adding("third")])
    assert sorted(queue.errors) == ["0", "1", "first"]
    assert names(queue.database) == ["third"]


def test_exit_in_the_middle_of_a_statement_is_an_error_to_the_others(queue: Queue) -> None:
    def leave(tx: Transaction) -> None:
        event.listen(tx, "after_cursor_execute", lambda *_: sys.exit(7))
        tx.execute(tables.projects.insert().values(name="team", is_public=False, created_at=0))

    queue.run(adding("first"), [leave, adding("second")])
    assert {name: type(error) for name, error in queue.errors.items()} == {"first": DatabaseError, "0": SystemExit}
    assert names(queue.database) == ["second"]


def test_what_need_not_be_durable_joins_and_is_committed_with_the_others_but_waits_for_nobody(queue: Queue) -> None:
    queue.run(adding("hasty"), [adding("second")], durable=False)
    assert (queue.commits, queue.errors) == (2, {})

    def look() -> None:
        assert "hasty again" not in names(queue.database)

    with queue.database.write(durable=False) as tx:
        driver_of(tx).set_trace_callback(None)
        assert tx.exec_driver_sql("PRAGMA synchronous").scalar() == 1
    hasty = threading.Thread(target=queue.write, args=("hasty", adding("hasty again")), kwargs={"durable": False})
    with queue.database.write() as tx:
        queue.at_commit(look)(tx)
        hasty.start()
        wait_until(lambda: queue.connections._writers._turns._waiting == 1)
    hasty.join(10)
    assert "hasty again" in names(queue.database)


def test_group_is_committed_when_it_is_large_whoever_waits(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_writers, "MOST", 3)
    queue.run(adding("first"), [adding(f"other{number}") for number in range(6)])
    assert (queue.commits, len(names(queue.database))) == (3, 7)


def test_impatient_writers_leave_no_group_behind(tmp_path: Path) -> None:
    """Who gives up just when it is passed the turn would leave those before it waiting for ever."""
    told: list[str] = []
    with closing(Database(Connections(tmp_path / "cove.db", 0.002))) as database:
        database.migrate()

        def write(number: int) -> None:
            for count in range(40):
                name = f"p{number}-{count}"
                try:
                    with database.write() as tx:
                        add(tx, name)
                        time.sleep(0.0005)
                except DatabaseBusy:
                    continue
                told.append(name)

        threads = [threading.Thread(target=write, args=(number,), daemon=True) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()
        assert names(database) == sorted(told)
    assert 40 <= len(told) < 320
