"""Cleaning up while the registry serves: what goes, what stays, and that nothing in between is lost."""

import json
import logging
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from auth.access import Access, Actor
from registry.core import cleaning, system_jobs
from registry.core.blobs import Blobs
from registry.core.cleaning import BACKUP, CLEANING, Cleaning, LeaseLost, Preview, Rules
from registry.core.clocks import DAY_MS, HOUR_MS, ClockJumped
from registry.core.identity import accept
from registry.core.manifests import Manifests
from registry.core.orphans import RESTORED_AT, Orphans
from registry.core.projects import Projects
from registry.core.repositories import Repository
from registry.core.uploads import Uploads
from registry.errors import BlobUnknown, BlobUploadUnknown, ManifestBlobUnknown, ManifestUnknown
from registry.jobs.cleaning import Sweep, clean_if_due
from registry.oci.names import Reference, RepositoryName
from storage.blobs import StoreUnavailable
from storage.clock import now_ms
from storage.digest import Digest
from storage.disk import DiskStore
from storage.legacy import blob_location
from storage.metadata import blobs, clean_ups, facts, leases, manifests, projects, repositories, tombstones, uploads
from storage.metadata.clean_ups import Freed
from storage.metadata.database import Database, Transaction
from storage.metadata.listings import Listing
from tests.core.images import IMAGE_TYPE, INDEX_TYPE, image, index
from tests.storage.metadata.conftest import ENGINES
from tests.storage.metadata.databases import open_database

HOUR = 3600
WEEK = 7 * 24
NOBODY = Actor()


