"""What tests, and the processes that they start, do with a database wherever it is."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy.exc import IntegrityError

from storage.metadata import projects
from storage.metadata.database import Database, Transaction
from storage.metadata.sqlite_engines import sqlite_driver

BROKEN_RULES = (IntegrityError, sqlite_driver().IntegrityError)
"""What a driver raises for a row that the schema forbids, by SQLAlchemy or without it."""


def open_database(address: str) -> Database:
    return Database.connect(address) if address.startswith("postgresql:") else Database.open(Path(address))


def add(tx: Transaction, *names: str) -> None:
    for name in names:
        projects.add(tx, name, is_public=False, now=1)


def names(database: Database) -> list[str]:
    with database.read() as tx:
        return [project.name for project in projects.list_all(tx)]


def robot_row(**values: object) -> dict[str, Any]:
    """A robot of the system, which may do nothing and never expires; `values` are what is different."""
    usual: dict[str, Any] = {
        "project_id": None,
        "name": "ci",
        "description": "",
        "secret_hash": "x",
        "secret_version": 1,
        "duration_days": -1,
        "expires_at": None,
        "is_disabled": False,
        "permissions": "[]",
        "creator_kind": "local",
        "creator_id": 1,
        "created_at": 1,
        "updated_at": 1,
    }
    return usual | values


class _Undone(Exception):
    """Ends a transaction of which nothing is to be kept."""


@contextmanager
def undone(database: Database) -> Iterator[Transaction]:
    """A write transaction of which nothing is kept."""
    with suppress(_Undone), database.write() as tx:
        yield tx
        raise _Undone
