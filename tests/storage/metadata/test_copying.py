"""All records in another database: the same, and new ones go on where the old ones ended."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, insert, select

from storage.metadata import (
    blobs,
    clean_ups,
    copying,
    facts,
    leases,
    login_failures,
    manifests,
    members,
    projects,
    repositories,
    signing_keys,
    tables,
    tag_changes,
    tags,
    tombstones,
    uploads,
    users,
)
from storage.metadata.database import Database, Transaction
from storage.metadata.uploads import UploadRecord
from tests.storage.metadata.conftest import ENGINES
from tests.storage.metadata.databases import open_database


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "ROWS", 4)
    monkeypatch.setattr(copying, "LARGE_ROWS", 2)


@pytest.fixture
def old(database: Database) -> Database:
    """A database with rows in every table, and with more of some than fit into a page."""
    with database.write() as tx:
        fill(tx)
    return database


@pytest.fixture(params=ENGINES)
def new(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None
    with closing(open_database(server.make_database() if server else str(tmp_path / "new.db"))) as database:
        database.migrate()
        yield database


def fill(tx: Transaction) -> None:
    user = users.add(tx, "Zoë", "hash", is_admin=True, now=1)
    project = projects.add(tx, "team", is_public=True, now=2)
    members.put_role(tx, project.id, user.id, 4)
    repository = repositories.get_or_create(tx, project.id, "team/app", 3)
    for number in range(copying.ROWS + 1):
        blob = blobs.add(tx, f"sha256:{number:064}", 1 << 40, f"blobs/{number}", 4)
        blobs.link(tx, repository.id, blob, 5)
    for number in range(2 * copying.LARGE_ROWS):
        manifest = manifests.add(
            tx,
            repository.id,
            digest=f"sha256:{number:064}",
            media_type="type",
            artifact_type=None,
            subject="sha256:subject",
            annotations={"a": "\0\u20ac"},
            content=bytes(range(256)),
            references={"sha256:x": False, "sha256:y": True},
            now=6,
        )
        tags.point(tx, repository.id, f"v{number}", manifest, 7)
    uploads.add(tx, UploadRecord("id", repository.id, user.id, "uploads/x", 0, "sha256", None, 8))
    tombstones.add(tx, "blobs/gone", 9)
    signing_keys.add(tx, "kid", "pem", 10)
    login_failures.record(tx, "ann", since=1, now=11)
    tag_changes.add(tx, repository.id, "v0", "sha256:x", user_name="Zoë", now=12)
    clean_ups.begin(tx, "schedule", 13)
    leases.take(tx, "cleaning", "me", now=14, until=15)
    facts.set_value(tx, "id", "registry")
    for table in copying.RECORDS:
        if tx.execute(select(table).limit(1)).first() is None:
            given = [column for column in table.columns if column is not table.autoincrement_column]
            tx.execute(insert(table).values({column.name: sample(column) for column in given}))


def sample(column: Column[Any]) -> object:
    """A value for a row about the first of whatever it is about."""
    kinds = {int: 1, bool: True, bytes: b"x"}
    return kinds.get(column.type.python_type, "x")


def copy(old: Database, new: Database, places: copying.Places = None) -> int:
    with old.write() as here, new.write() as there:
        count = sum(copying.copy(here, there, places))
        assert copying.find_difference(here, there, places) is None
    return count


def rows(database: Database, name: str) -> list[tuple[object, ...]]:
    with database.read() as tx:
        return [tuple(row) for row in tx.execute(select(tables.metadata.tables[name]))]


def test_every_table_has_rows_here(old: Database) -> None:
    assert all(rows(old, table.name) for table in copying.RECORDS)


def test_every_row_is_copied_as_it_is(old: Database, new: Database) -> None:
    count = copy(old, new)
    names = [table.name for table in copying.RECORDS]
    for name in names:
        assert sorted(rows(new, name), key=repr) == sorted(rows(old, name), key=repr)
    assert count == sum(len(rows(old, name)) for name in names)


def test_blobs_get_their_new_places_and_what_is_about_the_old_store_stays_behind(old: Database, new: Database) -> None:
    first, second = f"sha256:{0:064}", f"sha256:{1:064}"
    copy(old, new, {first: "o/first"})
    with new.read() as tx:
        found = blobs.find_many(tx, [first, second])
    assert (found[first].location, found[second].location) == ("o/first", "blobs/1")
    assert rows(new, "uploads") == rows(new, "tombstones") == []


def test_identifiers_that_were_given_out_are_never_given_again(old: Database, new: Database) -> None:
    with old.write() as tx:
        gone = projects.add(tx, "gone", is_public=False, now=1).id
        projects.remove(tx, gone, 2)
    copy(old, new)
    with new.write() as tx:
        assert projects.add(tx, "next", is_public=False, now=1).id == gone + 1
        assert users.add(tx, "next", "hash", is_admin=False, now=1).id == 2


def test_database_with_records_is_not_empty(old: Database, new: Database) -> None:
    with old.read() as tx:
        assert not copying.is_empty(tx)
    with new.read() as tx:
        assert copying.is_empty(tx)


def test_empty_database_is_copied_too(database: Database, new: Database) -> None:
    assert copy(database, new) == 0


def change_a_row(tx: Transaction) -> str:
    manifests.set_media_type(tx, 2 * copying.LARGE_ROWS, "another type")
    return "manifests"


def add_a_row(tx: Transaction) -> str:
    tombstones.add(tx, "blobs/more", 1)
    return "tombstones"


def remove_a_row(tx: Transaction) -> str:
    signing_keys.remove(tx, ["kid"])
    return "signing_keys"


def use_an_identifier(tx: Transaction) -> str:
    projects.remove(tx, projects.add(tx, "gone", is_public=False, now=1).id, 2)
    return "projects"


@pytest.mark.parametrize("change", [change_a_row, add_a_row, remove_a_row, use_an_identifier])
def test_every_difference_is_found(old: Database, new: Database, change: object) -> None:
    assert callable(change)
    copy(old, new)
    with new.write() as tx:
        table = change(tx)
    with old.read() as here, new.read() as there:
        assert copying.find_difference(here, there, None) == table


def test_places_change_where_the_records_are(old: Database) -> None:
    places = {f"sha256:{number:064}": f"o/{number}" for number in range(copying.ROWS + 1)}
    del places[f"sha256:{2:064}"]
    with old.write() as tx:
        copying.relocate(tx, places)
    with old.read() as tx:
        found = blobs.find_many(tx, [f"sha256:{number:064}" for number in range(copying.ROWS + 1)])
    kept = {digest: blob.location for digest, blob in found.items()}
    assert kept == places | {f"sha256:{2:064}": "blobs/2"}
    assert rows(old, "uploads") == rows(old, "tombstones") == []
    assert len(rows(old, "manifests")) == 2 * copying.LARGE_ROWS
