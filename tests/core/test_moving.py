"""A registry that is moved: every blob, once, and all records, or none. To files, and to services."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import delete

from registry.core import copiers
from registry.core.copiers import BlobCopying, CopyReport, Damage, StoreCopies
from registry.core.moving import Move
from registry.errors import Conflict
from storage.blobs import BlobMissing, BlobStore, BlobStoreError, StoreFull
from storage.copies import CopyJournal
from storage.digest import Digest
from storage.disk import DiskStore
from storage.metadata import blobs, copying, projects, repositories, tables, tombstones, uploads, users
from storage.metadata.database import Database, DatabaseError, Transaction
from storage.metadata.uploads import UploadRecord
from tests.storage.metadata.databases import open_database
from tests.storage.s3_server import s3_store

NOW = 77


@dataclass
class World:
    """A registry on files, the places that it may move to, and what its progress was."""

    folder: Path
    database: Database
    old: DiskStore
    new: BlobStore
    new_database: Database
    seen: list[tuple[int, int]] = field(default_factory=list)

    def push(self, *contents: bytes) -> None:
        for content in contents:
            digest = Digest.of(content)
            writer = self.old.open_staged(self.old.stage())
            writer.append(content)
            location = writer.commit(digest, len(content))
            with self.database.write() as tx:
                project = projects.find(tx, "team") or projects.add(tx, "team", is_public=False, now=1)
                repository = repositories.get_or_create(tx, project.id, "team/app", 1)
                blobs.link(tx, repository.id, blobs.add(tx, str(digest), len(content), location, 1), 1)

    def drop(self, content: bytes) -> None:
        """What the collection of garbage does: rows before bytes."""
        with self.database.write() as tx:
            repository = repositories.find(tx, "team/app")
            blob = blobs.find(tx, str(Digest.of(content)))
            assert repository
            assert blob
            blobs.unlink(tx, [(repository.id, blob.id)], NOW)
            tx.execute(delete(tables.blobs).where(tables.blobs.c.id == blob.id))
        self.old.delete(blob.location)

    def file(self, content: bytes) -> Path:
        """Where the old store has a blob."""
        return self.folder / "old" / place(self.database, content)

    @contextmanager
    def move(self, *, storage: bool = True, database: bool = False) -> Iterator[Move]:
        """One run of the command."""
        with ExitStack() as stack:
            copier = None
            if storage:
                journal = stack.enter_context(CopyJournal.open(self.folder / "journal"))
                copier = BlobCopying(self.database, StoreCopies(self.old, self.new, journal), self._see)
            yield Move(
                self.database,
                to_database=self.new_database if database else None,
                copying_blobs=copier,
                progress=self._see,
                clock=lambda: NOW,
            )

    def _see(self, report: CopyReport) -> None:
        self.seen.append((report.blobs, report.rows))


@pytest.fixture(params=["files", "services"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Moves to a folder and SQLite, and to S3 and PostgreSQL."""
    with ExitStack() as stack:
        database = stack.enter_context(closing(Database.open(tmp_path / "old.db")))
        address, store = str(tmp_path / "new.db"), None
        if request.param == "services":
            address = request.getfixturevalue("postgres").make_database()
            endpoint = request.getfixturevalue("s3").endpoint
            store = stack.enter_context(s3_store(endpoint, f"moving/{tmp_path.name}"))
        new_database = stack.enter_context(closing(open_database(address)))
        database.migrate()
        new_database.migrate()
        old = DiskStore(tmp_path / "old")
        yield World(tmp_path, database, old, store or DiskStore(tmp_path / "new"), new_database)


def place(database: Database, content: bytes) -> str:
    with database.read() as tx:
        found = blobs.find(tx, str(Digest.of(content)))
    assert found
    return found.location


def read(store: BlobStore, location: str) -> bytes:
    with closing(store.open(location)) as reader:
        return reader.read(0, reader.size)


def graves(database: Database) -> list[str]:
    with database.read() as tx:
        return list(tombstones.list_due(tx, NOW, 100))


def open_upload(tx: Transaction) -> None:
    repository = repositories.find(tx, "team/app")
    assert repository
    uploads.add(tx, UploadRecord("id", repository.id, None, "uploads/x", 0, "sha256", None, NOW + 1))


def test_blobs_are_copied_beside_the_running_registry(world: World) -> None:
    world.push(b"a", b"bb", b"")
    before = place(world.database, b"a")
    with world.move() as move:
        report = move.copy()
    assert (report.blobs, report.bytes, report.blobs_before, report.damaged) == (3, 3, 0, [])
    assert place(world.database, b"a") == before
    assert read(world.old, before) == b"a"


def test_what_was_copied_is_not_copied_again(world: World) -> None:
    world.push(b"a", b"bb")
    with world.move() as move:
        move.copy()
    world.push(b"ccc")
    with world.move() as move:
        report = move.copy()
    assert (report.blobs, report.bytes, report.blobs_before) == (1, 3, 2)


