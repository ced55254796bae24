"""A registry that is backed up while it works, and put back elsewhere: of files and services, to files and services."""

import json
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copyfile

import pytest

from auth.access import Actor
from registry.core import cleaning
from registry.core.backup_folders import DESCRIPTION, LOCK, Description, open_backup
from registry.core.backups import Backup
from registry.core.cleaning import BACKUP, Cleaning, Rules
from registry.core.copiers import CopyReport
from registry.core.holding import LeaseLapsed
from registry.core.identity import NotOurStorage
from registry.core.recovering import restore_backup
from registry.errors import BlobUnknown, Conflict
from storage.blobs import BlobStore
from storage.clock import now_ms
from storage.copies import CopyJournal
from storage.digest import Digest
from storage.disk import DiskStore
from storage.locks import held
from storage.metadata import (
    blobs,
    copying,
    deletions,
    leases,
    members,
    projects,
    signing_keys,
    tag_changes,
    tombstones,
    uploads,
    users,
)
from storage.metadata.database import SchemaTooNew
from tests.core.small_registries import SmallRegistry
from tests.storage.metadata.databases import open_database
from tests.storage.pushes import put
from tests.storage.s3_server import s3_store

AT_ONCE = Rules(grace=0, keep_deleted=0, at_once=True)


def ignore(_: CopyReport) -> None: ...


def after_the_records(work: Callable[[CopyReport], None]) -> Callable[[CopyReport], None]:
    """Do it once, when the records have been read and no blob has been copied yet."""
    done = threading.Event()

    def progress(report: CopyReport) -> None:
        is_copying = threading.current_thread().name.startswith("cove-copy")
        if is_copying and not done.is_set():
            done.set()
            work(report)

    return progress


@dataclass
class World:
    """A registry, a folder for its backups, and an empty place for another."""

    root: Path
    old: SmallRegistry
    new: SmallRegistry
    runs: Iterator[int] = field(default_factory=lambda: iter(range(1000)))

    @property
    def folder(self) -> Path:
        return self.root / "backup"

    def back_up(
        self, *, verify: bool = False, progress: Callable[[CopyReport], None] = ignore
    ) -> tuple[CopyReport, Description]:
        backup = Backup(self.old.database, self.old.store, self.folder, self._work(), verify=verify, progress=progress)
        return backup.run()

    def restore(self, progress: Callable[[CopyReport], None] = ignore) -> CopyReport:
        with (
            open_backup(self.folder, self._work()) as backup,
            CopyJournal.open(self.root / "journal") as journal,
        ):
            return restore_backup(backup, self.new.database, self.new.store, journal, place="there", progress=progress)

    def copy(self, content: bytes) -> Path:
        """Where the backup has a blob."""
        digest = Digest.of(content)
        return self.folder / "blobs" / "sha256" / digest.hex[:2] / digest.hex

    def object(self, content: bytes) -> Path:
        """Where the registry has a blob, in a folder."""
        return self.root / "old" / self.old.location(content)

    def copies(self) -> int:
        return sum(path.is_file() for path in (self.folder / "blobs").rglob("*"))

    def _work(self) -> Path:
        work = self.root / f"work{next(self.runs)}"
        work.mkdir()
        return work


@pytest.fixture
def make(
    request: pytest.FixtureRequest, tmp_path: Path, empty_records: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, str], SmallRegistry]]:
    """Makes empty places: files, or PostgreSQL and S3."""
    monkeypatch.setattr(cleaning, "PAUSE_SECONDS", 0)
    with ExitStack() as stack:

        def make(name: str, kind: str) -> SmallRegistry:
            store: BlobStore
            if kind == "services":
                address = request.getfixturevalue("postgres").make_database()
                endpoint = request.getfixturevalue("s3").endpoint
                store = stack.enter_context(s3_store(endpoint, f"backups/{tmp_path.name}/{name}"))
            else:
                address, store = str(copyfile(empty_records, tmp_path / f"{name}.db")), DiskStore(tmp_path / name)
            return SmallRegistry(stack.enter_context(closing(open_database(address))), store)

        yield make


