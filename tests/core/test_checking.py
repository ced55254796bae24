"""What a check of the registry finds, what it mends, and that neither harms what is right."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from shutil import copyfile

import pytest

from registry.core.identity import NAME, NotOurStorage, is_ours
from registry.core.manifests import Manifests
from registry.core.repositories import Repository
from registry.errors import BlobUnknown, ManifestBlobUnknown
from registry.oci.names import Reference, RepositoryName
from storage.blobs import BlobMissing, StoreUnavailable
from storage.digest import Digest
from storage.disk import DiskStore
from storage.metadata import repositories, tombstones, uploads
from storage.metadata.database import Database
from tests.core.damages import LAYER, NOBODY, Change, World, delete, empty, flip, lengthen, truncate, zero
from tests.core.images import IMAGE_TYPE, image, index
from tests.storage.metadata.conftest import ENGINES
from tests.storage.metadata.databases import open_database
from tests.storage.pushes import content_of, put
from tests.storage.s3_server import s3_store

HOUR_MS = 3_600_000


@pytest.fixture
def database(tmp_path: Path, empty_records: Path) -> Iterator[Database]:
    with closing(Database.open(Path(copyfile(empty_records, tmp_path / "cove.db")))) as opened:
        yield opened


@pytest.fixture(params=["disk", "s3"])
def stored(request: pytest.FixtureRequest, tmp_path: Path, database: Database) -> Iterator[World]:
    """One in each kind of store."""
    if request.param == "disk":
        yield World(tmp_path, DiskStore(tmp_path), database)
        return
    server, prefix = request.getfixturevalue("s3"), f"checking/{tmp_path.name}"
    with s3_store(server.endpoint, prefix) as store:
        yield World(Path(prefix), store, database, server)


@pytest.fixture(params=ENGINES)
def world(request: pytest.FixtureRequest, tmp_path: Path, empty_records: Path) -> Iterator[World]:
    """One with each kind of database."""
    if request.param == "postgres":
        address = request.getfixturevalue("postgres").make_database()
    else:
        address = str(copyfile(empty_records, tmp_path / "cove.db"))
    with closing(open_database(address)) as database:
        database.migrate()
        yield World(tmp_path, DiskStore(tmp_path), database)


# Damage


def put_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def put_symlink(file: Path) -> None:
    file.unlink()
    file.symlink_to("/etc/passwd")


def put_symlink_to_twin(file: Path) -> None:
    """The right bytes, but somebody else's, who may change them."""
    twin = file.with_name("twin")
    file.rename(twin)
    file.symlink_to(twin)


def put_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


OF_SAME_SIZE = [flip, zero]
ANYWHERE = [truncate, empty, lengthen, delete]
ON_DISK = [put_folder, put_symlink, put_symlink_to_twin, put_pipe]


def is_refused(world: World, content: bytes) -> bool:
    """Whether nobody gets the blob, in any way."""
    digest = Digest.of(content)
    other = Repository(world.project, RepositoryName("team", "other"))
    for ask in (world.blobs.stat, world.blobs.open, lambda where, which: world.blobs.url(where, which, 60)):
        with pytest.raises(BlobUnknown):
            ask(world.app, digest)
    return not world.blobs.mount(NOBODY, other, digest, world.app.name)


def damage_is_found_and_a_push_mends_it(world: World, damage: Callable[[], None], *, reads: bool) -> None:
    world.push("v1", LAYER)
    world.push_manifest("all", index(image(b"v1", LAYER)))
    assert world.findings(reads=reads) == []
    damage()
    for _ in range(2):
        [found] = world.findings(reads=reads, repairs=True)
        assert (found.kind, found.subject, found.mended) == ("blob", str(Digest.of(LAYER)), False)
        assert found.what.endswith(": push it again to mend it")
        assert (found.repositories, found.tags) == (("team/app",), ("team/app:all", "team/app:v1"))
    assert is_refused(world, LAYER)
    with pytest.raises(ManifestBlobUnknown):
        Manifests(world.database, sparse="none").push(
            NOBODY, world.app, Reference.parse("v2"), IMAGE_TYPE, image(b"v1", LAYER)
        )
    world.push_blob(LAYER)
    assert world.reads(LAYER) == LAYER
    assert world.blobs.stat(world.app, Digest.of(LAYER)).size == len(LAYER)
    assert world.findings(reads=True) == []