def test_copy_that_vanished_from_the_new_store_is_made_again(world: World) -> None:
    world.push(b"a", b"bb")
    with world.move() as move:
        move.copy()
    with CopyJournal.open(world.folder / "journal") as journal:
        world.new.delete(journal.locations[str(Digest.of(b"a"))])
    with world.move() as move:
        report = move.finish()
    assert (report.blobs, report.blobs_before) == (1, 1)
    assert read(world.new, place(world.database, b"a")) == b"a"


def test_storage_alone_is_moved_by_new_locations_in_the_records(world: World) -> None:
    world.push(b"a", b"bb")
    with world.database.write() as tx:
        open_upload(tx)
        tombstones.add(tx, "blobs/gone", 1)
    with world.move() as move:
        report = move.finish()
    assert (report.blobs, report.rows) == (2, 0)
    assert read(world.new, place(world.database, b"a")) == b"a"
    assert read(world.new, place(world.database, b"bb")) == b"bb"
    assert graves(world.database) == []
    with world.database.read() as tx:
        assert uploads.count(tx, NOW) == 0


def test_database_alone_is_moved_with_uploads_and_graves_and_locations_stay(world: World) -> None:
    world.push(b"a")
    with world.database.write() as tx:
        open_upload(tx)
        tombstones.add(tx, "blobs/gone", 1)
    with world.move(storage=False, database=True) as move:
        assert move.copy() == CopyReport()
        report = move.finish()
    assert report.rows == 6  # a project, a repository, a blob, its link, an upload, a grave
    assert place(world.new_database, b"a") == place(world.database, b"a")
    assert graves(world.new_database) == ["blobs/gone"]
    with world.new_database.read() as tx:
        assert uploads.count(tx, NOW) == 1


def test_both_are_moved_and_the_old_places_stay_as_they_were(world: World) -> None:
    world.push(b"a", b"bb")
    before = place(world.database, b"a")
    with world.move(database=True) as move:
        move.finish()
    assert read(world.new, place(world.new_database, b"a")) == b"a"
    assert place(world.database, b"a") == before
    assert read(world.old, before) == b"a"


@pytest.mark.parametrize("database", [False, True])
def test_finishing_twice_does_nothing_more(world: World, database: bool) -> None:
    world.push(b"a", b"bb")
    for rows in (6 * database, 0):
        with world.move(database=database) as move:
            report = move.finish()
        assert report.rows == rows
        moved_to = world.new_database if database else world.database
        assert read(world.new, place(moved_to, b"a")) == b"a"
    assert (report.blobs, report.blobs_before) == (0, 2)


