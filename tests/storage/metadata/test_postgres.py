"""PostgreSQL alone: connections that end, limits, what its errors mean, and what they must not tell."""

import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError, ProgrammingError

from storage.metadata import postgres_engines, schema, users
from storage.metadata.database import (
    CommitUnknown,
    Database,
    DatabaseBusy,
    DatabaseError,
    DatabaseFull,
    DatabaseUnavailable,
    Transaction,
)
from tests.storage.metadata.databases import add, names
from tests.storage.postgres_server import PASSWORD, PostgresServer
from tests.storage.wires import Wire, wire_to

ROOT = Path(__file__).parents[3]


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.make_database()


@pytest.fixture
def connect() -> Iterator[Callable[[str], Database]]:
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(closing(Database.connect(url)))


@pytest.fixture
def database(connect: Callable[[str], Database], url: str) -> Database:
    return connect(url)


@pytest.fixture
def wire(postgres: PostgresServer) -> Iterator[Wire]:
    with wire_to(postgres.port) as wire:
        yield wire


def shown(error: BaseException) -> str:
    """All that a log may show of an error."""
    return "".join(traceback.format_exception(error))


# Transactions


def test_transactions_are_what_they_promise(database: Database) -> None:
    with database.read() as reader, database.write() as writer:
        found = [
            [tx.exec_driver_sql(f"SHOW {name}").scalar() for name in ("transaction_isolation", "transaction_read_only")]
            for tx in (reader, writer)
        ]
    assert found == [["repeatable read", "on"], ["read committed", "off"]]


def test_transactions_have_limits(database: Database) -> None:
    limits = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    with database.read() as reader, database.write() as writer:
        found = [[tx.exec_driver_sql(f"SHOW {name}").scalar() for name in limits] for tx in (reader, writer)]
        assert reader.exec_driver_sql("SHOW application_name").scalar() == "cove"
    assert found == [["15s", "5s", "30s"], ["15s", "5s", "10s"]]


def test_reader_writes_nothing(database: Database) -> None:
    with pytest.raises(DatabaseUnavailable, match="read-only"), database.read() as tx:
        add(tx, "team")


def test_address_may_set_what_is_not_promised(connect: Callable[[str], Database], url: str) -> None:
    with connect(f"{url}?application_name=other&client_encoding=latin1").read() as tx:
        assert tx.exec_driver_sql("SHOW application_name").scalar() == "other"
        assert tx.exec_driver_sql("SHOW client_encoding").scalar() == "UTF8"


def test_identifiers_sort_bytewise_although_the_database_does_not(database: Database) -> None:
    with database.read() as tx:
        assert tx.exec_driver_sql("SELECT 'a' < 'B'").scalar() is True
    with database.write() as tx:
        add(tx, "a", "B", "a-b", "aa")
    assert names(database) == ["B", "a", "a-b", "aa"]


# Connections that end


def test_connections_that_ended_while_nobody_used_them_are_replaced_unnoticed(
    database: Database, postgres: PostgresServer, url: str
) -> None:
    with database.read(), database.read(), database.write() as tx:
        add(tx, "before")
    postgres.end_connections(url)
    assert names(database) == ["before"]
    with database.write() as tx:
        add(tx, "after")
    assert names(database) == ["after", "before"]


def test_connection_that_ends_in_a_transaction_undoes_it_and_the_next_works(
    database: Database, postgres: PostgresServer, url: str
) -> None:
    def write() -> None:
        with database.write() as tx:
            add(tx, "lost")
            postgres.end_connections(url)
            add(tx, "never")

    with pytest.raises(DatabaseUnavailable, match="not available"):
        write()
    assert names(database) == []
    with database.write() as tx:
        add(tx, "kept")
    assert names(database) == ["kept"]


