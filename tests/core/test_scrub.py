"""Reading every blob again and again: what is found, in which order, and that it gives way to everything else."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from shutil import copyfile

import pytest

from registry.core.identity import NAME
from registry.core.pacing import Pace
from registry.errors import BlobUnknown
from registry.jobs import scrub
from registry.jobs.scrub import AGAIN_MS, DAY_MS, LEASE_MS, LEAST, SCRUB, Scrub
from storage.blobs import BlobReader, StoreUnavailable
from storage.digest import Digest
from storage.disk import DiskStore
from storage.metadata import blobs, leases
from storage.metadata.database import Database
from tests.core.damages import LAYER, World, flip
from tests.storage.metadata.conftest import ENGINES
from tests.storage.metadata.databases import open_database
from tests.storage.s3_server import S3Server, s3_store

FAST = 1 << 40  # bytes a second
MINUTE_MS = 60_000


@pytest.fixture(params=ENGINES)
def world(request: pytest.FixtureRequest, tmp_path: Path, empty_records: Path) -> Iterator[World]:
    if request.param == "postgres":
        address = request.getfixturevalue("postgres").make_database()
    else:
        address = str(copyfile(empty_records, tmp_path / "cove.db"))
    with closing(open_database(address)) as database:
        database.migrate()
        yield World(tmp_path, DiskStore(tmp_path), database)


@pytest.fixture
def disk(tmp_path: Path, empty_records: Path) -> Iterator[World]:
    with closing(Database.open(Path(copyfile(empty_records, tmp_path / "cove.db")))) as database:
        yield World(tmp_path, DiskStore(tmp_path), database)


def scrubbing(world: World, rate: int = FAST) -> tuple[Scrub, list[int]]:
    counted: list[int] = []
    made = Scrub(world.database, world.store, bytes_per_second=rate, count=counted.append, clock=world.clock)
    return made, counted


def read_by(world: World) -> list[int]:
    """Sizes of the blobs that a run reads, in its order."""
    made, counted = scrubbing(world)
    made.run()
    return counted


def test_blobs_are_read_when_they_are_a_day_old_and_again_after_a_week(world: World) -> None:
    world.push_blob(b"1")
    assert read_by(world) == []
    world.ahead = DAY_MS + MINUTE_MS
    world.push_blob(b"22")
    assert read_by(world) == [1]
    assert read_by(world) == []
    world.ahead += DAY_MS + MINUTE_MS
    assert read_by(world) == [2]
    world.ahead += AGAIN_MS
    assert read_by(world) == [1, 2]


def test_blobs_that_were_never_read_come_before_those_read_longest_ago(world: World) -> None:
    for content in (b"1", b"22", b"333"):
        world.push_blob(content)
    world.ahead = 2 * AGAIN_MS
    with world.database.write() as tx:
        for content, days in ((b"1", 8), (b"22", 9)):
            assert blobs.set_checked(tx, world.record(content), world.clock() - days * DAY_MS)
    assert read_by(world) == [3, 2, 1]


def test_damaged_blob_is_found_refused_and_not_read_again_until_it_is_pushed(world: World) -> None:
    world.push("v1", LAYER)
    world.spoil(LAYER, flip)
    world.ahead = 2 * DAY_MS
    assert sorted(read_by(world)) == [2, len(LAYER)]
    assert world.record(LAYER).damage == f"has the digest {Digest.of(flip(LAYER))}"
    with pytest.raises(BlobUnknown):
        world.blobs.open(world.app, Digest.of(LAYER))
    world.ahead += AGAIN_MS + MINUTE_MS
    assert read_by(world) == [2]
    world.push_blob(LAYER)
    world.ahead += 2 * DAY_MS
    assert read_by(world) == [len(LAYER)]
    assert world.record(LAYER).damage is None


def test_damaged_object_of_s3_is_found(s3: S3Server, tmp_path: Path) -> None:
    prefix = f"scrub/{tmp_path.name}"
    with closing(Database.open(tmp_path / "cove.db")) as database, s3_store(s3.endpoint, prefix) as store:
        database.migrate()
        world = World(Path(prefix), store, database, s3)
        world.push_blob(LAYER)
        world.spoil(LAYER, flip)
        world.ahead = 2 * DAY_MS
        read_by(world)
        assert world.record(LAYER).damage == f"has the digest {Digest.of(flip(LAYER))}"


def test_only_the_node_with_the_lease_reads(world: World) -> None:
    world.push_blob(LAYER)
    world.ahead = 2 * DAY_MS
    with world.database.write() as tx:
        assert leases.take(tx, SCRUB, "another", now=world.clock(), until=world.clock() + LEASE_MS)
    assert read_by(world) == []
    world.ahead += LEASE_MS + MINUTE_MS
    assert read_by(world) == [len(LAYER)]


def test_lease_is_given_back_at_the_end(world: World) -> None:
    world.push_blob(LAYER)
    world.ahead = 2 * DAY_MS
    read_by(world)
    with world.database.read() as tx:
        assert not leases.is_held(tx, SCRUB, now=world.clock())


def test_node_that_lost_its_lease_in_the_middle_of_a_blob_ends_and_notes_nothing(
    disk: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrub, "PIECE", 1000)
    disk.push_blob(LAYER)
    disk.ahead = 2 * DAY_MS
    made, counted = scrubbing(disk)
    real = disk.store.open

    def fall_asleep(location: str) -> BlobReader:
        disk.ahead += 2 * LEASE_MS
        with disk.database.write() as tx:
            assert leases.take(tx, SCRUB, "another", now=disk.clock(), until=disk.clock() + LEASE_MS)
        return real(location)

    monkeypatch.setattr(disk.store, "open", fall_asleep)
    made.run()
    assert counted == []
    assert disk.record(LAYER).damage is None
    with disk.database.read() as tx:
        assert leases.is_held(tx, SCRUB, now=disk.clock(), holder="another")


def test_stop_ends_a_slow_run_at_once_and_every_later_one(disk: World) -> None:
    """At a byte a second the run would take hours."""
    disk.push_blob(LAYER)
    disk.ahead = 2 * DAY_MS
    made, counted = scrubbing(disk, rate=1)
    running = threading.Thread(target=made.run)
    running.start()
    made.stop()
    running.join(30)
    assert not running.is_alive()
    made.run()
    assert counted == []


def test_folder_that_is_not_mounted_puts_the_work_off_and_damages_nothing(disk: World) -> None:
    disk.push_blob(LAYER)
    disk.push_blob(b"other")
    disk.ahead = 2 * DAY_MS
    shutil.rmtree(disk.folder / "blobs")
    disk.store.delete_note(NAME)
    made, counted = scrubbing(disk)
    with pytest.raises(StoreUnavailable, match="not known to be this registry's"):
        made.run()
    assert counted == []
    assert disk.record(LAYER).damage is None


def test_store_that_does_not_answer_puts_the_work_off(disk: World, monkeypatch: pytest.MonkeyPatch) -> None:
    disk.push_blob(LAYER)
    disk.ahead = 2 * DAY_MS

    def fail(_: str) -> int:
        raise StoreUnavailable("not now")

    with monkeypatch.context() as patch:
        patch.setattr(disk.store, "size", fail)
        made, _ = scrubbing(disk)
        with pytest.raises(StoreUnavailable):
            made.run()
    assert disk.record(LAYER).damage is None
    assert read_by(disk) == [len(LAYER)]


def test_blob_that_is_on_its_way_out_is_not_read(world: World) -> None:
    world.push_blob(LAYER)
    world.blobs.delete(world.app, Digest.of(LAYER))
    world.ahead = 2 * DAY_MS
    assert read_by(world) == []


def test_more_blobs_than_one_batch_are_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrub, "BATCH", 2)
    for number in range(5):
        world.push_blob(b"%d" % number)
    world.ahead = 2 * DAY_MS
    assert read_by(world) == [1] * 5


def test_small_blobs_count_for_more_than_their_bytes(disk: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        disk.push_blob(b"%d" % number)
    disk.ahead = 2 * DAY_MS
    spent: list[int] = []
    monkeypatch.setattr(Pace, "spend", lambda _, count: spent.append(count))
    read_by(disk)
    assert sum(spent) == 3 * LEAST


def test_pace_waits_for_as_long_as_the_bytes_are_worth() -> None:
    now = [100.0]
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    pace = Pace(1000, wait, lambda: now[0])
    pace.spend(500)
    pace.spend(500)
    now[0] += 60
    pace.spend(100)
    assert waits == pytest.approx([0.5, 0.5, 0.1])


def test_pace_makes_up_for_the_time_that_the_work_itself_took() -> None:
    now = [100.0]
    waits: list[float] = []
    pace = Pace(1000, waits.append, lambda: now[0])
    pace.spend(500)
    now[0] += 0.7
    pace.spend(500)
    assert waits == pytest.approx([0.5, 0.5])
    now[0] += 0.4
    pace.spend(500)
    assert waits[-1] == pytest.approx(0.6)


def test_without_a_rate_nothing_waits() -> None:
    Pace(None, lambda _: pytest.fail("waited")).spend(1 << 60)
