"""Records that are kept in the store from time to time, and brought back from there when the database is lost."""

import gzip
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile

import pytest

from auth.access import Actor
from registry.core import cleaning
from registry.core.cleaning import Cleaning, Rules
from registry.core.copiers import Stopped
from registry.core.identity import NotOurStorage, must_be_ours
from registry.core.orphans import RESTORED_AT, Orphans
from registry.core.recovering import Recovery, StoreRecovery, find_snapshot
from registry.core.snapshots import FOLDER, LEASE, Snapshots, SnapshotUnderWay, list_newest_first
from registry.errors import BlobUnknown, Conflict, NotFound
from registry.jobs.snapshots import snapshot_if_due
from registry.oci.names import Reference
from storage.blobs import BlobStore, BlobStoreError, StoredObject, StoreFull
from storage.clock import now_ms
from storage.digest import Digest
from storage.disk import DiskStore
from storage.metadata import blobs, copying, facts, leases, login_failures, tombstones, users
from storage.metadata.database import Database, DatabaseError, SchemaTooNew
from tests.core.small_registries import SmallRegistry
from tests.storage.metadata.databases import open_database
from tests.storage.pushes import put
from tests.storage.s3_server import s3_store

HOUR = 3600
AT_ONCE = Rules(grace=0, keep_deleted=0, at_once=True)
START = now_ms()


@dataclass
class World:
    """A registry with a clock that goes when it is told, and a database that may take its place."""

    root: Path
    old: SmallRegistry
    new: Database
    now: int = START
    recoveries: int = 0

    def snapshots(self, *, seconds: int = HOUR, count: int = 3) -> Snapshots:
        return Snapshots(
            self.old.database, self.old.store, self.root, seconds=seconds, count=count, clock=lambda: self.now
        )

    def snapshot(self, **settings: int) -> str | None:
        """What the job does an hour later."""
        self.now += HOUR * 1000
        return snapshot_if_due(self.snapshots(**settings))

    def recover(self, name: str | None = None) -> Recovery:
        self.recoveries += 1
        work = self.root / f"recovery{self.recoveries}"
        work.mkdir()
        recovery = StoreRecovery(self.new, self.old.store, work, place="here", clock=lambda: self.now)
        return recovery.run(name)

    @property
    def recovered(self) -> SmallRegistry:
        return SmallRegistry(self.new, self.old.store)

    def names(self) -> list[str]:
        return sorted(note.location for note in self.old.store.notes(FOLDER))