def test_wire_that_is_cut_makes_it_unavailable_once(connect: Callable[[str], Database], url: str, wire: Wire) -> None:
    database = connect(wire.address(url))

    def read() -> None:
        with database.read() as tx:
            wire.cut()
            tx.exec_driver_sql("SELECT 1")

    with pytest.raises(DatabaseUnavailable):
        read()
    assert names(database) == []


def test_commit_whose_answer_is_lost_is_told_apart(connect: Callable[[str], Database], url: str, wire: Wire) -> None:
    database = connect(wire.address(url))
    wire.loses_commits = True
    with pytest.raises(CommitUnknown), database.write() as tx:
        add(tx, "team")
    wire.loses_commits = False
    # The next writer's turn comes when the fate of the last is settled.
    with database.write():
        assert names(database) == ["team"]


def test_writer_that_falls_silent_loses_its_turn(
    database: Database, connect: Callable[[str], Database], url: str
) -> None:
    def fall_silent() -> None:
        with database.write() as tx:
            tx.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = '50ms'")
            add(tx, "silent")
            with connect(url).write() as other:
                add(other, "next")

    with pytest.raises(DatabaseBusy):
        fall_silent()
    assert names(database) == ["next"]


# Servers that cannot be used


def test_server_that_is_not_there_makes_it_unavailable(connect: Callable[[str], Database]) -> None:
    with wire_to(1) as wire:
        pass
    with pytest.raises(DatabaseUnavailable, match="Connection refused") as raised:
        connect(f"postgresql://cove:{PASSWORD}@127.0.0.1:{wire.port}/cove").check()
    assert "canary" not in shown(raised.value)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [(PASSWORD, "wrong-canary", "password authentication failed"), ("/test", "/none", "does not exist")],
)
def test_server_that_lets_nobody_in_says_why_and_shows_no_password(
    connect: Callable[[str], Database], url: str, old: str, new: str, reason: str
) -> None:
    with pytest.raises(DatabaseUnavailable, match=reason) as raised:
        connect(url.replace(old, new)).check()
    assert "canary" not in shown(raised.value)


def test_server_that_takes_no_more_connections_makes_it_unavailable(
    database: Database, postgres: PostgresServer, url: str
) -> None:
    postgres.run(f"ALTER DATABASE {url.rpartition('/')[2]} CONNECTION LIMIT 1")
    with pytest.raises(DatabaseUnavailable, match="too many connections"), database.read(), database.read():
        pass
    assert names(database) == []


def test_standby_is_read_and_its_writers_are_told_that_it_is_unavailable(
    database: Database, postgres: PostgresServer, url: str
) -> None:
    postgres.run(f"ALTER DATABASE {url.rpartition('/')[2]} SET default_transaction_read_only = on")
    assert names(database) == []
    with pytest.raises(DatabaseUnavailable, match="read-only"), database.write() as tx:
        add(tx, "team")


@pytest.mark.parametrize("rest", ["cove:%canary@host/name", "cove:%zzcanary@host/name", "cove@host/name?canary=1"])
def test_address_that_cannot_be_read_is_refused_without_repeating_it(rest: str) -> None:
    with pytest.raises(DatabaseError, match="address of the database cannot be read") as raised:
        Database.connect(f"postgresql://{rest}")
    assert "canary" not in shown(raised.value)


def test_database_that_cannot_hold_every_name_is_refused(
    connect: Callable[[str], Database], postgres: PostgresServer
) -> None:
    url = postgres.make_database("template0", "ENCODING 'SQL_ASCII' LOCALE 'C' LOCALE_PROVIDER libc")
    with pytest.raises(DatabaseError, match="has the encoding SQL_ASCII"):
        connect(url).migrate()


def test_without_the_driver_the_package_to_install_is_named() -> None:
    script = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from storage.metadata.database import Database, DatabaseError\n"
        "try: Database.connect('postgresql://host/name')\n"
        "except DatabaseError as error: print(error)"
    )
    shown = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "install cove-registry[postgres]" in shown


