"""How much projects keep, and that what does not fit is refused whole."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from registry.core.adoption import Adoption
from registry.core.identity import accept
from registry.core.projects import Projects
from registry.errors import BlobUnknown, BlobUploadUnknown, ManifestUnknown, QuotaExceeded
from registry.oci.names import Reference
from storage.digest import Digest
from storage.disk import DiskStore
from storage.legacy_disk import LegacyDisk
from storage.metadata import blobs
from storage.metadata.database import Database
from tests.core.images import image
from tests.core.legacy_trees import Tree
from tests.core.quota_worlds import NOBODY, World, refusal
from tests.storage.metadata.conftest import ENGINES
from tests.storage.metadata.databases import open_database
from tests.storage.s3_server import S3Server, s3_store

PART_BYTES = 5 << 20
Open = Callable[[], World]


@pytest.fixture(params=ENGINES)
def nodes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Gives nodes over the same data, each as another process would be."""
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None
    address = server.make_database() if server else str(tmp_path / "cove.db")
    with ExitStack() as stack:

        def node() -> World:
            database = stack.enter_context(closing(open_database(address)))
            database.migrate()
            return World(database, DiskStore(tmp_path / "store"))

        yield node


@pytest.fixture
def world(nodes: Open) -> World:
    return nodes()


@dataclass(frozen=True, slots=True)
class Place:
    """A world over some store. `kept` tells all that the store has, staged bytes too; `unit` is worth a part or so."""

    world: World
    kept: Callable[[], object]
    unit: bytes


