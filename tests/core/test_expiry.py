"""What is dropped when nobody asks for it any more."""

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from auth.access import Access, Actor
from registry.core.blobs import Blobs
from registry.core.repositories import Repository
from registry.core.uploads import Uploads
from registry.errors import BlobUploadUnknown
from registry.jobs.expiry import Expiry
from registry.jobs.timer import repeat
from registry.oci.names import RepositoryName
from storage.blobs import BlobStoreError
from storage.clock import now_ms
from storage.digest import Digest
from storage.disk import DiskStore
from storage.metadata import projects, repositories, tombstones, uploads
from storage.metadata.database import Database, DatabaseBusy

HOUR = 3600


class World:
    """A registry on a disk whose clock the test turns."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self.database = database
        self.now = 1_000_000
        self.store = DiskStore(folder)
        self.blobs = Blobs(database, self.store, Access(), clock=self.clock)
        self.uploads = Uploads(database, self.store, self.blobs, expiry_seconds=HOUR, clock=self.clock)
        with database.write() as tx:
            project = projects.add(tx, "team", is_public=False, now=1)
        self.repository = Repository(project, RepositoryName("team", "app"))

    def clock(self) -> int:
        return self.now

    def pass_hours(self, hours: float) -> None:
        self.now += int(hours * HOUR * 1000)

    def begin(self, content: bytes = b"some") -> str:
        upload_id = self.uploads.start(Actor(), self.repository).id
        self.append(upload_id, content)
        return upload_id

    def append(self, upload_id: str, content: bytes) -> None:
        upload = self.uploads.open(Actor(), self.repository, upload_id)
        upload.append(content)
        upload.save()
        upload.close()

    def staged_place(self, upload_id: str) -> str:
        with self.database.read() as tx:
            row = repositories.find(tx, str(self.repository.name))
            assert row
            found = uploads.find(tx, upload_id, row.id, None, 0)
        assert found
        return found.staged

    def staged(self) -> list[str]:
        return [path.name for path in (self.folder / "uploads").iterdir()]

    def expire(self) -> int:
        return self.expiry().run()

    def expiry(self) -> Expiry:
        return Expiry(self.database, self.store, self.blobs, expiry_seconds=HOUR, clock=self.clock)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with closing(Database.open(tmp_path / "cove.db")) as database:
        database.migrate()
        yield World(tmp_path, database)


def test_upload_that_nobody_continues_goes_with_its_bytes(world: World) -> None:
    upload_id = world.begin()
    world.pass_hours(1.1)
    assert world.expire() == 1
    assert world.staged() == []
    with pytest.raises(BlobUploadUnknown):
        world.uploads.find(Actor(), world.repository, upload_id)
    assert world.expire() == 0


def test_upload_that_goes_on_stays(world: World) -> None:
    upload_id = world.begin()
    world.pass_hours(0.9)
    world.append(upload_id, b"more")
    world.pass_hours(0.9)
    assert world.expire() == 0
    assert world.uploads.find(Actor(), world.repository, upload_id).size == 8


def test_bytes_that_a_dead_process_left_behind_are_swept_and_those_of_a_session_are_not(world: World) -> None:
    world.now = now_ms()
    orphan = world.store.stage()
    upload_id = world.begin()
    assert world.expiry().sweep() == 0
    world.pass_hours(1.1)
    assert world.expiry().sweep() == 1
    assert not (world.folder / orphan).exists()
    assert world.staged() == [Path(world.staged_place(upload_id)).name]


def test_object_under_a_tombstone_goes_when_it_is_due(world: World) -> None:
    location = world.store.commit(world.store.stage(), Digest.of(b""), 0)
    with world.database.write() as tx:
        tombstones.add(tx, location, world.now + 1000)
    assert world.expire() == 0
    assert (world.folder / location).exists()
    world.pass_hours(1)
    assert world.expire() == 1
    assert not (world.folder / location).exists()
    assert world.expire() == 0


def test_one_that_cannot_be_deleted_does_not_keep_the_others(world: World, caplog: pytest.LogCaptureFixture) -> None:
    location = world.store.commit(world.store.stage(), Digest.of(b""), 0)
    with world.database.write() as tx:
        tombstones.add(tx, "../outside", 1)  # no store deletes there
        tombstones.add(tx, location, 2)
    assert world.expire() == 1
    assert not (world.folder / location).exists()
    assert "../outside could not be deleted" in caplog.text


@pytest.mark.parametrize("error", [BlobStoreError("no answer"), DatabaseBusy("locked")])
def test_work_is_repeated_after_a_storage_that_failed(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    worked = asyncio.Event()

    async def until_it_works() -> None:
        loop, runs = asyncio.get_running_loop(), iter((error,))

        def work() -> None:
            failure = next(runs, None)
            if failure:
                raise failure
            loop.call_soon_threadsafe(worked.set)

        with ThreadPoolExecutor(1) as threads:
            task = asyncio.create_task(repeat(work, 0.001, threads))
            await worked.wait()
            task.cancel()

    asyncio.run(until_it_works())
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert str(error) in caplog.text