def test_driver_is_loaded_only_where_it_is_used() -> None:
    script = "import sys, registry.app; print('psycopg' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert shown == "False\n"


# Waiting


@pytest.fixture
def impatient(connect: Callable[[str], Database], url: str, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setattr(postgres_engines, "_WRITE", postgres_engines._WRITE.replace("'5s'", "'50ms'"))
    return connect(url)


def test_writer_on_another_node_makes_it_busy_for_writers_only(database: Database, impatient: Database) -> None:
    with database.write() as tx:
        add(tx, "team")
        with pytest.raises(DatabaseBusy), impatient.write():
            pass
        assert names(impatient) == []
    with impatient.write() as tx:
        add(tx, "other")
    assert names(impatient) == ["other", "team"]


def test_migration_waits_for_writers_as_long_as_it_takes(
    connect: Callable[[str], Database], postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []

    def look(tx: Transaction, _version: str) -> None:
        seen.extend(tx.exec_driver_sql(f"SHOW {name}").scalar() for name in ("statement_timeout", "lock_timeout"))

    monkeypatch.setattr(schema, "create", look)
    connect(postgres.make_database("template0")).migrate()
    assert seen == ["0", "0"]


def test_statement_that_takes_too_long_makes_it_busy(database: Database) -> None:
    with pytest.raises(DatabaseBusy), database.read() as tx:
        tx.exec_driver_sql("SET LOCAL statement_timeout = '20ms'; SELECT pg_sleep(60)")


# What errors mean, and what they tell


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("40001", DatabaseBusy),
        ("40P01", DatabaseBusy),
        ("53100", DatabaseFull),
        ("53200", DatabaseUnavailable),
        ("57P03", DatabaseUnavailable),
        ("58030", DatabaseError),
        ("XX001", DatabaseError),
    ],
)
def test_error_of_the_server_is_what_it_means(database: Database, state: str, kind: type[DatabaseError]) -> None:
    def write() -> None:
        with database.write() as tx:
            add(tx, "team")
            tx.exec_driver_sql(f"DO $$ BEGIN RAISE EXCEPTION 'it fails' USING ERRCODE = '{state}'; END $$")

    with pytest.raises(DatabaseError) as raised:
        write()
    assert type(raised.value) is kind
    assert names(database) == []


def test_disk_that_is_full_at_the_end_undoes_all(database: Database, postgres: PostgresServer, url: str) -> None:
    postgres.run(
        "CREATE FUNCTION fail() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'full' USING ERRCODE = '53100'; END $$"
        " LANGUAGE plpgsql;"
        " CREATE CONSTRAINT TRIGGER fails AFTER INSERT ON projects INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION fail()",
        url.rpartition("/")[2],
    )
    with pytest.raises(DatabaseFull), database.write() as tx:
        add(tx, "team")
    assert names(database) == []


def test_wrong_statement_is_the_drivers_error(database: Database) -> None:
    with pytest.raises(ProgrammingError), database.read() as tx:
        tx.exec_driver_sql("SELECT nonsense")


def test_row_that_is_refused_is_not_shown(database: Database) -> None:
    with pytest.raises(IntegrityError, match="null value in column") as raised, database.write() as tx:
        users.add(tx, "ann", PASSWORD, is_admin=None, now=1)  # type: ignore[arg-type]
    assert "canary" not in shown(raised.value)


def test_silence_is_bounded(database: Database) -> None:
    """A server that vanished is noticed: by its kernel's silence, for it cannot send anything itself."""
    with database.read() as tx:
        info = tx.connection.dbapi_connection.info  # type: ignore[union-attr]
        given = info.get_parameters()
    assert {name: given[name] for name in ("connect_timeout", "tcp_user_timeout", "keepalives_idle")} == {
        "connect_timeout": "5",
        "tcp_user_timeout": "15000",
        "keepalives_idle": "10",
    }