class World:
    """A registry on a disk whose clock the test turns."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self.database = database
        self.now = 1_000_000_000_000
        self.store = DiskStore(folder)
        self.blobs = Blobs(database, self.store, Access(), renewal_ms=HOUR_MS // 10, clock=self.clock)
        self.uploads = Uploads(database, self.store, self.blobs, expiry_seconds=HOUR, clock=self.clock)
        self.manifests = Manifests(database, sparse="none", clock=self.clock)
        with database.write() as tx:
            self.project = projects.add(tx, "team", is_public=False, now=1)
        self.app = self.repository("app")
        self.rules = Rules()

    def repository(self, name: str) -> Repository:
        return Repository(self.project, RepositoryName("team", name))

    def clock(self) -> int:
        return self.now

    def pass_hours(self, hours: float) -> None:
        self.now += int(hours * HOUR_MS)

    def begin(self, content: bytes = b"some") -> str:
        upload_id = self.uploads.start(NOBODY, self.app).id
        self.append(upload_id, content)
        return upload_id

    def append(self, upload_id: str, content: bytes) -> None:
        upload = self.uploads.open(NOBODY, self.app, upload_id)
        upload.append(content)
        upload.save()
        upload.close()

    def push_blob(self, content: bytes, repository: Repository | None = None) -> Digest:
        upload = self.uploads.open(
            NOBODY, repository or self.app, self.uploads.start(NOBODY, repository or self.app).id
        )
        upload.append(content)
        upload.finish(Digest.of(content))
        upload.close()
        return Digest.of(content)

    def push(self, tag: str, *layers: bytes, repository: Repository | None = None) -> Digest:
        """An image whose configuration is its tag."""
        where = repository or self.app
        for content in (tag.encode(), *layers):
            self.push_blob(content, where)
        return self.push_manifest(tag, image(tag.encode(), *layers), where)

    def push_manifest(self, tag: str, content: bytes, repository: Repository | None = None) -> Digest:
        where, kind = repository or self.app, INDEX_TYPE if b'"manifests"' in content else IMAGE_TYPE
        return self.manifests.push(NOBODY, where, Reference.parse(tag), kind, content).digest

    def delete(self, reference: object, repository: Repository | None = None) -> None:
        self.manifests.delete(NOBODY, repository or self.app, Reference.parse(str(reference)))

    def has(self, content: bytes, repository: Repository | None = None) -> bool:
        try:
            self.blobs.stat(repository or self.app, Digest.of(content))
        except BlobUnknown:
            return False
        return True

    def clean(self, **rules: object) -> Freed:
        return self.cleaning(**rules).run("test")

    def cleaning(self, **rules: object) -> Cleaning:
        made = Rules(**rules) if rules else self.rules  # type: ignore[arg-type]  # as the test says
        return Cleaning(self.database, self.store, made, clock=self.clock)

    def preview(self, **rules: object) -> Preview:
        return Preview(self.database, Rules(**rules), clock=self.clock)  # type: ignore[arg-type]  # as the test says

    def objects(self) -> list[Path]:
        return [path for path in (self.folder / "blobs").rglob("*") if path.is_file()]

    def used(self) -> int:
        with self.database.read() as tx:
            return int(tx.exec_driver_sql("SELECT used_bytes FROM projects WHERE name = 'team'").scalar() or 0)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "PAUSE_SECONDS", 0)


@pytest.fixture(params=ENGINES)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None
    with closing(open_database(server.make_database() if server else str(tmp_path / "cove.db"))) as database:
        database.migrate()
        yield World(tmp_path, database)


# What goes and what stays


def test_blob_that_no_manifest_names_goes_after_the_time_of_grace(world: World) -> None:
    world.push_blob(b"alone")
    world.pass_hours(1)
    assert world.clean() == Freed()
    assert world.has(b"alone")
    world.pass_hours(1.11)
    assert world.clean() == Freed(links=1, blobs=1, objects=1, freed_bytes=5)
    assert not world.has(b"alone")
    assert world.objects() == []


def test_everything_that_a_manifest_names_stays(world: World) -> None:
    world.push("1", b"layer")
    world.pass_hours(10 * WEEK)
    assert world.clean() == Freed()
    assert world.has(b"layer")


def test_deleted_image_goes_when_it_cannot_be_restored_any_more(world: World) -> None:
    world.delete(world.push("1", b"layer"))
    world.pass_hours(WEEK - 1)
    assert world.clean() == Freed()
    world.pass_hours(2)
    assert world.clean().manifests == 1
    world.pass_hours(1.2)
    assert world.clean() == Freed(links=2, blobs=2, objects=2, freed_bytes=6)
    assert world.used() == 0


def test_images_that_go_together_take_the_layers_that_they_alone_share(world: World) -> None:
    gone = [world.push(f"{number}", b"shared by them", b"shared by all") for number in range(3)]
    world.push("kept", b"shared by all")
    other = world.repository("other")
    world.push("elsewhere", b"shared by them", repository=other)
    for digest in gone:
        world.delete(digest)
    freed = world.clean(at_once=True)
    assert (freed.manifests, freed.links, freed.blobs) == (3, 4, 3)
    assert world.has(b"shared by all")
    assert not world.has(b"shared by them")
    assert world.has(b"shared by them", other)


def test_layer_that_another_manifest_of_the_repository_names_stays(world: World) -> None:
    first = world.push("1", b"shared", b"own")
    world.push("2", b"shared")
    world.delete(first)
    world.clean(at_once=True)
    assert world.has(b"shared")
    assert not world.has(b"own")


def test_layer_that_another_repository_has_loses_its_link_and_stays_there(world: World) -> None:
    other = world.repository("other")
    world.push("1", b"layer", repository=other)
    world.delete(world.push("1", b"layer"))
    freed = world.clean(at_once=True)
    assert (freed.links, freed.blobs) == (2, 0)
    assert not world.has(b"layer")
    assert world.has(b"layer", other)


def test_what_was_deleted_goes_at_once_where_that_is_asked_for_and_running_pushes_keep_theirs(world: World) -> None:
    world.delete(world.push("1", b"layer"))
    world.push_blob(b"of a push")
    world.clean(at_once=True)
    assert not world.has(b"layer")
    assert world.has(b"of a push")


def test_blobs_of_a_project_that_is_gone_go(world: World) -> None:
    world.push("1", b"layer")
    Projects(world.database, world.store).delete("team", force=True)
    assert world.clean() == Freed(blobs=2, objects=2, freed_bytes=6)
    assert world.objects() == []


def test_blob_that_was_deleted_by_itself_goes(world: World) -> None:
    world.blobs.delete(world.app, world.push_blob(b"alone"))
    assert world.clean().blobs == 1
    assert world.objects() == []


# Manifests without a tag


def test_manifests_without_a_tag_stay_unless_a_policy_says_otherwise(world: World) -> None:
    first = world.push("1", b"old")
    world.push("1", b"new")
    world.pass_hours(10 * WEEK)
    world.clean()
    assert world.manifests.find(world.app, Reference.parse(str(first)))


def test_manifest_without_a_tag_is_deleted_after_its_age_and_can_still_be_restored(world: World) -> None:
    first = world.push("1", b"old")
    world.pass_hours(100)
    world.push("1", b"new")
    world.clean(untagged=HOUR_MS)
    world.manifests.find(world.app, Reference.parse(str(first)))
    world.pass_hours(1)
    world.clean(untagged=HOUR_MS)
    with pytest.raises(ManifestUnknown):
        world.manifests.find(world.app, Reference.parse(str(first)))
    assert world.has(b"old")
    world.push("2", b"old")


def test_manifest_that_gets_a_tag_while_those_without_are_looked_for_stays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = world.push("1", b"layer")
    world.delete("1")
    cleaner = world.cleaning(untagged=0)
    turn = cleaner._turn

    def late() -> AbstractContextManager[Transaction]:
        world.push_manifest("2", image(b"1", b"layer"))
        return turn()

    monkeypatch.setattr(cleaner, "_turn", late)
    assert cleaner._trash_untagged() == Freed()
    world.manifests.find(world.app, Reference.parse(str(first)))


def test_children_of_an_index_and_referrers_stay_as_long_as_what_they_belong_to(world: World) -> None:
    child = world.push("child", b"layer")
    whole = world.push_manifest("whole", index(image(b"child", b"layer")))
    world.delete("child")
    referrer = world.push_manifest("about", image(b"child", b"layer", subject=image(b"child", b"layer")))
    world.delete("about")
    world.pass_hours(1)
    world.clean(untagged=0)
    for digest in (child, whole, referrer):
        world.manifests.find(world.app, Reference.parse(str(digest)))
    world.delete(whole)
    world.clean(untagged=0)
    world.clean(untagged=0)
    for digest in (child, whole, referrer):
        with pytest.raises(ManifestUnknown):
            world.manifests.find(world.app, Reference.parse(str(digest)))


# The invariants


def test_i1_digest_that_is_pushed_again_while_its_old_object_is_being_deleted_gets_another_place(world: World) -> None:
    world.push_blob(b"again")
    [old] = world.objects()
    world.pass_hours(2)
    world.clean(reading=HOUR_MS)
    assert world.objects() == [old]
    world.push_blob(b"again")
    world.pass_hours(1)
    world.clean(grace=DAY_MS)
    [new] = world.objects()
    assert new != old
    assert world.has(b"again")


def test_i2_manifest_is_refused_when_one_of_its_blobs_has_gone(world: World) -> None:
    world.push_blob(b"1")
    world.push_blob(b"layer")
    world.pass_hours(2)
    world.clean()
    with pytest.raises(ManifestBlobUnknown):
        world.push_manifest("1", image(b"1", b"layer"))


def test_i3_blob_that_somebody_was_told_of_stays_for_the_whole_time_of_grace(world: World) -> None:
    world.push_blob(b"1")
    world.push_blob(b"layer")
    for _ in range(30):
        world.pass_hours(0.09)
        assert world.has(b"layer")
        assert world.has(b"1")
    world.pass_hours(1)
    world.clean()
    world.push_manifest("1", image(b"1", b"layer"))


def test_i3_blob_of_a_manifest_that_goes_for_good_stays_for_the_time_of_grace(world: World) -> None:
    world.delete(world.push("1", b"layer"))
    world.pass_hours(WEEK)
    assert world.has(b"layer")
    world.clean()
    world.pass_hours(1)
    world.clean()
    world.push_manifest("1", image(b"1", b"layer"))
    assert world.has(b"layer")


@pytest.mark.parametrize("age", [0, 0.05, 0.09, 0.11])
def test_i3_blob_that_others_were_told_of_meanwhile_stays_for_the_time_of_grace(world: World, age: float) -> None:
    world.push_blob(b"1")
    world.push_blob(b"layer")
    world.pass_hours(age)
    assert world.has(b"1")
    told_until = world.blobs.stat(world.app, Digest.of(b"layer")).told_until
    assert world.now < told_until <= world.now + HOUR_MS // 10
    world.now = told_until + HOUR_MS - 1
    world.clean()
    world.push_manifest("1", image(b"1", b"layer"))


def test_i3_blob_whose_manifest_goes_stays_for_the_time_of_grace_of_those_told_meanwhile(world: World) -> None:
    world.delete(world.push("1", b"layer"))
    world.pass_hours(WEEK)
    cleaner = world.cleaning()
    told_until = world.blobs.stat(world.app, Digest.of(b"layer")).told_until
    assert world.now < told_until <= world.now + HOUR_MS // 20
    world.now -= HOUR_MS // 20  # what the clock was when the transaction began that ends as somebody is told
    cleaner.run("test")
    world.now = told_until + HOUR_MS - 1
    world.clean()
    world.push_manifest("1", image(b"1", b"layer"))


def test_i3_lease_that_a_clean_up_begins_does_so_in_its_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.delete(world.push("1", b"layer"))
    world.pass_hours(WEEK)
    find = manifests.list_deleted_until
    told: list[bool] = []

    def late(tx: Transaction, last: int, count: int) -> list[int]:
        assert last == world.now - WEEK * HOUR_MS
        told.append(True)
        return find(tx, last, count)

    turn = Cleaning._turn

    @contextmanager
    def waited_for(cleaner: Cleaning) -> Iterator[Transaction]:
        with turn(cleaner) as tx:
            world.now += 9_000
            yield tx

    monkeypatch.setattr(Cleaning, "_turn", waited_for)
    monkeypatch.setattr(manifests, "list_deleted_until", late)
    world.clean()
    assert told


def test_i3_blob_that_goes_while_somebody_asks_for_it_is_unknown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.push_blob(b"layer")
    world.pass_hours(2)
    size = world.store.size

    def late(location: str) -> int:
        found = size(location)
        world.clean()
        return found

    monkeypatch.setattr(world.store, "size", late)
    assert not world.has(b"layer")


def test_i3_mounting_a_blob_begins_its_lease(world: World) -> None:
    world.push_blob(b"layer")
    world.pass_hours(1)
    other = world.repository("other")
    open_registry = Blobs(world.database, world.store, Access(is_open=True), clock=world.clock)
    assert open_registry.mount(NOBODY, other, Digest.of(b"layer"), world.app.name)
    world.pass_hours(0.5)
    world.clean()
    assert not world.has(b"layer")
    assert world.has(b"layer", other)


def test_i4_reader_of_a_blob_that_goes_reads_on(world: World) -> None:
    world.push_blob(b"being read")
    opened = world.blobs.open(world.app, Digest.of(b"being read"))
    world.pass_hours(2)
    world.clean()
    assert world.objects() == []
    assert opened.reader.read(0, 100) == b"being read"
    opened.reader.close()


def test_i5_upload_that_expires_while_it_is_finished_ends_once(world: World) -> None:
    upload_id = world.begin(b"late")
    upload = world.uploads.open(NOBODY, world.app, upload_id)
    world.pass_hours(1.1)
    assert world.clean().uploads == 1
    with pytest.raises(BlobUploadUnknown):
        upload.finish(Digest.of(b"late"))
    upload.close()
    assert world.objects() == []


# Uploads


def test_upload_that_nobody_continues_goes_with_its_bytes(world: World) -> None:
    upload_id = world.begin()
    world.pass_hours(1.1)
    assert world.clean() == Freed(uploads=1)
    assert list((world.folder / "uploads").iterdir()) == []
    with pytest.raises(BlobUploadUnknown):
        world.uploads.find(NOBODY, world.app, upload_id)


def test_upload_that_goes_on_stays(world: World) -> None:
    upload_id = world.begin()
    for _ in range(2):
        world.pass_hours(0.9)
        world.append(upload_id, b"more")
    assert world.clean() == Freed()
    assert world.uploads.find(NOBODY, world.app, upload_id).size == 12


def test_bytes_that_a_dead_process_left_behind_are_swept_and_those_of_a_session_are_not(world: World) -> None:
    world.now = now_ms()
    orphan = world.store.stage()
    upload_id = world.begin()
    sweep = Sweep(world.database, world.store, expiry_seconds=HOUR, clock=world.clock)
    assert sweep.run() == 0
    world.pass_hours(1.1)
    assert sweep.run() == 1
    assert not (world.folder / orphan).exists()
    with world.database.read() as tx:
        row = repositories.find(tx, "team/app")
        assert row
        session = uploads.find(tx, upload_id, row.id, None, 0)
        assert session
    assert (world.folder / session.staged).exists()


# Objects


def orphan(world: World, content: bytes) -> Path:
    """What a process leaves that dies between the object and its row."""
    return world.folder / world.store.commit(world.store.stage(), Digest.of(content), 0)


def test_objects_that_nothing_names_are_swept_after_a_day_and_no_others(world: World) -> None:
    world.now = now_ms()
    accept(world.database, world.store)
    lost = orphan(world, b"lost")
    adopted = world.folder / blob_location(Digest.of(b"adopted"))
    adopted.parent.mkdir(parents=True)
    adopted.write_bytes(b"adopted")
    world.push("1", b"layer")
    sweep = Sweep(world.database, world.store, expiry_seconds=HOUR, clock=world.clock)
    sweep.run()
    assert world.clean(grace=30 * DAY_MS) == Freed()
    world.pass_hours(25)
    late = orphan(world, b"late")
    os.utime(late, ns=(world.now * 10**6, world.now * 10**6))
    sweep.run()
    assert world.clean(grace=30 * DAY_MS).objects == 1
    assert not lost.exists()
    assert late.exists()
    assert adopted.exists()
    assert world.has(b"layer")


def test_objects_that_came_after_the_copy_which_was_restored_stay_for_a_week(world: World) -> None:
    world.now = now_ms()
    accept(world.database, world.store)
    lost = orphan(world, b"lost")
    with world.database.write() as tx:
        facts.set_value(tx, RESTORED_AT, str(world.now))
    for hours, count in ((6 * 24, 0), (25, 1)):
        world.pass_hours(hours)
        assert Orphans(world.database, world.store, clock=world.clock).bury() == count
    world.clean()
    assert not lost.exists()


def test_nothing_is_swept_in_a_storage_that_may_be_anothers(world: World) -> None:
    world.now = now_ms() + 2 * DAY_MS
    orphan(world, b"lost")
    assert Orphans(world.database, world.store, clock=world.clock).bury() == 0
    accept(world.database, world.store)
    assert Orphans(world.database, world.store, clock=world.clock).bury() == 1


def test_object_that_cannot_be_deleted_does_not_keep_the_others_and_is_tried_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    location = world.store.commit(world.store.stage(), Digest.of(b""), 0)
    with world.database.write() as tx:
        tombstones.add(tx, "../outside", 1, 7)  # no store deletes there
        tombstones.add(tx, location, 2, 5)
    assert world.clean() == Freed(objects=1, freed_bytes=5)
    assert world.objects() == []
    assert "../outside could not be deleted" in caplog.text
    world.pass_hours(1)
    world.clean()
    assert caplog.text.count("../outside could not be deleted") == 2


def test_object_that_is_about_to_be_deleted_already_is_deleted_once(world: World) -> None:
    digest = world.push_blob(b"old")
    with world.database.write() as tx:
        blob = blobs.find(tx, str(digest))
        assert blob
        tombstones.add(tx, blob.location, 1, 3)
    world.pass_hours(2)
    assert world.clean() == Freed(links=1, blobs=1, objects=1, freed_bytes=3)


def test_object_stays_while_a_backup_needs_it(world: World) -> None:
    world.push_blob(b"old")
    with world.database.write() as tx:
        leases.take(tx, BACKUP, "somebody", now=world.now, until=world.now + 3 * HOUR_MS)
    world.pass_hours(2)
    assert world.clean().objects == 0
    assert not world.cleaning().is_due()
    assert len(world.objects()) == 1
    world.pass_hours(2)
    assert world.cleaning().is_due()
    assert world.clean() == Freed(objects=1, freed_bytes=3)


def test_store_that_does_not_answer_ends_the_run_and_the_next_one_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.push_blob(b"old")
    world.pass_hours(2)

    def refuse(_: object) -> None:
        raise StoreUnavailable("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(world.store, "delete_all", refuse)
        with pytest.raises(StoreUnavailable):
            world.clean()
    assert world.clean() == Freed(objects=1, freed_bytes=3)
    with world.database.read() as tx:
        last, failed = clean_ups.list_newest(tx, 9)
    assert (failed.error, failed.freed, failed.finished_at) == ("no answer", Freed(links=1, blobs=1), world.now)
    assert (last.error, last.cause, last.freed.freed_bytes) == (None, "test", 3)


# One cleaner at a time, and a clock that can be believed


def test_only_one_process_cleans_up(world: World) -> None:
    world.push_blob(b"old")
    world.pass_hours(2)
    with world.database.write() as tx:
        leases.take(tx, CLEANING, "another", now=world.now, until=world.now + 60_000)
    assert clean_if_due(world.database, world.cleaning(), Rules()) is None
    with pytest.raises(LeaseLost):
        world.clean()
    world.pass_hours(0.02)  # the other one died
    assert clean_if_due(world.database, world.cleaning(), Rules()) == Freed(links=1, blobs=1, objects=1, freed_bytes=3)
    assert clean_if_due(world.database, world.cleaning(), Rules()) is None


def test_clean_ups_that_nobody_began_are_among_the_runs_unless_they_did_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = system_jobs.clean_ups(world.database)
    assert clean_if_due(world.database, world.cleaning(), Rules()) is None
    world.push_blob(b"old")
    world.pass_hours(2)
    assert clean_if_due(world.database, world.cleaning(), Rules()) == Freed(links=1, blobs=1, objects=1, freed_bytes=3)
    world.push_blob(b"next")
    world.pass_hours(2)

    def fail(*_: object) -> None:
        raise StoreUnavailable("no answer")

    monkeypatch.setattr(world.store, "delete_all", fail)
    with pytest.raises(StoreUnavailable):
        clean_if_due(world.database, world.cleaning(), Rules())
    (failed, done), total = jobs.page(Listing())
    assert (total, failed.status, failed.status_message) == (2, "Error", "no answer")
    assert (done.status, done.trigger) == ("Success", "SCHEDULE")
    assert json.loads(done.attributes)["freed_space"] == 3
    assert "freed 3 bytes: 0 manifests, 1 blobs" in jobs.log(done.id)


def test_lease_that_was_taken_by_a_wrong_clock_keeps_nobody(world: World) -> None:
    year = 365 * DAY_MS
    with world.database.write() as tx:
        leases.take(tx, CLEANING, "another", now=world.now + year, until=world.now + year + 60_000)
    world.push_blob(b"old")
    world.pass_hours(2)
    assert world.clean().objects == 1


def test_run_that_is_to_stop_ends_after_a_step_and_the_next_process_goes_on(world: World) -> None:
    world.push_blob(b"old")
    world.pass_hours(2)
    stopping = world.cleaning()
    stopping.stop()
    assert stopping.run("test") == Freed(links=1)
    assert world.clean() == Freed(blobs=1, objects=1, freed_bytes=3)


def test_cleaner_that_slept_until_another_took_over_changes_nothing_more(world: World) -> None:
    for number in range(3):
        world.push_blob(b"%d" % number)
    world.pass_hours(2)
    sleeper = world.cleaning()
    steps = sleeper._steps()
    next(steps)
    world.pass_hours(1)
    assert world.clean().objects == 3
    with world.database.write() as tx:
        leases.take(tx, CLEANING, "another", now=world.now, until=world.now + 60_000)
    with pytest.raises(LeaseLost):
        next(steps)


def test_clock_that_is_behind_the_last_run_is_not_believed(world: World) -> None:
    world.push_blob(b"old")
    world.pass_hours(2)
    world.clean()
    world.pass_hours(-1.1)
    with pytest.raises(ClockJumped):
        world.clean()
    world.push_blob(b"new")
    world.pass_hours(-1000)
    cleaner = world.cleaning(grace=0)
    cleaner.believe_the_clock()
    assert cleaner.run("test").blobs == 0


def test_clock_that_jumps_during_a_run_ends_it(world: World) -> None:
    world.push_blob(b"old")
    world.pass_hours(2)
    jumping = Cleaning(
        world.database, world.store, Rules(), clock=world.clock, reached=lambda _: world.pass_hours(1000)
    )
    with pytest.raises(ClockJumped):
        jumping.run("test")
    world.pass_hours(-1000)
    assert world.clean().objects == 1


def test_clock_that_jumps_between_two_runs_is_told_once_and_costs_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.push_blob(b"new")
    cleaner = world.cleaning()
    world.pass_hours(1000)
    for _ in range(3):
        assert cleaner.is_due()
        assert clean_if_due(world.database, cleaner, Rules()) is None
    assert world.has(b"new")
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    with world.database.read() as tx:
        [refused] = clean_ups.list_newest(tx, 9)
    assert "has jumped" in str(refused.error)


# The history, and what would be


def test_run_that_did_nothing_leaves_no_trace_and_old_ones_are_forgotten(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleaning, "HISTORY", 2)
    world.clean()
    for number in range(4):
        world.push_blob(b"%d" % number * (number + 1))
        world.pass_hours(2)
        world.clean()
    with world.database.read() as tx:
        assert [run.freed.freed_bytes for run in clean_ups.list_newest(tx, 9)] == [4, 3]


@pytest.mark.parametrize("at_once", [True, False])
def test_preview_says_what_a_run_then_does(world: World, *, at_once: bool) -> None:
    other = world.repository("other")
    world.push("kept", b"layer", b"shared")
    world.push("kept", b"shared too", repository=other)
    world.push_blob(b"in both")
    world.push_blob(b"in both", other)
    world.push_blob(b"alone")
    world.delete(world.push("gone", b"own", b"shared", b"shared too"))
    world.pass_hours(2)
    world.push_blob(b"of a push")
    preview = world.preview(at_once=at_once)
    expected, before = preview.freed(), preview.kept()
    assert expected.blobs == (4 if at_once else 2)
    assert world.preview(at_once=at_once).freed() == expected
    assert world.clean(at_once=at_once) == expected
    after = preview.kept()
    assert before.shared == len(b"kept" + b"shared too")
    assert preview.waiting() == 0
    assert after.in_use == before.in_use == len(b"kept" + b"layer" + b"shared" + b"shared too")
    assert before.restorable == len(b"gone" + b"own")
    assert (after.restorable, after.leased) == ((0 if at_once else before.restorable), len(b"of a push"))


LAYERS = [b"layer %d" % number * 50 for number in range(3)]


def push_and_delete(world: World, name: str) -> None:
    repository = world.repository(name)
    for number in range(12):
        try:
            digest = world.push("1", *LAYERS, repository=repository)
        except ManifestBlobUnknown:  # with no time of grace at all nothing else is promised
            continue
        for content in LAYERS:
            with closing(world.blobs.open(repository, Digest.of(content)).reader) as reader:
                assert reader.read(0, 10_000) == content
        if number % 3:
            world.delete(digest, repository)


def clean_until(stop: threading.Event, world: World) -> None:
    while not stop.is_set():
        world.clean(grace=0, keep_deleted=0)


def test_pushes_and_deletions_beside_a_cleaner_without_grace_lose_nothing(world: World) -> None:
    """The layers are shared, so that one repository's push finds what another's cleaning is about to take."""
    stop = threading.Event()
    with ThreadPoolExecutor(5) as threads:
        cleaner = threads.submit(clean_until, stop, world)
        pushers = [threads.submit(push_and_delete, world, f"r{number}") for number in range(4)]
        wait(pushers)
        stop.set()
    for done in (cleaner, *pushers):
        done.result()
    world.clean(grace=0, keep_deleted=0)
    with world.database.read() as tx:
        rows = blobs.list_page(tx, 0, 1000)
    assert {world.folder / row.location for row in rows} == set(world.objects())