@pytest.mark.parametrize("change", [*OF_SAME_SIZE, *ANYWHERE])
def test_damaged_blob_is_found_by_reading_refused_and_mended_by_a_push(stored: World, change: Change) -> None:
    damage_is_found_and_a_push_mends_it(stored, lambda: stored.spoil(LAYER, change), reads=True)


@pytest.mark.parametrize("change", ANYWHERE)
def test_blob_of_another_size_is_found_without_reading(stored: World, change: Change) -> None:
    damage_is_found_and_a_push_mends_it(stored, lambda: stored.spoil(LAYER, change), reads=False)


@pytest.mark.parametrize("reads", [False, True])
@pytest.mark.parametrize("put_it", ON_DISK)
def test_what_is_no_file_is_never_followed(
    tmp_path: Path, database: Database, put_it: Callable[[Path], None], reads: bool
) -> None:
    world = World(tmp_path, DiskStore(tmp_path), database)
    damage_is_found_and_a_push_mends_it(world, lambda: put_it(world.file(LAYER)), reads=reads)


def test_medium_that_cannot_read_a_blob_has_damaged_it(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, DiskStore(tmp_path), database)
    world.push("v1", LAYER)
    size, real = len(LAYER), os.pread

    def fail(descriptor: int, length: int, offset: int) -> bytes:
        if os.fstat(descriptor).st_size == size:
            raise OSError(5, "Input/output error")
        return real(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", fail)
    [found] = world.findings(reads=True, repairs=True)
    assert "cannot be read: " in found.what
    assert "Input/output error" in found.what
    assert is_refused(world, LAYER)


@pytest.mark.parametrize("change", [flip, delete])
def test_without_repairs_nothing_is_changed(stored: World, change: Change) -> None:
    stored.push("v1", LAYER)
    stored.spoil(LAYER, change)
    assert len(stored.findings(reads=True)) == 1
    assert stored.record(LAYER).damage is None
    with stored.database.read() as tx:
        assert tx.exec_driver_sql("SELECT count(checked_at) FROM blobs").scalar() == 0


def test_damaged_blob_that_came_back_is_served_again(stored: World) -> None:
    stored.push("v1", LAYER)
    stored.spoil(LAYER, delete)
    stored.check(repairs=True)
    stored.spoil(LAYER, lambda _: LAYER)
    assert is_refused(stored, LAYER)
    [found] = stored.findings()
    assert found.what == "is missing: push it again to mend it"
    [found] = stored.findings(reads=True)
    assert (found.what, found.mended) == ("was noted as damaged (is missing), and has the right bytes", False)
    [found] = stored.findings(reads=True, repairs=True)
    assert found.mended
    assert stored.reads(LAYER) == LAYER
    assert stored.findings(reads=True) == []


def test_what_was_read_and_right_is_noted_with_the_time(stored: World) -> None:
    stored.push("v1", LAYER)
    stored.check(reads=True, repairs=True)
    with stored.database.read() as tx:
        noted = tx.exec_driver_sql("SELECT checked_at FROM blobs").scalars().all()
    assert len(noted) == 2
    assert all(abs(time - stored.clock()) < HOUR_MS for time in noted)


def test_blob_that_no_repository_has_any_more_is_no_problem(world: World) -> None:
    world.push_blob(LAYER)
    world.blobs.delete(world.app, Digest.of(LAYER))
    world.file(LAYER).unlink()
    assert world.findings() == []


def test_blob_that_goes_while_it_is_looked_at_is_no_problem(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.push_blob(LAYER)
    size = world.store.size

    def delete_first(location: str) -> int:
        with suppress(BlobUnknown):
            world.blobs.delete(world.app, Digest.of(LAYER))
        world.store.delete(location)
        return size(location)

    monkeypatch.setattr(world.store, "size", delete_first)
    assert world.findings(repairs=True) == []


def test_report_counts_what_it_has_seen(world: World) -> None:
    world.push("v1", LAYER)
    world.push("v2", LAYER)
    report = world.check(reads=True)
    assert (report.manifests, report.tags, report.blobs, report.bytes_read) == (2, 2, 3, len(LAYER) + 4)
    assert report.problems == 0


def test_blob_in_several_repositories_names_all_of_them(world: World) -> None:
    world.push("v1", LAYER)
    world.push_blob(LAYER, Repository(world.project, RepositoryName("team", "other")))
    world.file(LAYER).unlink()
    [found] = world.findings()
    assert (found.repositories, found.tags) == (("team/app", "team/other"), ("team/app:v1",))


# Objects and staged bytes


def test_objects_that_nothing_names_are_told_after_an_hour_and_cleaned_up_after_a_day(stored: World) -> None:
    stored.push("v1", LAYER)
    location = put(stored.store, b"forgotten")
    assert stored.findings() == []
    stored.ahead = HOUR_MS + 60_000
    [found] = stored.findings(repairs=True)
    assert (found.kind, found.subject, found.mended) == ("object", location, False)
    assert found.what == "is named by no record, and takes 9 bytes"
    stored.ahead = 24 * HOUR_MS + 60_000
    assert [found.mended for found in stored.findings()] == [False]
    assert [found.mended for found in stored.findings(repairs=True)] == [True]
    assert stored.findings() == []
    with stored.database.read() as tx:
        assert set(tombstones.list_due(tx, stored.clock(), 9)) == {location}
    assert content_of(stored.store, location) == b"forgotten"


def test_what_an_upload_has_so_far_is_no_forgotten_object(stored: World) -> None:
    with closing(stored.uploads.open(NOBODY, stored.app, stored.uploads.start(NOBODY, stored.app).id)) as upload:
        upload.append(b"so far")
        upload.save()
    stored.ahead = 48 * HOUR_MS
    assert stored.findings(repairs=True) == []


def test_foreign_files_and_what_an_old_registry_left_are_left_alone(world: World) -> None:
    blob = world.folder / "docker/registry/v2/blobs/sha256" / "ab" / f"ab{'0' * 62}" / "data"
    for file in (blob, world.folder / "blobs/sha256/ab/a-note-of-somebody", world.folder / "lost+found/x"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
    world.ahead = 48 * HOUR_MS
    assert world.findings(repairs=True) == []


def test_object_that_is_to_be_deleted_though_a_blob_needs_it_is_kept(world: World) -> None:
    world.push("v1", LAYER)
    location = world.record(LAYER).location
    with world.database.write() as tx:
        tombstones.add(tx, location, 1, 6)
        assert tombstones.list_due(tx, world.clock(), 9) == {}
    assert [(found.subject, found.mended) for found in world.findings()] == [(location, False)]
    [found] = world.findings(repairs=True)
    assert (found.what, found.mended) == ("was to be deleted, and a blob needs it", True)
    assert world.findings() == []
    with world.database.read() as tx:
        assert tombstones.count(tx) == (0, 0)


def test_staged_bytes_without_an_upload_are_told_and_dropped(world: World) -> None:
    kept, left = world.uploads.start(NOBODY, world.app), world.store.stage()
    world.ahead = 2 * HOUR_MS
    [found] = world.findings()
    assert (found.kind, found.subject, found.mended) == ("upload", left, False)
    assert (world.folder / left).exists()
    [found] = world.findings(repairs=True)
    assert found.mended
    assert not (world.folder / left).exists()
    assert world.findings() == []
    with world.database.read() as tx:
        row = repositories.find(tx, "team/app")
        assert row
        record = uploads.find(tx, kept.id, row.id, None, 0)
    assert record
    assert (world.folder / record.staged).exists()


# Manifests and tags


def test_manifest_with_other_content_is_told_with_its_tags_and_a_push_mends_it(world: World) -> None:
    digest = world.push("v1", LAYER)
    world.sql(
        "UPDATE manifests SET content = CAST('{}' AS BLOB)"
        if is_sqlite(world)
        else "UPDATE manifests SET content = '{}'"
    )
    [found] = world.findings(repairs=True)
    assert (found.kind, found.subject, found.tags) == ("manifest", f"team/app@{digest}", ("team/app:v1",))
    assert found.what == "has other content than its digest says: push it again to mend it"
    world.push("v1", LAYER)
    assert world.findings() == []
    assert world.manifests.read(world.app, Reference.parse("v1"))[1] == image(b"v1", LAYER)


def is_sqlite(world: World) -> bool:
    with world.database.read() as tx:
        return tx.dialect.name == "sqlite"


def test_manifest_that_cannot_be_understood_is_told(world: World) -> None:
    world.push("v1", LAYER)
    world.sql("UPDATE manifests SET media_type = 'text/plain'")
    [found] = world.findings()
    assert found.what.startswith("cannot be understood: ")


def test_references_that_differ_from_the_content_are_made_anew(world: World) -> None:
    world.push("v1", LAYER)
    world.sql(f"DELETE FROM manifest_references WHERE digest = '{Digest.of(LAYER)}'")
    found = world.findings()
    assert ("manifest", "is recorded as naming other content than it does", False) in [
        (each.kind, each.what, each.mended) for each in found
    ]
    assert all(each.mended for each in world.findings(repairs=True))
    assert world.findings() == []
    with world.database.read() as tx:
        names = tx.exec_driver_sql("SELECT digest FROM manifest_references").scalars().all()
    assert set(names) == {str(Digest.of(b"v1")), str(Digest.of(LAYER))}


def test_subject_that_differs_from_the_content_is_told(world: World) -> None:
    world.push("v1", LAYER)
    world.sql(f"UPDATE manifests SET subject = '{Digest.of(b'x')}'")
    [found] = world.findings()
    assert found.what == "is recorded as being about another manifest than it names"


def test_manifest_that_lacks_layers_is_told_unless_manifests_may(world: World) -> None:
    world.push_blob(b"config")
    world.push_manifest("v1", image(b"config", LAYER))
    [found] = world.findings()
    assert found.what == f"lacks what it needs: push {Digest.of(LAYER)} to complete it"
    assert world.findings(sparse="all") == []
    world.push_blob(LAYER)
    assert world.findings() == []


def test_deleted_manifest_may_lack_layers(world: World) -> None:
    digest = world.push_manifest("v1", image(b"config", LAYER))
    world.manifests.delete(NOBODY, world.app, Reference.parse(str(digest)))
    assert world.findings() == []


def test_tag_that_points_to_a_deleted_manifest_is_told(world: World) -> None:
    digest = world.push("v1", LAYER)
    world.sql("UPDATE manifests SET deleted_at = 5")
    [found] = world.findings(repairs=True)
    assert (found.kind, found.subject) == ("tag", "team/app:v1")
    assert found.what == f"points to {digest}, which is deleted: set it anew, or restore that"


# Counts and marks


def test_wrong_count_of_bytes_in_use_is_told_and_counted_anew(world: World) -> None:
    world.push("v1", LAYER)
    world.sql("UPDATE projects SET used_bytes = used_bytes + 1000000")
    [found] = world.findings()
    assert (found.kind, found.subject, found.mended) == ("usage", "team", False)
    assert found.what == "has 6.4 kB in use, and 1.0 MB on record"
    [found] = world.findings(repairs=True)
    assert found.mended
    assert world.findings() == []


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE repository_blobs SET leased_at = NULL", "layers of repositories that no manifest needs"),
        ("DELETE FROM repository_blobs", "blobs that no repository has"),
        ("UPDATE manifests SET untagged_at = NULL", "manifests without a tag that count as tagged"),
    ],
)
def test_what_would_never_be_cleaned_up_is_told_and_marked(world: World, statement: str, what: str) -> None:
    world.push_blob(b"alone")
    world.push_manifest("v1", index())
    world.manifests.delete(NOBODY, world.app, Reference.parse("v1"))
    world.sql(statement)
    world.sql("UPDATE projects SET used_bytes = 0")
    world.check(repairs=False)
    [found] = [each for each in world.findings() if each.kind == "mark"]
    assert found.what.startswith(what)
    assert (found.subject, found.mended) == ("1", False)
    assert all(found.mended for found in world.findings(repairs=True))
    assert world.findings() == []


def test_tagged_manifest_that_counts_as_untagged_is_told_and_marked(world: World) -> None:
    world.push_manifest("v1", index())
    world.sql("UPDATE manifests SET untagged_at = 5")
    assert [found.what for found in world.findings()] == ["manifests with a tag that count as untagged"]
    assert [found.mended for found in world.findings(repairs=True)] == [True]
    assert world.findings() == []


# The database and the storage themselves


def test_rows_that_name_rows_that_are_gone_end_the_check(tmp_path: Path, database: Database) -> None:
    world = World(tmp_path, DiskStore(tmp_path), database)
    world.push("v1", LAYER)
    with database.read() as tx:
        tx.exec_driver_sql("COMMIT")
        tx.exec_driver_sql("PRAGMA foreign_keys=OFF")
        tx.exec_driver_sql("DELETE FROM manifests")
        tx.exec_driver_sql("PRAGMA foreign_keys=ON")
        tx.exec_driver_sql("BEGIN")
    found = world.findings(repairs=True)
    assert {each.kind for each in found} == {"database"}
    assert all(each.what.startswith("is damaged, so nothing else was looked at: ") for each in found)
    assert any("rows of tags name manifests that are gone" in each.what for each in found)


def test_storage_without_the_identifier_is_told_and_accepted_when_the_blobs_are_there(stored: World) -> None:
    stored.push("v1", LAYER)
    stored.store.delete_note(NAME)
    [found] = stored.findings()
    assert (found.kind, found.subject, found.mended) == ("storage", "here", False)
    assert not is_ours(stored.database, stored.store)
    [found] = stored.findings(repairs=True)
    assert found.mended
    assert is_ours(stored.database, stored.store)
    assert stored.findings() == []


def test_folder_that_is_not_mounted_damages_nothing(tmp_path: Path, database: Database) -> None:
    world = World(tmp_path, DiskStore(tmp_path), database)
    world.push("v1", LAYER)
    for name in ("blobs", "notes"):
        (tmp_path / name).rename(tmp_path / f"mounted-{name}")
    assert [found.kind for found in world.findings(reads=True)] == ["storage"]
    with pytest.raises(NotOurStorage, match="has none of the blobs that should be in it"):
        world.check(repairs=True)
    for ask in (world.blobs.stat, world.blobs.open):
        with pytest.raises(StoreUnavailable, match="not known to be this registry's"):
            ask(world.app, Digest.of(LAYER))
    assert world.record(LAYER).damage is None
    for name in ("blobs", "notes"):
        shutil.rmtree(tmp_path / name, ignore_errors=True)
        (tmp_path / f"mounted-{name}").rename(tmp_path / name)
    assert world.reads(LAYER) == LAYER
    assert world.findings(reads=True) == []


def test_storage_that_is_lost_is_accepted_when_that_is_said(tmp_path: Path, database: Database) -> None:
    world = World(tmp_path, DiskStore(tmp_path), database)
    world.push("v1", LAYER)
    for name in ("blobs", "notes"):
        shutil.rmtree(tmp_path / name)
    found = world.findings(repairs=True, accepts=True)
    assert sorted((each.kind, each.mended) for each in found) == [("blob", False), ("blob", False), ("storage", True)]
    world.push("v1", LAYER)
    assert world.findings(reads=True) == []


def test_storage_of_another_registry_is_repaired_only_when_that_is_said(world: World) -> None:
    world.push("v1", LAYER)
    world.store.write_note(NAME, [b"another"])
    assert [found.kind for found in world.findings()] == ["storage"]
    with pytest.raises(NotOurStorage, match="is the storage of another registry"):
        world.check(repairs=True)
    assert [(found.kind, found.mended) for found in world.findings(repairs=True, accepts=True)] == [("storage", True)]


# Reading when it is asked for


def test_reader_that_meets_a_missing_file_notes_it_once(stored: World, caplog: pytest.LogCaptureFixture) -> None:
    stored.push("v1", LAYER)
    stored.spoil(LAYER, delete)
    for _ in range(3):
        assert is_refused(stored, LAYER)
    assert stored.record(LAYER).damage == "is missing"
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]
    stored.push_blob(LAYER)
    assert stored.record(LAYER).damage is None
    assert stored.reads(LAYER) == LAYER


def test_reader_that_is_late_for_a_blob_that_was_cleaned_up_reports_no_damage(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world.push_blob(LAYER)
    real = world.store.open

    def clean_up_first(location: str) -> object:
        world.sql("DELETE FROM repository_blobs")
        world.sql("DELETE FROM blobs")
        world.store.delete(location)
        return real(location)

    monkeypatch.setattr(world.store, "open", clean_up_first)
    with pytest.raises(BlobUnknown):
        world.blobs.open(world.app, Digest.of(LAYER))
    assert caplog.records == []


def test_push_of_a_damaged_blob_replaces_its_object_and_drops_the_old_one(stored: World) -> None:
    stored.push("v1", LAYER)
    stored.spoil(LAYER, flip)
    old = stored.record(LAYER).location
    stored.check(reads=True, repairs=True)
    stored.push_blob(LAYER)
    assert stored.record(LAYER).location != old
    with pytest.raises(BlobMissing):
        stored.store.size(old)