@pytest.fixture(params=["files", "services"])
def any_world(
    request: pytest.FixtureRequest, tmp_path: Path, empty_records: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """On files, and on PostgreSQL and S3."""
    monkeypatch.setattr(cleaning, "PAUSE_SECONDS", 0)
    with ExitStack() as stack:
        store: BlobStore
        if request.param == "services":
            server = request.getfixturevalue("postgres")
            addresses = [server.make_database() for _ in range(2)]
            endpoint = request.getfixturevalue("s3").endpoint
            store = stack.enter_context(s3_store(endpoint, f"snapshots/{tmp_path.name}"))
        else:
            addresses = [str(copyfile(empty_records, tmp_path / name)) for name in ("old.db", "new.db")]
            store = DiskStore(tmp_path / "store")
        old, new = (stack.enter_context(closing(open_database(address))) for address in addresses)
        yield World(tmp_path, SmallRegistry(old, store).begin(), new)


@pytest.fixture
def world(any_world: World) -> World:
    return any_world


only_files = pytest.mark.parametrize("any_world", ["files"], indirect=True)


def test_lost_database_comes_back_from_the_store(world: World) -> None:
    world.old.push("1", b"layer", b"other")
    with world.old.database.write() as tx:
        users.add(tx, "ann", "hash", is_admin=True, now=1)
    name = world.snapshot()
    report = world.recover()
    assert (report.snapshot, report.blobs, report.lost, report.unnamed) == (name, 3, [], 0)
    assert world.recovered.pull("1") == [b"layer", b"other"]
    with world.old.database.read() as before, world.new.read() as after:
        assert copying.fingerprint(before) == copying.fingerprint(after)
    must_be_ours(world.new, world.old.store, "here")
    world.recovered.push("2", b"layer", b"pushed afterwards")


def test_what_came_after_the_snapshot_is_told_and_stays_for_a_while(world: World) -> None:
    world.old.push("1", b"layer")
    world.snapshot()
    world.old.push("2", b"layer", b"later")
    world.now = now_ms() + 1000
    report = world.recover()
    assert (report.unnamed, report.unnamed_bytes) == (1, 5)
    assert report.newest_unnamed is not None
    assert START - 1000 <= report.newest_unnamed <= world.now
    assert world.recovered.tags() == ["1"]
    day = 24 * HOUR * 1000
    assert Orphans(world.new, world.old.store, clock=lambda: world.now + 6 * day).bury() == 0
    assert Orphans(world.new, world.old.store, clock=lambda: world.now + 8 * day).bury() == 1


def test_what_is_missing_by_now_is_told_with_the_images_and_mended_by_a_push(world: World) -> None:
    digest = world.old.push("1", b"going", b"staying")
    world.old.push("2", b"staying")
    world.snapshot()
    world.old.delete(digest)
    Cleaning(world.old.database, world.old.store, AT_ONCE).run("test")
    world.now = now_ms()
    report = world.recover()
    assert report.blobs == 3
    [lost] = report.lost
    assert (lost.subject, lost.repositories, lost.tags) == (
        str(Digest.of(b"going")),
        ("team/app",),
        ("team/app:1",),
    )
    assert world.recovered.pull("2") == [b"staying"]
    with pytest.raises(BlobUnknown):
        world.recovered.pull("1")
    world.recovered.push_blob(b"going")
    assert world.recovered.pull("1") == [b"going", b"staying"]


def test_blob_with_bytes_missing_counts_as_lost(world: World) -> None:
    world.old.push("1", b"layer")
    with world.old.database.write() as tx:
        record = blobs.find(tx, str(Digest.of(b"layer")))
        assert record
        blobs.relocate(tx, record.id, put(world.old.store, b"lay"))
    world.snapshot()
    [lost] = world.recover().lost
    assert lost.what.startswith("has 3 bytes instead of 5")


def test_objects_that_were_to_be_deleted_still_are(world: World) -> None:
    location = put(world.old.store, b"gone")
    with world.old.database.write() as tx:
        tombstones.add(tx, location, world.now)
    world.snapshot()
    assert world.recover().unnamed == 0
    with world.new.read() as tx:
        assert list(tombstones.list_due(tx, world.now, 10)) == [location]


def test_nothing_new_makes_no_snapshot(world: World) -> None:
    world.old.push("1", b"layer")
    name = world.snapshot()
    assert world.snapshot() is None
    assert world.names() == [name]
    world.old.push("2", b"layer")
    assert world.snapshot() is not None


def touch_users(world: World) -> None:
    with world.old.database.write() as tx:
        users.set_password(tx, 1, "other")


def touch_tag(world: World) -> None:
    world.old.manifests.delete(Actor(), world.old.repository(), Reference.parse("1"))


@pytest.mark.parametrize("change", [touch_users, touch_tag])
def test_any_change_that_would_be_missed_makes_a_snapshot(world: World, change: Callable[[World], None]) -> None:
    world.old.push("1", b"layer")
    with world.old.database.write() as tx:
        users.add(tx, "ann", "hash", is_admin=True, now=1)
    world.snapshot()
    change(world)
    assert world.snapshot() is not None


def test_what_happens_all_the_time_makes_no_snapshot(world: World) -> None:
    world.old.push("1", b"layer")
    world.old.push_blob(b"in no image")
    world.snapshot()
    with world.old.database.write() as tx:
        for blob in blobs.list_page(tx, 0, 10):
            blobs.set_checked(tx, blob, 5)
        login_failures.record(tx, "ann", since=1, now=2)
    world.old.blobs.stat(world.old.repository(), Digest.of(b"in no image"))
    world.old.uploads.start(Actor(), world.old.repository())
    assert world.snapshot() is None


def test_newest_ones_are_kept(world: World) -> None:
    made = []
    for number in range(5):
        world.old.push(str(number), b"layer")
        made.append(world.snapshot(count=2))
    assert world.names() == made[-2:]
    assert world.snapshot(count=2) is None
    assert world.names() == made[-2:]


@only_files
def test_snapshot_that_somebody_deleted_is_made_again(world: World) -> None:
    name = world.snapshot()
    assert name
    world.old.store.delete_note(name)
    assert world.snapshot() is not None


@only_files
def test_it_is_time_again_only_after_the_interval_also_with_a_clock_that_was_wrong(world: World) -> None:
    snapshots = world.snapshots()
    assert snapshots.is_due()
    snapshots.take()
    assert not snapshots.is_due()
    world.now += HOUR * 1000 - 1
    assert not snapshots.is_due()
    world.now += 1
    assert snapshots.is_due()
    world.now -= 10 * HOUR * 1000
    assert snapshots.is_due()


@only_files
def test_one_process_at_a_time_makes_a_snapshot(world: World) -> None:
    with world.old.database.write() as tx:
        leases.take(tx, LEASE, "another", now=world.now, until=world.now + 60_000)
    with pytest.raises(SnapshotUnderWay):
        world.snapshots().take()
    assert snapshot_if_due(world.snapshots()) is None
    assert world.names() == []


def test_nodes_that_look_at_the_same_time_make_one_snapshot(world: World) -> None:
    together, made = threading.Barrier(4), []

    def work() -> None:
        snapshots = world.snapshots()
        together.wait(30)
        made.append(snapshot_if_due(snapshots))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([name for name in made if name]) == 1
    assert len(world.names()) == 1


@only_files
def test_snapshot_that_cannot_be_written_leaves_no_files_and_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_up(*_: object) -> None:
        raise StoreFull("no space is left")

    with monkeypatch.context() as full:
        full.setattr(DiskStore, "write_note", fill_up)
        with pytest.raises(StoreFull):
            world.snapshot()
    assert list((world.root / "work").iterdir()) == []
    assert world.snapshots().is_due()
    assert world.snapshot() is not None


@only_files
def test_full_disk_is_an_error_of_the_storage(world: World) -> None:
    (world.root / "work").write_text("a file in the place of the folder")
    with pytest.raises(BlobStoreError):
        world.snapshot()


@only_files
def test_snapshot_that_is_stopped_is_made_next_time(world: World) -> None:
    world.old.push("1", b"layer")
    snapshots = world.snapshots()
    snapshots.stop()
    with pytest.raises(Stopped):
        snapshots.take()
    assert snapshot_if_due(snapshots) is None
    assert world.names() == []
    assert snapshot_if_due(world.snapshots()) is not None


@only_files
def test_store_that_is_not_known_to_be_the_registrys_gets_none(world: World) -> None:
    world.old.store.write_note("registry-id", [b"another's"])
    assert world.snapshot() is None
    assert world.names() == []


@only_files
def test_snapshot_is_a_sqlite_file_without_uploads_and_leases(world: World) -> None:
    world.old.push("1", b"layer")
    world.old.uploads.start(Actor(), world.old.repository())
    name = world.snapshot()
    assert name
    file = world.root / "unpacked.db"
    file.write_bytes(gzip.decompress(content_of_note(world, name)))
    with closing(sqlite3.connect(file)) as raw:
        assert raw.execute("SELECT name FROM tags").fetchall() == [("1",)]
        assert raw.execute("SELECT * FROM uploads").fetchall() == []
        assert raw.execute("SELECT * FROM leases").fetchall() == []


def content_of_note(world: World, name: str) -> bytes:
    with closing(world.old.store.open_note(name)) as reader:
        return reader.read(0, reader.size)


@only_files
def test_older_snapshot_is_restored_by_its_name(world: World) -> None:
    world.old.push("1", b"layer")
    first = world.snapshot()
    world.old.push("2", b"layer")
    world.snapshot()
    assert world.recover(first).snapshot == first
    assert world.recovered.tags() == ["1"]


@only_files
def test_snapshots_are_listed_newest_first_and_other_notes_are_none(world: World) -> None:
    assert list_newest_first(world.old.store) == []
    for name in ("snapshots/notes.txt", "snapshots/20269999T000000Z-0003.sqlite.gz"):
        world.old.store.write_note(name, [b"x"])
    made = []
    for number in range(2):
        world.old.push(str(number), b"layer")
        made.append(world.snapshot())
    listed = list_newest_first(world.old.store)
    assert [snapshot.name for snapshot in listed] == made[::-1]
    assert int(listed[0].taken_at.timestamp()) == world.now // 1000
    assert listed[0].size == len(content_of_note(world, listed[0].name))


@only_files
def test_snapshot_that_is_not_there_is_an_error(world: World) -> None:
    with pytest.raises(NotFound, match="there is no snapshot in the storage"):
        world.recover()
    world.snapshot()
    with pytest.raises(NotFound, match="there is no snapshot snapshots/x in the storage"):
        world.recover("snapshots/x")


@only_files
def test_snapshot_of_a_newer_version_is_refused(world: World) -> None:
    world.old.store.write_note("snapshots/20990101T000000Z-9999.sqlite.gz", [b""])
    with pytest.raises(SchemaTooNew, match="has schema 9999, this program knows"):
        find_snapshot(world.old.store, None)


@pytest.mark.parametrize("harm", [lambda content: content[:-10], lambda content: b"x" * 100, lambda _: b""])
@only_files
def test_damaged_snapshot_is_refused_and_leaves_the_database_empty(
    world: World, harm: Callable[[bytes], bytes]
) -> None:
    name = world.snapshot()
    assert name
    world.old.store.write_note(name, [harm(content_of_note(world, name))])
    with pytest.raises(Conflict, match="is damaged: name another"):
        world.recover()
    with world.new.read() as tx:
        assert copying.is_empty(tx)


@only_files
def test_database_with_records_is_not_restored_into(world: World) -> None:
    world.snapshot()
    with world.new.write() as tx:
        users.add(tx, "ann", "hash", is_admin=True, now=1)
    with pytest.raises(Conflict, match="has records already"):
        world.recover()


@only_files
def test_first_start_that_comes_in_between_is_not_overwritten(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    find = Orphans.find

    def start_meanwhile(orphans: Orphans, age_ms: int) -> Iterator[StoredObject]:
        with world.new.write() as tx:
            users.add(tx, "ann", "hash", is_admin=True, now=1)
        return find(orphans, age_ms)

    world.snapshot()
    monkeypatch.setattr(Orphans, "find", start_meanwhile)
    with pytest.raises(Conflict, match="somebody has written to the database just now"):
        world.recover()


@only_files
def test_records_that_come_out_otherwise_than_they_went_in_are_taken_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.snapshot()
    monkeypatch.setattr(copying, "find_difference", lambda *_: "projects")
    with pytest.raises(DatabaseError, match="in its table projects"):
        world.recover()
    with world.new.read() as tx:
        assert copying.is_empty(tx)


@only_files
def test_server_with_an_empty_database_is_told_how_to_bring_it_back(world: World) -> None:
    world.snapshot()
    with pytest.raises(NotOurStorage, match="`cove restore --from-store` brings them back"):
        must_be_ours(world.new, world.old.store, "here")
    world.recover()
    must_be_ours(world.new, world.old.store, "here")


@only_files
def test_time_of_the_restoration_is_on_record(world: World) -> None:
    world.snapshot()
    world.recover()
    with world.new.read() as tx:
        assert facts.find(tx, RESTORED_AT) == str(world.now)
