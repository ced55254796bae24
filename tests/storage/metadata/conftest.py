"""Databases of the tests' own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.metadata.database import Database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cove.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    database = Database.open(path)
    database.migrate()
    yield database
    database.close()