@pytest.fixture
def world(make: Callable[[str, str], SmallRegistry], tmp_path: Path) -> World:
    return World(tmp_path, make("old", "files").begin(), make("new", "files"))


@pytest.fixture(params=["files-files", "files-services", "services-files", "services-services"])
def pair(request: pytest.FixtureRequest, make: Callable[[str, str], SmallRegistry], tmp_path: Path) -> World:
    old, new = request.param.split("-")
    return World(tmp_path, make("old", old).begin(), make("new", new))


def test_everything_comes_back_in_any_other_place(pair: World) -> None:
    old, new = pair.old, pair.new
    old.push("1", b"layer", b"x" * 100_000)
    old.push("2", b"layer", b"")
    gone = old.push("3", b"deleted")
    old.delete(gone)
    with old.database.write() as tx:
        ann = users.add(tx, "ann", "hash", is_admin=True, now=1)
        team = projects.find(tx, "team")
        assert team
        members.put_role(tx, team.id, ann.id, 4)
        signing_keys.add(tx, "kid", "pem", 1)
    report, description = pair.back_up()
    assert (report.blobs, report.damaged) == (5, [])
    assert (description.blobs, description.rows["tags"], description.rows["users"]) == (5, 2, 1)
    restored = pair.restore()
    assert (restored.blobs, restored.damaged) == (5, [])
    assert new.tags() == ["1", "2"]
    assert new.pull("1") == [b"layer", b"x" * 100_000]
    assert new.pull("2") == [b"layer", b""]
    with old.database.read() as before, new.database.read() as after:
        places = {blob.digest: blob.location for blob in blobs.list_page(after, 0, 100)}
        assert copying.find_difference(before, after, places, copying.PASSING_OR_OF_A_STORE) is None
    new.push("4", b"layer", b"pushed afterwards")
    assert new.pull("4") == [b"layer", b"pushed afterwards"]


def test_what_was_deleted_can_still_be_restored_after_it(world: World) -> None:
    digest = world.old.push("1", b"layer")
    world.old.delete(digest)
    world.back_up()
    world.restore()
    with world.new.database.read() as tx:
        [known] = deletions.list_page(tx, 1, deleted=True, after="", count=10)
        assert known.digest == str(digest)
        assert [change.digest for change in tag_changes.list_newest(tx, 1, "1", 10)] == [None, str(digest)]
    assert world.new.read(Digest.of(b"layer")) == b"layer"


def test_uploads_leases_and_what_is_to_be_deleted_stay_behind(world: World) -> None:
    old = world.old
    old.push("1", b"layer")
    old.uploads.start(Actor(), old.repository())
    with old.database.write() as tx:
        tombstones.add(tx, "blobs/gone", 1)
        leases.take(tx, "cleaning", "me", now=1, until=1 << 60)
    world.back_up()
    world.restore()
    with world.new.database.read() as tx:
        assert uploads.count(tx, 0) == 0
        assert tombstones.list_due(tx, 1 << 60, 10) == {}
        assert not leases.is_held(tx, "cleaning", now=2)
        assert not leases.is_held(tx, BACKUP, now=2)


def test_next_backup_copies_what_is_new_and_drops_what_is_gone(world: World) -> None:
    world.old.push("1", b"first")
    gone = world.old.push("2", b"gone")
    world.back_up()
    world.old.delete(gone)
    Cleaning(world.old.database, world.old.store, AT_ONCE).run("test")
    world.old.push("3", b"third")
    report, _ = world.back_up()
    assert (report.blobs, report.blobs_before) == (1, 2)
    assert not world.copy(b"gone").exists()
    assert world.copies() == 3
    assert len(list((world.folder / "records").iterdir())) == 1
    world.restore()
    assert world.new.tags() == ["1", "3"]


