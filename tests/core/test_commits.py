"""What becomes of a blob's bytes when its transaction does not simply succeed."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from auth.access import Access
from registry.core.blobs import Blobs
from registry.errors import BlobUploadUnknown
from storage.digest import Digest
from storage.disk import DiskStore
from storage.metadata import blobs, projects, repositories
from storage.metadata.database import Database, DatabaseBusy, DatabaseError, Transaction

CONTENT = b"content"


class Unlucky:
    """A database whose write transactions end in an error: before they are committed, or after."""

    def __init__(self, database: Database, error: DatabaseError, *, committed: bool) -> None:
        self.read = database.read
        self._database = database
        self._error = error
        self._committed = committed

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        if not self._committed:
            raise self._error
        with self._database.write() as tx:
            yield tx
        raise self._error


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(Database.open(tmp_path / "cove.db")) as opened:
        opened.migrate()
        with opened.write() as tx:
            project = projects.add(tx, "team", is_public=False, now=1)
            repositories.get_or_create(tx, project.id, "team/app", 1)
        yield opened


def commit(database: Database | Unlucky, folder: Path, *, ended: bool = False) -> None:
    def join(tx: Transaction) -> int:
        if ended:
            raise BlobUploadUnknown("the upload has ended")
        row = repositories.find(tx, "team/app")
        assert row
        return row.id

    store = DiskStore(folder)
    writer = store.open_staged(store.stage())
    writer.start_at(0)
    writer.append(CONTENT)
    Blobs(database, store, Access()).commit(writer, Digest.of(CONTENT), len(CONTENT), join)  # type: ignore[arg-type]


def kept(folder: Path) -> list[Path]:
    return [path for path in (folder / "blobs").rglob("*") if path.is_file()]


def test_bytes_of_a_refused_commit_are_deleted(database: Database, tmp_path: Path) -> None:
    with pytest.raises(BlobUploadUnknown):
        commit(database, tmp_path, ended=True)
    assert kept(tmp_path) == []


def test_bytes_of_a_commit_that_never_began_are_deleted(database: Database, tmp_path: Path) -> None:
    with pytest.raises(DatabaseBusy):
        commit(Unlucky(database, DatabaseBusy("locked"), committed=False), tmp_path)
    assert kept(tmp_path) == []


def test_bytes_stay_when_nobody_knows_whether_their_row_was_committed(database: Database, tmp_path: Path) -> None:
    with pytest.raises(DatabaseError):
        commit(Unlucky(database, DatabaseError("the connection was lost"), committed=True), tmp_path)
    with database.read() as tx:
        record = blobs.find(tx, str(Digest.of(CONTENT)))
    assert record
    assert (tmp_path / record.location).read_bytes() == CONTENT