def test_what_is_pushed_while_blobs_are_copied_comes_along(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.push(b"a")
    pushes = iter([b"bb", b"ccc"])
    list_page = blobs.list_page

    def push_meanwhile(tx: Transaction, after: int, count: int) -> list[blobs.BlobRecord]:
        page = list_page(tx, after, count)
        if not page and (content := next(pushes, None)):
            world.push(content)
        return page

    monkeypatch.setattr(blobs, "list_page", push_meanwhile)
    with world.move() as move:
        assert move.copy().blobs == 3


def test_push_between_the_last_look_and_the_last_step_is_not_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.push(b"a")
    run = BlobCopying.run

    def run_and_push(copier: BlobCopying, report: CopyReport) -> None:
        run(copier, report)
        world.push(b"late")

    monkeypatch.setattr(BlobCopying, "run", run_and_push)
    before = place(world.database, b"a")
    for database in (False, True):
        with world.move(database=database) as move, pytest.raises(Conflict, match="something was pushed just now"):
            move.finish()
        world.drop(b"late")
    assert place(world.database, b"a") == before
    with world.new_database.read() as tx:
        assert copying.is_empty(tx)


def cut(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize(
    ("harm", "what"),
    [
        (Path.unlink, "cannot be read: nothing is kept at"),
        (cut, "has 0 bytes instead of 3"),
        (lambda file: file.write_bytes(b"BAD"), f"has the digest {Digest.of(b'BAD')}"),
    ],
)
def test_damaged_blob_is_reported_and_left_out_only_when_that_is_wanted(
    world: World, harm: Callable[[Path], object], what: str
) -> None:
    world.push(b"a", b"bad")
    harm(world.file(b"bad"))
    with world.move(database=True) as move:
        [damage] = move.copy().damaged
    assert (damage.digest, damage.repositories) == (str(Digest.of(b"bad")), ["team/app"])
    assert damage.what.startswith(what)
    with world.move(database=True) as move, pytest.raises(Conflict, match="damaged blobs: 1;"):
        move.finish()
    with world.move(database=True) as move:
        report = move.finish(leave_damaged=True)
    assert (report.blobs, report.blobs_before, len(report.damaged)) == (0, 1, 1)
    with pytest.raises(BlobMissing):
        world.new.size(place(world.new_database, b"bad"))


def test_blob_that_was_mended_meanwhile_is_no_longer_damaged(world: World) -> None:
    world.push(b"bad")
    content, file = b"bad", world.file(b"bad")
    file.unlink()
    with world.move() as move:
        assert move.copy().damaged
    file.write_bytes(content)
    with world.move() as move:
        assert move.finish().damaged == []


def test_copies_whose_blobs_were_deleted_since_are_buried_in_the_new_places(world: World) -> None:
    world.push(b"a", b"gone")
    with world.move() as move:
        move.copy()
    with CopyJournal.open(world.folder / "journal") as journal:
        copied = journal.locations[str(Digest.of(b"gone"))]
    world.drop(b"gone")
    with world.move(database=True) as move:
        move.finish()
    assert graves(world.new_database) == [copied]


def test_database_that_has_other_records_is_refused_before_anything_is_copied(world: World) -> None:
    world.push(b"a")
    with world.new_database.write() as tx:
        users.add(tx, "ann", "hash", is_admin=True, now=1)
    with world.move(database=True) as move, pytest.raises(Conflict, match="has records already"):
        move.copy()
    with world.move(database=True) as move, pytest.raises(Conflict, match="has records already"):
        move.finish()
    with world.new_database.read() as tx:
        assert projects.list_all(tx) == []


def test_records_that_come_out_otherwise_than_they_went_in_are_taken_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.push(b"a")
    monkeypatch.setattr(copying, "find_difference", lambda *_: "projects")
    with world.move(database=True) as move, pytest.raises(DatabaseError, match="in its table projects"):
        move.finish()
    with world.new_database.read() as tx:
        assert copying.is_empty(tx)


def test_store_that_loses_what_it_took_ends_the_move(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: object) -> int:
        raise BlobMissing("nothing is there")

    world.push(b"a")
    monkeypatch.setattr(type(world.new), "size", nothing)
    with world.move() as move, pytest.raises(BlobStoreError, match="has lost"):
        move.copy()


def test_failing_store_stops_every_copier_and_the_next_run_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = [b"%d" % number for number in range(3 * copiers.QUEUE)]
    world.push(*contents)
    stage, made = type(world.new).stage, iter(range(20))

    def fill_up(store: BlobStore) -> str:
        if next(made, None) is None:
            raise StoreFull("no space is left")
        return stage(store)

    with monkeypatch.context() as full:
        full.setattr(type(world.new), "stage", fill_up)
        with world.move() as move, pytest.raises(StoreFull):
            move.copy()
    with world.move() as move:
        report = move.copy()
    assert 20 - copiers.COPIERS < report.blobs_before <= 20
    assert report.blobs == len(contents) - report.blobs_before


def test_interrupted_move_leaves_no_half_copy_and_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.push(b"x" * (8 << 20), *(b"%d" % number for number in range(100)))
    seen: list[int] = []

    def interrupt(report: CopyReport) -> None:
        seen.append(report.blobs)
        if report.blobs == 10:
            raise KeyboardInterrupt

    with CopyJournal.open(world.folder / "journal") as journal:
        copier = BlobCopying(world.database, StoreCopies(world.old, world.new, journal), interrupt)
        with pytest.raises(KeyboardInterrupt):
            Move(world.database, copying_blobs=copier).copy()
        copied = len(journal.locations)
    assert copied < 101
    with world.move() as move:
        report = move.copy()
    assert (report.blobs, report.blobs_before) == (101 - copied, copied)


def test_several_blobs_are_copied_at_the_same_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.push(*(b"%d" % number for number in range(copiers.COPIERS)))
    together, has = threading.Barrier(copiers.COPIERS, timeout=30), StoreCopies._has

    def has_when_all_are_there(copies: StoreCopies, location: str, size: int) -> bool:
        together.wait()
        return has(copies, location, size)

    monkeypatch.setattr(StoreCopies, "_has", has_when_all_are_there)
    with world.move() as move:
        assert move.copy().blobs == copiers.COPIERS


def test_progress_tells_of_blobs_and_then_of_records(world: World) -> None:
    world.push(b"a", b"bb")
    with world.move(database=True) as move:
        report = move.finish()
    assert world.seen == sorted(world.seen)
    assert world.seen[-1] == (2, report.rows)


def test_staged_places_of_a_run_that_was_killed_are_discarded(world: World) -> None:
    staged = world.new.stage()
    writer = world.new.open_staged(staged)
    writer.append(b"half")
    staged = writer.checkpoint()
    writer.close()
    with CopyJournal.open(world.folder / "journal") as journal:
        journal.begin(staged)
    with world.move() as move:
        move.copy()
    with pytest.raises(BlobMissing):
        for _ in world.new.open_staged(staged).read():
            pass


def test_damage_names_no_repository_for_a_blob_that_none_has(world: World) -> None:
    world.push(b"bad")
    with world.database.write() as tx:
        repository = repositories.find(tx, "team/app")
        blob = blobs.find(tx, str(Digest.of(b"bad")))
        assert repository
        assert blob
        blobs.unlink(tx, [(repository.id, blob.id)], NOW)
    cut(world.file(b"bad"))
    with world.move() as move:
        assert move.copy().damaged == [Damage(blob.digest, "has 0 bytes instead of 3", [])]