def test_images_that_are_deleted_while_a_backup_is_made_are_in_it(world: World) -> None:
    digests = [world.old.push(f"v{number}", b"layer %d" % number) for number in range(6)]

    def delete_everything(_: CopyReport) -> None:
        for digest in digests:
            world.old.delete(digest)
        freed = Cleaning(world.old.database, world.old.store, AT_ONCE).run("test")
        assert (freed.blobs, freed.objects) == (7, 0)
        world.old.push("new", b"new")

    report, _ = world.back_up(progress=after_the_records(delete_everything))
    assert (report.blobs, report.damaged) == (7, [])
    world.restore()
    assert world.new.tags() == sorted(f"v{number}" for number in range(6))
    for number in range(6):
        assert world.new.pull(f"v{number}") == [b"layer %d" % number]
    freed = Cleaning(world.old.database, world.old.store, AT_ONCE).run("test")
    assert freed.objects == 7


def test_object_that_a_push_supersedes_stays_until_the_backup_has_ended(world: World) -> None:
    with world.old.database.write() as tx:
        leases.take(tx, BACKUP, "another", now=now_ms(), until=now_ms() + 60_000)
    world.old.push_blob(b"layer")
    world.old.push_blob(b"layer")
    assert len(list(world.old.store.objects())) == 2
    with world.old.database.write() as tx:
        leases.release(tx, BACKUP, "another")
    world.old.push_blob(b"layer")
    assert len(list(world.old.store.objects())) == 2
    Cleaning(world.old.database, world.old.store, Rules()).run("test")
    assert [found.location for found in world.old.store.objects()] == [world.old.location(b"layer")]


def test_damaged_blob_is_told_and_everything_else_is_backed_up(world: World) -> None:
    world.old.push("1", b"bad", b"good")
    world.object(b"bad").write_bytes(b"BAD")
    report, description = world.back_up()
    [damage] = report.damaged
    assert (damage.digest, damage.repositories) == (str(Digest.of(b"bad")), ["team/app"])
    assert damage.what == f"has the digest {Digest.of(b'BAD')}"
    assert (description.blobs, description.bytes, description.damaged) == (2, 6, [damage.digest])
    assert [damage.digest for damage in world.restore().damaged] == [str(Digest.of(b"bad"))]
    assert world.new.read(Digest.of(b"good")) == b"good"
    with pytest.raises(BlobUnknown):
        world.new.read(Digest.of(b"bad"))
    world.new.push_blob(b"bad")
    assert world.new.pull("1") == [b"bad", b"good"]


def test_blob_that_is_damaged_since_the_last_backup_stays_in_the_backup(world: World) -> None:
    world.old.push("1", b"bad")
    world.back_up()
    world.object(b"bad").write_bytes(b"BAD")
    report, _ = world.back_up(verify=True)
    assert report.damaged == []
    world.restore()
    assert world.new.pull("1") == [b"bad"]


def test_blob_that_was_noted_as_damaged_is_served_again_when_its_copy_was_right(world: World) -> None:
    world.old.push("1", b"layer")
    with world.old.database.write() as tx:
        record = blobs.find(tx, str(Digest.of(b"layer")))
        assert record
        blobs.set_damage(tx, record, "is missing")
    world.back_up()
    world.restore()
    assert world.new.pull("1") == [b"layer"]


def test_blob_that_is_mended_while_a_backup_is_made_is_in_it(world: World) -> None:
    world.old.push("1", b"bad")
    world.object(b"bad").write_bytes(b"BAD")

    def mend(_: CopyReport) -> None:
        with world.old.database.write() as tx:
            record = blobs.find(tx, str(Digest.of(b"bad")))
            assert record
            blobs.set_damage(tx, record, "is bad")
        world.old.push_blob(b"bad")

    before = world.old.location(b"bad")
    report, _ = world.back_up(progress=after_the_records(mend))
    assert world.old.location(b"bad") != before
    assert report.damaged == []
    world.restore()
    assert world.new.pull("1") == [b"bad"]


