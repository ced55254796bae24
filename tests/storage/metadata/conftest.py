"""Databases of the tests' own: each test that takes `address` or `database` runs on SQLite and on PostgreSQL."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from storage.metadata.database import Database
from tests.storage.metadata.databases import open_database
from tests.storage.postgres_server import PostgresServer

ENGINES = ["sqlite", "postgres"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """For what is about SQLite's file."""
    return tmp_path / "cove.db"


@pytest.fixture(params=ENGINES)
def blank(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database without a schema."""
    if request.param == "sqlite":
        return str(tmp_path / "cove.db")
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.make_database("template0")


@pytest.fixture
def address(blank: str) -> str:
    """The address of a database with nothing in it but the schema."""
    with closing(open_database(blank)) as database:
        database.migrate()
    return blank


@pytest.fixture
def connect(address: str) -> Iterator[Callable[[], Database]]:
    """Opens the same database, each time as another process would."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(open_database(address)))


@pytest.fixture
def database(connect: Callable[[], Database]) -> Database:
    return connect()


@pytest.fixture(scope="module", params=ENGINES)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One for all tests of a module, which keep nothing in it."""
    if request.param == "sqlite":
        address = str(tmp_path_factory.mktemp("data") / "cove.db")
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        address = server.make_database()
    with closing(open_database(address)) as database:
        database.migrate()
        yield database
