from contextlib import closing
from pathlib import Path

import pytest

from storage.metadata.database import Database


@pytest.fixture(scope="session")
def empty_records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with nothing in it but the schema, for tests to copy: that is faster than to make one."""
    path = tmp_path_factory.mktemp("records") / "empty.db"
    with closing(Database.open(path)) as database:
        database.migrate()
    return path