def test_verifying_replaces_what_is_damaged_in_the_backup(world: World) -> None:
    world.old.push("1", b"layer")
    world.back_up()
    world.copy(b"layer").write_bytes(b"LAYER")
    report, _ = world.back_up()
    assert report.blobs == 0
    report, _ = world.back_up(verify=True)
    assert (report.blobs, report.blobs_before) == (1, 1)
    assert world.copy(b"layer").read_bytes() == b"layer"


def test_copy_of_another_size_is_replaced_without_being_read(world: World) -> None:
    world.old.push("1", b"layer")
    world.back_up()
    world.copy(b"layer").write_bytes(b"")
    report, _ = world.back_up()
    assert report.blobs == 1
    assert world.copy(b"layer").read_bytes() == b"layer"


def test_blob_that_is_damaged_in_the_backup_is_told_when_it_is_restored(world: World) -> None:
    world.old.push("1", b"bad", b"good")
    world.back_up()
    world.copy(b"bad").write_bytes(b"BAD")
    [damage] = world.restore().damaged
    assert (damage.digest, damage.what) == (str(Digest.of(b"bad")), f"has the digest {Digest.of(b'BAD')}")
    assert world.new.read(Digest.of(b"good")) == b"good"


def interrupt(_: CopyReport) -> None:
    raise KeyboardInterrupt


def test_interrupted_backup_leaves_the_one_before_and_the_next_goes_on(world: World) -> None:
    world.old.push("1", b"first")
    world.back_up()
    before = (world.folder / DESCRIPTION).read_bytes()
    world.old.push("2", b"second")
    with pytest.raises(KeyboardInterrupt):
        world.back_up(progress=interrupt)
    assert (world.folder / DESCRIPTION).read_bytes() == before
    world.restore()
    assert world.new.tags() == ["1"]
    world.back_up()
    assert (world.folder / DESCRIPTION).read_bytes() != before


def test_backup_that_was_never_completed_is_not_restored(world: World) -> None:
    world.old.push("1", b"first")
    with pytest.raises(KeyboardInterrupt):
        world.back_up(progress=interrupt)
    with pytest.raises(Conflict, match="has no backup that was completed"):
        world.restore()
    world.back_up()
    assert world.restore().blobs == 2


def test_what_a_dead_process_left_in_the_folder_goes(world: World) -> None:
    world.old.push("1", b"layer")
    world.back_up()
    (world.folder / "parts" / "half").write_bytes(b"half")
    (world.folder / "records" / "1.db").write_bytes(b"old")
    world.back_up()
    assert list((world.folder / "parts").iterdir()) == []
    assert len(list((world.folder / "records").iterdir())) == 1


def test_files_are_for_their_owner_alone(world: World) -> None:
    world.old.push("1", b"layer")
    world.back_up()
    paths = [world.folder, *world.folder.rglob("*")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_dir()} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_file()} == {0o600}


def test_one_backup_is_made_at_a_time(world: World) -> None:
    world.back_up()
    with held(world.folder / LOCK, alone=True), pytest.raises(Conflict, match="another `cove backup` to"):
        world.back_up()
    with world.old.database.write() as tx:
        leases.take(tx, BACKUP, "another", now=now_ms(), until=now_ms() + 60_000)
    with pytest.raises(Conflict, match="another backup of this registry is being made"):
        world.back_up()


def test_lease_is_given_back_at_the_end(world: World) -> None:
    world.back_up()
    with world.old.database.read() as tx:
        assert not leases.is_held(tx, BACKUP, now=0)


def test_backup_during_which_objects_may_have_been_deleted_is_none(world: World) -> None:
    world.old.push("1", b"layer")

    def lose_the_lease(_: CopyReport) -> None:
        with world.old.database.write() as tx:
            leases.take(tx, BACKUP, "another", now=1 << 60, until=1 << 61)

    with pytest.raises(LeaseLapsed):
        world.back_up(progress=after_the_records(lose_the_lease))
    assert not (world.folder / DESCRIPTION).exists()


