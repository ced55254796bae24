"""What tests, and the processes that they start, do with a database wherever it is."""

from pathlib import Path

from storage.metadata import projects
from storage.metadata.database import Database, Transaction


def open_database(address: str) -> Database:
    return Database.connect(address) if address.startswith("postgresql:") else Database.open(Path(address))


def add(tx: Transaction, *names: str) -> None:
    for name in names:
        projects.add(tx, name, is_public=False, now=1)


def names(database: Database) -> list[str]:
    with database.read() as tx:
        return [project.name for project in projects.list_all(tx)]
