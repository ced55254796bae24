"""Transactions: durable, one writer at a time, whole or not at all; and what is raised when they cannot be."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from storage.metadata import database as module
from storage.metadata import projects, sqlite_engines, tables
from storage.metadata.database import Database, DatabaseBusy, DatabaseError, DatabaseFull, Transaction
from storage.metadata.sqlite_engines import is_safe_for_processes, sqlite_driver
from tests.storage.metadata.databases import BROKEN_RULES, add, names, open_database

ROOT = Path(__file__).parents[3]


@contextmanager
def outside(path: Path) -> Iterator[Any]:
    """A connection of nobody that the program knows."""
    with closing(sqlite_driver().connect(path, isolation_level=None)) as connection:
        yield connection


# Transactions


def test_what_is_written_is_there_for_everybody_at_the_end_of_the_block(
    database: Database, connect: Callable[[], Database]
) -> None:
    with database.write() as tx:
        add(tx, "team")
        assert names(database) == []
    assert names(database) == ["team"]
    assert names(connect()) == ["team"]


def test_error_in_the_block_undoes_it_and_the_next_block_works(database: Database) -> None:
    def fail(tx: Transaction) -> None:
        add(tx, "team")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), database.write() as tx:
        fail(tx)
    assert names(database) == []
    with database.write() as tx:
        add(tx, "other")
    assert names(database) == ["other"]


def test_exit_in_the_middle_of_a_statement_is_an_exit_and_leaves_nothing_of_it(database: Database) -> None:
    def stop(*_: object) -> None:
        sys.exit(7)

    def write(tx: Transaction) -> None:
        event.listen(tx, "after_cursor_execute", stop)
        tx.execute(tables.projects.insert().values(name="team", is_public=False, created_at=0))

    with pytest.raises(SystemExit, match="7"), database.write() as tx:
        write(tx)
    assert names(database) == []
    with database.write() as tx:
        add(tx, "other")
    assert names(database) == ["other"]


def test_row_that_is_there_already_is_the_drivers_error_and_undoes_all(database: Database) -> None:
    with pytest.raises(BROKEN_RULES), database.write() as tx:
        add(tx, "team", "team")
    assert names(database) == []


def test_database_error_shows_no_values(database: Database) -> None:
    with pytest.raises(BROKEN_RULES) as raised, database.write() as tx:
        add(tx, "very-secret", "very-secret")
    assert "very-secret" not in str(raised.value)


def test_read_sees_one_state_while_others_write(database: Database) -> None:
    with database.read() as tx:
        assert projects.list_all(tx) == []
        with database.write() as other:
            add(other, "team")
        assert projects.list_all(tx) == []
    assert names(database) == ["team"]


def test_threads_write_one_after_the_other(database: Database) -> None:
    def write(number: int) -> None:
        for count in range(5):
            with database.write() as tx:
                add(tx, f"p{number}-{count}")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(database)) == 20


def test_foreign_keys_hold(database: Database) -> None:
    with pytest.raises(BROKEN_RULES), database.write() as tx:
        tx.exec_driver_sql("INSERT INTO members (project_id, user_id, role) VALUES (99, 99, 1)")


# Settings of SQLite's connections


@pytest.fixture
def file(path: Path) -> Iterator[Database]:
    with closing(Database.open(path)) as database:
        database.migrate()
        yield database


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("foreign_keys", 1),
        ("temp_store", 2),
        ("cache_size", -4096),
        ("trusted_schema", 0),
    ],
)
@pytest.mark.skipif(not is_safe_for_processes(sqlite_driver().sqlite_version_info), reason="needs a current SQLite")
def test_every_connection_is_set_up(file: Database, pragma: str, value: object) -> None:
    with file.write() as writer, file.read() as one, file.read() as two:
        found = [tx.exec_driver_sql(f"PRAGMA {pragma}").scalar() for tx in (writer, one, two)]
    assert found == [value] * 3


def test_only_what_need_not_be_durable_waits_for_no_disk(database: Database) -> None:
    found = []
    for durable in (True, False, True, False, False, True):
        with database.write(durable=durable) as tx:
            if tx.dialect.name == "sqlite":
                found.append(tx.exec_driver_sql("PRAGMA synchronous").scalar() == 2)  # FULL
            else:
                found.append(tx.exec_driver_sql("SHOW synchronous_commit").scalar() == "on")
    assert found == [True, False, True, False, False, True]


def test_what_need_not_be_durable_is_there_for_everybody(database: Database, connect: Callable[[], Database]) -> None:
    with database.write(durable=False) as tx:
        add(tx, "hasty")
    assert names(connect()) == ["hasty"]


def test_sqlite_that_is_not_safe_gets_a_rollback_journal(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_engines, "is_safe_for_processes", lambda _: False)
    database = Database.open(path)
    with database.write() as tx:
        found = [tx.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
    assert found == ["delete", 3]
    database.close()


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 44, 7), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 0), False),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 53, 0), True),
        ((4, 0, 0), True),
    ],
)
def test_versions_with_the_repair_are_safe_for_several_processes(version: tuple[int, ...], safe: bool) -> None:
    assert is_safe_for_processes(version) is safe


def test_standard_librarys_sqlite_serves_where_no_other_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_engines, "_pysqlite3", None)
    assert sqlite_driver().__name__ == "sqlite3"


# What goes wrong


@pytest.fixture
def hurried(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A database that waits for nobody longer than a moment."""
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.1)
    database = Database.open(path)
    database.migrate()
    yield database
    database.close()