def test_folder_with_something_else_in_it_is_refused(world: World) -> None:
    world.folder.mkdir()
    (world.folder / "letter").write_text("Dear")
    with pytest.raises(Conflict, match="has something else in it"):
        world.back_up()
    assert [path.name for path in world.folder.iterdir()] == ["letter"]


def test_folder_of_another_registry_is_refused(world: World) -> None:
    world.old.push("1", b"layer")
    world.back_up()
    world.new.begin()
    other = Backup(world.new.database, world.new.store, world.folder, world.root)
    with pytest.raises(Conflict, match="is a backup of another registry"):
        other.run()
    assert world.copy(b"layer").exists()


def test_database_with_records_is_not_restored_into(world: World) -> None:
    world.back_up()
    world.new.begin()
    with pytest.raises(Conflict, match="the database has records already"):
        world.restore()


def test_store_with_blobs_is_not_restored_into(world: World) -> None:
    world.old.push("1", b"layer")
    world.back_up()
    put(world.new.store, b"somebody's")
    with pytest.raises(Conflict, match="there has blobs already"):
        world.restore()
    assert len(list(world.new.store.objects())) == 1


def test_store_of_another_registry_is_not_restored_into(world: World) -> None:
    world.back_up()
    world.new.store.write_note("registry-id", [b"another"])
    with pytest.raises(NotOurStorage, match="there is the storage of another registry"):
        world.restore()


def test_interrupted_restoration_leaves_no_records_and_goes_on(world: World) -> None:
    world.old.push("1", *(b"%d" % number for number in range(50)))
    world.back_up()

    def stop(report: CopyReport) -> None:
        if report.blobs == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.restore(stop)
    with world.new.database.read() as tx:
        assert copying.is_empty(tx)
    report = world.restore()
    assert report.blobs_before >= 10
    assert report.blobs + report.blobs_before == 51
    assert len(list(world.new.store.objects())) == 51
    assert len(world.new.pull("1")) == 50


def alter(world: World, **values: object) -> None:
    path = world.folder / DESCRIPTION
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_backup_of_a_newer_version_is_refused(world: World) -> None:
    world.back_up()
    alter(world, schema="9999")
    with pytest.raises(SchemaTooNew):
        world.restore()
    alter(world, schema="0001", format=2)
    with pytest.raises(Conflict, match="was made by a newer version"):
        world.restore()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 1}'])
def test_description_that_cannot_be_read_is_an_error(world: World, content: bytes) -> None:
    world.back_up()
    (world.folder / DESCRIPTION).write_bytes(content)
    for attempt in (world.restore, world.back_up):
        with pytest.raises(Conflict, match="cannot be read"):
            attempt()


@pytest.mark.parametrize(
    "values", [{"records": "/etc/passwd"}, {"records": "records/../../x.db"}, {"records_digest": "sha256:x"}]
)
def test_description_that_leads_elsewhere_is_an_error(world: World, values: dict[str, str]) -> None:
    world.back_up()
    alter(world, **values)
    with pytest.raises(Conflict, match="cannot be read"):
        world.restore()


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def turn_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [truncate, turn_a_bit, Path.unlink])
def test_records_that_are_damaged_are_not_restored(world: World, harm: Callable[[Path], None]) -> None:
    world.back_up()
    [records] = (world.folder / "records").iterdir()
    harm(records)
    with pytest.raises(Conflict, match="the records of the backup are damaged"):
        world.restore()
    with world.new.database.read() as tx:
        assert copying.is_empty(tx)


def test_backup_that_may_only_be_read_is_restored(world: World) -> None:
    world.old.push("1", b"layer")
    world.back_up()
    before = {path: path.stat().st_mtime_ns for path in world.folder.rglob("*")}
    world.restore()
    assert {path: path.stat().st_mtime_ns for path in world.folder.rglob("*")} == before