@pytest.fixture(params=["disk", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as stack:
        database = stack.enter_context(closing(Database.open(tmp_path / "cove.db")))
        database.migrate()
        if request.param == "disk":
            folder = tmp_path / "store"
            yield Place(World(database, DiskStore(folder)), partial(files, folder), b"x" * 10)
        else:
            server, prefix = request.getfixturevalue("s3"), f"quotas/{tmp_path.name}"
            store = stack.enter_context(s3_store(server.endpoint, prefix, part_bytes=PART_BYTES))
            yield Place(World(database, store), partial(on_server, server, prefix), b"x" * 6_000_000)


def files(folder: Path) -> object:
    return [path for path in folder.rglob("*") if path.is_file()]


def on_server(server: S3Server, prefix: str) -> object:
    return server.objects(prefix), server.uploads(prefix)


# What counts


def test_blob_counts_once_in_a_project_and_again_in_another(world: World) -> None:
    for repository in ("team/a", "team/b", "team/a", "other/a"):
        world.push(repository, b"x" * 100)
    world.push("team/b", b"y" * 10)
    assert (world.used("team"), world.used("other")) == (110, 100)


def test_blob_that_is_mounted_counts_in_the_project_that_gets_it(world: World) -> None:
    world.push("team/a", b"x" * 100)
    assert world.mount("team/b", b"x" * 100, "team/a")
    assert (world.used("team"), world.used("other")) == (100, 0)
    assert world.mount("other/a", b"x" * 100, "team/a")
    assert (world.used("team"), world.used("other")) == (100, 100)


def test_manifest_counts_in_every_repository_until_it_is_cleaned_up(world: World) -> None:
    manifest = world.push_image("team/a", "1", b"config", b"layer")
    world.push_image("team/b", "1", b"config", b"layer")
    both = len(b"configlayer") + 2 * len(manifest)
    assert world.used() == both
    world.delete("team/b", "1")
    world.delete("team/b", Digest.of(manifest))
    assert world.used() == both
    world.clean()
    assert world.used() == both - len(manifest)
    world.delete("team/a", Digest.of(manifest))
    world.clean()
    assert world.used() == 0


def test_manifest_that_is_pushed_again_after_its_deletion_counts_once(world: World) -> None:
    manifest = world.push_image("team/a", "1", b"config", b"layer")
    before = world.used()
    world.delete("team/a", Digest.of(manifest))
    world.push_manifest("team/a", "2", manifest)
    world.push_manifest("team/a", "3", manifest)
    assert world.used() == before


def test_blob_counts_no_longer_when_its_last_repository_in_the_project_deletes_it(world: World) -> None:
    for repository in ("team/a", "team/b", "other/a"):
        world.push(repository, b"x" * 100)
    world.blobs.delete(world.repository("team/a"), Digest.of(b"x" * 100))
    assert (world.used("team"), world.used("other")) == (100, 100)
    world.blobs.delete(world.repository("team/b"), Digest.of(b"x" * 100))
    assert (world.used("team"), world.used("other")) == (0, 100)


def test_blobs_that_are_cleaned_up_together_are_released_from_each_project(world: World) -> None:
    for repository in ("team/a", "team/b", "other/a"):
        for content in (b"x" * 100, b"y" * 10):
            world.push(repository, content)
    world.push_image("other/b", "1", b"y" * 10)
    manifest = len(image(b"y" * 10))
    assert (world.used("team"), world.used("other")) == (110, 110 + manifest)
    world.clean()
    assert (world.used("team"), world.used("other")) == (0, 10 + manifest)


def test_project_that_is_made_anew_has_nothing_in_use(world: World) -> None:
    world.push_image("team/a", "1", b"config", b"layer")
    world.projects.delete("team", force=True)
    world.projects.create("team")
    assert world.used() == 0


def test_recount_finds_what_is_there_and_keeps_it(world: World) -> None:
    manifest = world.push_image("team/a", "1", b"config", b"layer")
    world.push("team/b", b"layer")
    right = world.used()
    assert right == len(b"configlayer") + len(manifest)
    with world.database.write() as tx:
        tx.exec_driver_sql("UPDATE projects SET used_bytes = 3 WHERE name = 'team'")
    recount = world.projects.recount("team")
    assert (recount.project, recount.recorded, recount.used) == ("team", 3, right)
    assert world.used() == right


def test_what_is_adopted_counts_and_may_be_beyond_the_limit_of_new_projects(world: World, tmp_path: Path) -> None:
    tree = Tree(tmp_path / "old")
    tree.repositories.mkdir(parents=True)
    manifests = [tree.push("old/a", "1", b"layer"), tree.push("old/b", "1", b"layer", b"more")]
    for _ in range(2):
        report = Adoption(world.database, LegacyDisk(tree.root), manifest_limit=10**7, quota=9).run()
        assert report.problems == []
    assert world.projects.find("old").quota_bytes == 9
    assert world.used("old") == len(b"{}layermore") + sum(map(len, manifests))


# What is refused


def test_project_may_be_filled_to_the_last_byte(world: World) -> None:
    world.limit(100)
    world.push("team/a", b"x" * 60)
    world.push("team/b", b"y" * 40)
    assert world.used() == 100
    refused = refusal(partial(world.push, "team/a", b"z"))
    assert refused
    assert refused.detail == {"project": "team", "used": 100, "limit": 100, "asked": 1}
    assert world.used() == 100


def test_refusal_says_in_people_s_units_what_there_is_and_what_was_asked() -> None:
    error = QuotaExceeded("team", used=95_000_000, limit=100_000_000, asked=10_000_000)
    assert error.message == (
        "project 'team' has 95.0 MB of its 100.0 MB in use: 10.0 MB more do not fit; ask an administrator for more"
    )
    assert (error.status, error.code) == (403, "DENIED")


def test_blob_that_does_not_fit_leaves_nothing(place: Place) -> None:
    world, unit = place.world, place.unit
    world.limit(3 * len(unit))
    world.push("team/a", unit * 2)
    before = place.kept()
    upload, where = world.begin("team/a"), world.repository("team/a")
    with closing(world.uploads.open(NOBODY, where, upload)) as opened:
        opened.append(unit)
        opened.save()
    with closing(world.uploads.open(NOBODY, where, upload)) as opened:
        opened.append(b"y")
        with pytest.raises(QuotaExceeded):
            opened.finish(Digest.of(unit + b"y"))
    with pytest.raises(BlobUploadUnknown):
        world.uploads.open(NOBODY, where, upload)
    with world.database.read() as tx:
        assert blobs.find(tx, str(Digest.of(unit + b"y"))) is None
    assert place.kept() == before
    assert world.used() == 2 * len(unit)


def test_blob_larger_than_the_limit_is_refused_when_its_length_is_told(world: World) -> None:
    world.limit(100)
    upload = world.begin("team/a")
    with closing(world.uploads.open(NOBODY, world.repository("team/a"), upload, length=100)) as opened:
        opened.append(b"x" * 60)
        opened.save()
    with pytest.raises(QuotaExceeded) as refused:
        world.uploads.open(NOBODY, world.repository("team/a"), upload, length=41)
    assert refused.value.detail == {"project": "team", "used": 0, "limit": 100, "asked": 101}
    with pytest.raises(BlobUploadUnknown):
        world.uploads.find(NOBODY, world.repository("team/a"), upload)


def test_blob_that_grows_beyond_the_limit_is_refused_on_the_way(place: Place) -> None:
    world, unit = place.world, place.unit
    world.limit(2 * len(unit))
    before = place.kept()
    upload, where = world.begin("team/a"), world.repository("team/a")
    with closing(world.uploads.open(NOBODY, where, upload)) as opened:
        opened.append(unit)
        opened.save()
        opened.append(unit)
        with pytest.raises(QuotaExceeded):
            opened.append(b"x")
    with pytest.raises(BlobUploadUnknown):
        world.uploads.find(NOBODY, where, upload)
    assert place.kept() == before


def test_blob_that_is_mounted_has_to_fit(world: World) -> None:
    world.push("other/a", b"x" * 100)
    world.limit(99)
    refused = refusal(partial(world.mount, "team/a", b"x" * 100, "other/a"))
    assert refused
    assert refused.detail == {"project": "team", "used": 0, "limit": 99, "asked": 100}
    with pytest.raises(BlobUnknown):
        world.blobs.stat(world.repository("team/a"), Digest.of(b"x" * 100))
    world.limit(100)
    assert world.mount("team/a", b"x" * 100, "other/a")
    assert world.used() == 100


def test_manifest_that_does_not_fit_leaves_nothing_and_its_tag_where_it_was(world: World) -> None:
    first = world.push_image("team/a", "1", b"config")
    world.push("team/a", b"layer")
    second = image(b"config", b"layer")
    world.limit(world.used() + len(second) - 1)
    before = world.used()
    refused = refusal(partial(world.push_manifest, "team/a", "1", second))
    assert refused
    assert refused.detail == {
        "project": "team",
        "used": before,
        "limit": before + len(second) - 1,
        "asked": len(second),
    }
    where = world.repository("team/a")
    assert world.manifests.read(where, Reference.parse("1"))[1] == first
    with pytest.raises(ManifestUnknown):
        world.manifests.find(where, Reference.parse(str(Digest.of(second))))
    assert world.used() == before


def test_project_beyond_its_limit_takes_what_it_has_already_and_nothing_else(world: World) -> None:
    manifest = world.push_image("team/a", "1", b"config", b"layer")
    deleted = world.push_image("team/a", "2", b"config")
    world.delete("team/a", Digest.of(deleted))
    world.limit(1)
    before = world.used()
    world.push("team/a", b"layer")
    world.push("team/b", b"layer")
    assert world.mount("team/c", b"config", "team/a")
    world.push_manifest("team/a", "again", manifest)
    world.push_manifest("team/a", "back", deleted)
    assert world.used() == before
    assert refusal(partial(world.push, "team/a", b"1"))
    assert refusal(partial(world.push_manifest, "team/b", "1", image(b"layer")))
    assert world.used() == before
    world.limit(None)
    world.push("team/a", b"1")


def test_damaged_blob_is_mended_by_a_push_to_a_project_beyond_its_limit(world: World) -> None:
    digest = world.push("team/a", b"x" * 100)
    with world.database.read() as tx:
        record = blobs.find(tx, str(digest))
    assert record
    accept(world.database, world.store)
    world.store.delete(record.location)
    world.limit(10)
    with pytest.raises(BlobUnknown):
        world.blobs.stat(world.repository("team/a"), digest)
    upload = world.begin("team/a")
    with closing(world.uploads.open(NOBODY, world.repository("team/a"), upload, length=100)) as opened:
        opened.append(b"x" * 100)
        opened.finish(digest)
    assert world.blobs.stat(world.repository("team/a"), digest).size == 100
    assert world.used() == 100


def test_room_that_is_made_can_be_used_at_once(world: World) -> None:
    world.limit(100)
    digest = world.push("team/a", b"x" * 100)
    assert refusal(partial(world.push, "team/a", b"y" * 100))
    world.blobs.delete(world.repository("team/a"), digest)
    world.push("team/a", b"y" * 100)
    assert world.used() == 100


def test_open_registry_gives_the_projects_that_pushes_make_its_limit(world: World) -> None:
    limited = Projects(world.database, world.store, quota=7)
    assert limited.ensure_public("new").quota_bytes == 7
    assert limited.ensure_public("team").quota_bytes is None


# Many at once


def test_pushes_of_two_nodes_at_once_never_exceed_the_limit(nodes: Open) -> None:
    both = nodes(), nodes()
    both[0].limit(1000)
    contents = [bytes([number]) * (100 + number) for number in range(24)]

    def push(number: int) -> bool:
        node, repository = both[number % 2], f"team/r{number % 3}"
        return refusal(partial(node.push, repository, contents[number])) is None

    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(push, range(24)))
    used = sum(len(content) for content, was_taken in zip(contents, taken, strict=True) if was_taken)
    assert both[0].used() == used
    assert 1000 - used < max(map(len, contents))


def test_one_blob_that_many_push_at_once_is_charged_once(nodes: Open) -> None:
    both = nodes(), nodes()
    both[0].limit(150)
    with ThreadPoolExecutor(8) as threads:
        refused = list(
            threads.map(lambda n: refusal(partial(both[n % 2].push, f"team/r{n % 4}", b"x" * 100)), range(16))
        )
    assert refused == [None] * 16
    assert both[0].used() == 100


def test_record_of_a_project_that_is_older_than_its_limit_does_not_let_a_push_in(world: World) -> None:
    """The gate has read it before the body came; what counts is what holds at the end."""
    old = world.repository("team/a")
    upload = world.begin("team/a")
    world.limit(10)
    with closing(world.uploads.open(NOBODY, old, upload)) as opened:
        opened.append(b"x" * 11)
        with pytest.raises(QuotaExceeded):
            opened.finish(Digest.of(b"x" * 11))
    assert world.used() == 0
