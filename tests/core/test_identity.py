"""That records are never used with the blobs of another registry, nor with a folder that has not been mounted."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from registry.core.identity import (
    NAME,
    NotOurStorage,
    accept,
    has_some,
    is_anothers,
    is_ours,
    make_ours,
    must_be_ours,
)
from storage.blobs import BlobStore
from storage.digest import Digest
from storage.disk import DiskStore
from storage.metadata import blobs, facts
from storage.metadata.database import Database
from tests.storage.pushes import put
from tests.storage.s3_server import S3Server, s3_store


@pytest.fixture
def make_database(tmp_path: Path) -> Iterator[Callable[[str], Database]]:
    made: list[Database] = []

    def make(name: str) -> Database:
        database = Database.open(tmp_path / name)
        database.migrate()
        made.append(database)
        return database

    yield make
    for database in made:
        database.close()


@pytest.fixture
def database(make_database: Callable[[str], Database]) -> Database:
    return make_database("ours.db")


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return DiskStore(tmp_path / "store")


def note(store: BlobStore) -> str:
    with closing(store.open_note(NAME)) as reader:
        return reader.read(0, 100).decode()


def fact(database: Database) -> str | None:
    with database.read() as tx:
        return facts.find(tx, NAME)


def add_blob(database: Database, store: BlobStore, content: bytes = b"blob") -> str:
    location = put(store, content)
    with database.write() as tx:
        blobs.add(tx, str(Digest.of(content)), len(content), location, 1)
    return location


def test_at_the_first_start_both_get_the_same_identifier_and_keep_it(database: Database, store: BlobStore) -> None:
    assert not is_ours(database, store)
    must_be_ours(database, store, "here")
    identifier = note(store)
    assert (len(identifier), fact(database)) == (32, identifier)
    must_be_ours(database, store, "here")
    assert note(store) == fact(database) == identifier
    assert is_ours(database, store)
    assert not is_anothers(database, store)


def test_a_bucket_has_the_identifier_too(database: Database, s3: S3Server, tmp_path: Path) -> None:
    with s3_store(s3.endpoint, f"identity/{tmp_path.name}") as store:
        must_be_ours(database, store, "s3://bucket")
        assert note(store) == fact(database)
        add_blob(database, store)
        must_be_ours(database, store, "s3://bucket")
        store.delete_note(NAME)
        with pytest.raises(NotOurStorage, match="s3://bucket does not look like"):
            must_be_ours(database, store, "s3://bucket")


def test_records_of_a_version_without_identifiers_are_known_by_their_blobs(
    database: Database, store: BlobStore
) -> None:
    add_blob(database, store)
    must_be_ours(database, store, "here")
    assert note(store) == fact(database)


def test_records_of_a_version_without_identifiers_are_not_used_with_an_empty_folder(
    database: Database, store: BlobStore, tmp_path: Path
) -> None:
    add_blob(database, store)
    empty = DiskStore(tmp_path / "empty")
    with pytest.raises(NotOurStorage):
        must_be_ours(database, empty, "here")
    assert not list(empty.notes())
    assert fact(database) is None


def test_records_that_are_older_than_their_identifier_take_the_one_of_their_blobs(
    database: Database, store: BlobStore
) -> None:
    """As after going back to a copy of the records from before."""
    add_blob(database, store)
    store.write_note(NAME, [b"0123"])
    must_be_ours(database, store, "here")
    assert note(store) == fact(database) == "0123"


def test_an_empty_folder_in_place_of_the_storage_is_refused(
    database: Database, store: BlobStore, tmp_path: Path
) -> None:
    must_be_ours(database, store, "here")
    add_blob(database, store)
    unmounted = DiskStore(tmp_path / "unmounted")
    with pytest.raises(NotOurStorage, match="/srv/blobs does not look like the storage of this registry: its note"):
        must_be_ours(database, unmounted, "/srv/blobs")
    assert not list(unmounted.notes())


def test_an_empty_folder_will_do_as_long_as_there_are_no_blobs(
    database: Database, store: BlobStore, tmp_path: Path
) -> None:
    must_be_ours(database, store, "here")
    other = DiskStore(tmp_path / "other")
    must_be_ours(database, other, "there")
    assert note(other) == note(store)


@pytest.mark.parametrize("has_blobs", [False, True])
def test_the_storage_of_another_registry_is_refused(
    database: Database, make_database: Callable[[str], Database], store: BlobStore, tmp_path: Path, has_blobs: bool
) -> None:
    if has_blobs:
        own = DiskStore(tmp_path / "own")
        must_be_ours(database, own, "here")
        add_blob(database, own)
    theirs = make_database("theirs.db")
    must_be_ours(theirs, store, "there")
    identifier = note(store)
    for attempt in (must_be_ours, make_ours):
        with pytest.raises(NotOurStorage, match="there is the storage of another registry"):
            attempt(database, store, "there")
    assert is_anothers(database, store)
    assert note(store) == identifier
    must_be_ours(theirs, store, "there")


def test_another_storage_can_be_made_the_registrys_too(database: Database, store: BlobStore, tmp_path: Path) -> None:
    must_be_ours(database, store, "here")
    add_blob(database, store)
    other = DiskStore(tmp_path / "other")
    for _ in range(2):
        make_ours(database, other, "there")
    must_be_ours(database, other, "there")
    must_be_ours(database, store, "here")


def test_what_is_accepted_is_the_registrys_whatever_it_was(database: Database, store: BlobStore) -> None:
    must_be_ours(database, store, "here")
    store.write_note(NAME, [b"another's"])
    accept(database, store)
    must_be_ours(database, store, "here")
    assert note(store) == fact(database)


def test_blobs_are_looked_for_among_the_newest(database: Database, store: BlobStore, tmp_path: Path) -> None:
    assert not has_some(database, store)
    for number in range(3):
        add_blob(database, store, b"%d" % number)
    location = add_blob(database, store, b"last")
    assert has_some(database, store)
    root = tmp_path / "store"
    (root / location).write_bytes(b"another length")
    assert has_some(database, store)
    shutil.rmtree(root / "blobs")
    assert not has_some(database, store)