def test_writer_in_another_process_makes_it_busy_for_writers_only(hurried: Database, path: Path) -> None:
    with outside(path) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseBusy, match="locked by another writer"), hurried.write() as tx:
            add(tx, "team")
        assert names(hurried) == []
        other.execute("ROLLBACK")
    with hurried.write() as tx:
        add(tx, "team")
    assert names(hurried) == ["team"]


def test_writer_in_another_thread_makes_it_busy(hurried: Database) -> None:
    errors: list[Exception] = []

    def write() -> None:
        try:
            with hurried.write():
                pass
        except DatabaseBusy as error:
            errors.append(error)

    with hurried.write() as tx:
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
        add(tx, "team")
    [error] = errors
    assert "no write transaction could begin within" in str(error)
    assert names(hurried) == ["team"]


def test_more_readers_than_connections_are_told_that_it_is_busy(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.1)
    monkeypatch.setattr(sqlite_engines, "_READERS", 1)
    database = Database.open(path)
    with database.read(), pytest.raises(DatabaseBusy, match="connections are in use"), database.read():
        pass
    database.close()


def test_full_disk_undoes_the_transaction_and_leaves_the_rest(file: Database) -> None:
    with file.write() as tx:
        add(tx, "before")
        pages = tx.exec_driver_sql("PRAGMA page_count").scalar()
        tx.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    with pytest.raises(DatabaseFull, match="full"), file.write() as tx:
        add(tx, *(f"project-{number}" for number in range(5000)))
    assert names(file) == ["before"]
    with file.write() as tx:
        tx.exec_driver_sql("PRAGMA max_page_count=1000000")
        add(tx, "after")
    assert names(file) == ["after", "before"]


def test_check_passes_when_all_is_well(database: Database) -> None:
    database.check()


def test_check_fails_for_a_file_that_is_no_database(path: Path) -> None:
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    database = Database.open(path)
    with pytest.raises(DatabaseError, match="cannot be read or written"):
        database.check()
    database.close()


def test_check_fails_for_a_folder_that_is_gone(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "gone" / "cove.db")
    with pytest.raises(DatabaseError, match="cannot be read or written"):
        database.check()
    database.close()


def test_check_fails_for_a_database_without_a_schema(blank: str) -> None:
    database = open_database(blank)
    assert database.is_empty
    with pytest.raises(DatabaseError, match="no schema"):
        database.check()
    database.close()


def test_statement_that_is_wrong_is_the_drivers_error(database: Database) -> None:
    with pytest.raises(DBAPIError), database.read() as tx:
        tx.exec_driver_sql("SELECT nonsense")


def kill_after(address: str, name: str, *, committed: bool) -> None:
    """Have a process killed that adds a project: after it has committed, or before."""
    script = (
        "import os, signal, sys; from tests.storage.metadata.databases import BROKEN_RULES, add, open_database\n"
        "with open_database(sys.argv[1]).write() as tx:\n"
        "    add(tx, sys.argv[2])\n"
        f"{'' if committed else '    '}os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", script, address, name], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL


def test_commit_survives_a_kill_right_after_it(database: Database, address: str) -> None:
    kill_after(address, "kept", committed=True)
    assert names(database) == ["kept"]


def test_kill_in_the_middle_of_a_transaction_leaves_nothing_of_it(database: Database, address: str) -> None:
    kill_after(address, "lost", committed=False)
    assert names(database) == []
    with database.write() as tx:
        add(tx, "next")
    assert names(database) == ["next"]


def test_writers_of_several_processes_take_turns(connect: Callable[[], Database]) -> None:
    """Each counts what is there and adds one that is named so: had two been at it at once, a name would repeat."""

    def write(database: Database) -> None:
        for _ in range(10):
            with database.write() as tx:
                add(tx, str(len(projects.list_all(tx))))

    threads = [threading.Thread(target=write, args=(connect(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(names(connect()), key=int) == [str(number) for number in range(40)]
