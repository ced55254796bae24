"""What is deleted comes back as it was, until it is cleaned up; and tags go back to what they were."""

import itertools
from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import select, update

from auth.access import Access, Actor
from registry.core.audit import Audit
from registry.core.manifests import Manifests, Sparse
from registry.core.referrers import Referrers
from registry.core.repositories import Catalog, Repositories, Repository
from registry.core.restoring import Restored, Restoring
from registry.core.tags import Tags
from registry.errors import Conflict, ManifestUnknown, NameUnknown, NotFound
from registry.oci.names import Reference, RepositoryName
from storage.digest import Digest
from storage.metadata import blobs, deletions, manifests, projects, repositories
from storage.metadata.database import Database
from storage.metadata.deletions import DeletedRepository
from storage.metadata.listings import Filter, Listing
from storage.metadata.repositories import RepositorySize
from storage.metadata.tables import blobs as blob_rows
from storage.metadata.tables import manifests as manifest_rows
from storage.metadata.tables import repositories as repository_rows
from storage.metadata.users import UserRecord
from tests.core.images import IMAGE_TYPE, INDEX_TYPE, image, index
from tests.storage.metadata.conftest import ENGINES
from tests.storage.metadata.databases import open_database

NOBODY = Actor()
ANN = Actor(UserRecord(1, "ann", "", is_admin=False, is_disabled=False, credential_version=1, created_at=1))

_numbers = itertools.count(1)


def sha(content: bytes) -> str:
    return str(Digest.of(content))


class World:
    """A registry whose clock the test turns: every operation takes a second."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = 1_000_000_000_000
        self.manifests = Manifests(database, sparse="none", clock=self.clock)
        self.tags = Tags(database)
        self.repositories = Repositories(database, clock=self.clock)
        with database.write() as tx:
            self.project = projects.add(tx, f"team-{next(_numbers):03}", is_public=False, now=1)
        self.app = Repository(self.project, RepositoryName(self.project.name, "app"))

    def clock(self) -> int:
        self.now += 1000
        return self.now

    def restoring(self, sparse: Sparse = "none") -> Restoring:
        return Restoring(self.database, sparse=sparse, clock=self.clock)

    def push_blob(self, content: bytes) -> None:
        with self.database.write() as tx:
            row = repositories.get_or_create(tx, self.project.id, str(self.app.name), 1)
            digest = str(Digest.of(content))
            known = blobs.find(tx, digest)
            blob_id = known.id if known else blobs.add(tx, digest, len(content), digest, 1)
            blobs.link(tx, row.id, blob_id, self.now)

    def push(self, tag: str, layer: bytes = b"layer", subject: bytes | None = None) -> bytes:
        """An image of which nothing is missing."""
        content = image(b"{}", layer, subject=subject)
        for blob in (b"{}", layer):
            self.push_blob(blob)
        return self.put(tag, content)

    def put(self, tag: str, content: bytes) -> bytes:
        """A manifest with a tag, or by its digest where the tag is empty."""
        kind = INDEX_TYPE if b'"manifests"' in content else IMAGE_TYPE
        reference = Reference(tag=tag) if tag else Reference(digest=Digest.of(content))
        self.manifests.push(ANN, self.app, reference, kind, content)
        return content

    def delete(self, what: str | bytes) -> None:
        """A tag, or a manifest by its content."""
        reference = Reference(tag=what) if isinstance(what, str) else Reference(digest=Digest.of(what))
        self.manifests.delete(ANN, self.app, reference)

    def has(self, content: bytes) -> bool:
        try:
            self.manifests.find(self.app, Reference(digest=Digest.of(content)))
        except (ManifestUnknown, NameUnknown):
            return False
        return True

    def target(self, tag: str) -> str | None:
        try:
            return self.manifests.find(self.app, Reference(tag=tag)).digest
        except (ManifestUnknown, NameUnknown):
            return None

    def restore_tag(self, tag: str, to: Digest | int | None = None, *, force: bool = False) -> Restored:
        return self.restoring().restore_tag(NOBODY, self.app, tag, to=to, force=force)

    def restore(self, content: bytes, *, force: bool = False) -> Restored:
        return self.restoring().restore_manifest(NOBODY, self.app, Digest.of(content), force=force)

    def delete_all(self) -> RepositorySize:
        return self.repositories.delete(ANN, self.app)

    def restore_all(self, *, force: bool = False) -> Restored:
        return self.restoring().restore_repository(NOBODY, self.app, force=force)

    def purge(self, digest: Digest | None = None) -> None:
        """What is deleted is cleaned up; with `digest`, that manifest alone."""
        with self.database.write() as tx:
            row = repositories.find(tx, str(self.app.name))
            assert row
            for each in deletions.list_page(tx, row.id, deleted=True, after="", count=999):
                if digest is None or each.digest == str(digest):
                    manifests.remove(tx, [each.id], self.now)

    def drop_blob(self, content: bytes) -> None:
        with self.database.write() as tx:
            row, blob = repositories.find(tx, str(self.app.name)), blobs.find(tx, sha(content))
            assert row
            assert blob
            assert blobs.find_user(tx, row.id, blob.digest) is None
            blobs.unlink(tx, [(row.id, blob.id)], self.now)

    def names(self) -> list[str]:
        """What the catalog tells of the project."""
        catalog = Catalog(self.database, Access(is_open=True))
        names, _ = catalog.list(NOBODY, after=f"{self.project.name}/", count=99)
        return names

    def deleted(self) -> list[DeletedRepository]:
        found, _ = self.repositories.list_deleted(after=f"{self.project.name}/", count=99)
        return found

    def referrers(self, subject: bytes) -> list[object]:
        found, _ = Referrers(self.database).list(self.app, Digest.of(subject), artifact_types=[], after="", count=99)
        return [each["digest"] for each in found]

    def time_of(self, mark: str, content: bytes) -> int | None:
        """One of the times of a manifest."""
        with self.database.read() as tx:
            own = (manifest_rows.c.digest == sha(content)) & (manifest_rows.c.repository_id == repository_rows.c.id)
            chosen = select(manifest_rows.c[mark]).where(own, repository_rows.c.name == str(self.app.name))
            time: int | None = tx.execute(chosen).scalar_one()
            return time

    def untagged_at(self, content: bytes) -> int | None:
        return self.time_of("untagged_at", content)

    def snapshot(self) -> list[object]:
        """All that clients see."""
        found, _ = self.tags.list_targets(self.app, after="", count=99)
        there, _ = self.manifests.list(self.app, after="", count=99)
        return [*(tag for tag, _ in found), *there]

    def history(self, tag: str) -> list[tuple[str | None, str | None]]:
        """What the tag pointed to, the newest first, and who did that."""
        versions, _ = self.tags.history(self.app, tag, count=99)
        return [(version.change.digest, version.change.user_name) for version in versions]


@pytest.fixture(scope="module", params=ENGINES)
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None
    address = server.make_database() if server else str(tmp_path_factory.mktemp("data") / "cove.db")
    with closing(open_database(address)) as database:
        database.migrate()
        yield database


@pytest.fixture
def world(database: Database) -> World:
    """A project of its own for each test."""
    return World(database)


# Tags


def test_moved_tag_goes_back_and_forth(world: World) -> None:
    first, second = world.push("v1", b"1"), world.push("v1", b"2")
    assert world.restore_tag("v1") == Restored([], {"v1": sha(first)})
    assert world.target("v1") == sha(first)
    world.restore_tag("v1")
    assert world.target("v1") == sha(second)


def test_removed_tag_comes_back(world: World) -> None:
    content = world.push("v1")
    world.delete("v1")
    assert world.target("v1") is None
    world.restore_tag("v1")
    assert world.target("v1") == sha(content)


def test_tag_comes_back_with_its_deleted_manifest(world: World) -> None:
    content = world.push("v1")
    world.delete(content)
    assert world.restore_tag("v1") == Restored([sha(content)], {"v1": sha(content)})
    assert world.target("v1") == sha(content)


def test_other_tags_of_the_manifest_stay_away_when_one_is_restored(world: World) -> None:
    content = world.push("v1")
    world.put("v2", content)
    world.delete(content)
    world.restore_tag("v1")
    assert world.target("v2") is None


def test_tag_goes_back_to_a_digest_that_it_had(world: World) -> None:
    first = world.push("v1", b"1")
    for layer in (b"2", b"3"):
        world.push("v1", layer)
    world.restore_tag("v1", Digest.of(first))
    assert world.target("v1") == sha(first)


def test_tag_does_not_go_to_a_digest_that_it_never_had(world: World) -> None:
    world.push("v1", b"1")
    other = world.push("v2", b"2")
    with pytest.raises(NotFound, match="has never pointed to"):
        world.restore_tag("v1", Digest.of(other))


def test_tag_goes_back_to_what_it_was_before_a_time(world: World) -> None:
    world.push("v1", b"1")
    second = world.push("v1", b"2")
    moment = world.now + 1
    world.push("v1", b"3")
    world.delete("v1")
    world.restore_tag("v1", moment)
    assert world.target("v1") == sha(second)


def test_time_of_a_change_means_what_was_before_it(world: World) -> None:
    first = world.push("v1", b"1")
    world.push("v1", b"2")
    versions, _ = world.tags.history(world.app, "v1", count=1)
    world.restore_tag("v1", versions[0].change.changed_at)
    assert world.target("v1") == sha(first)


def test_tag_cannot_go_back_to_a_time_without_it(world: World) -> None:
    before = world.now
    world.push("v1")
    with pytest.raises(NotFound, match="at that time"):
        world.restore_tag("v1", before)
    world.delete("v1")
    gone = world.now + 1
    with pytest.raises(NotFound, match="at that time"):
        world.restore_tag("v1", gone)


def test_tag_with_one_version_cannot_go_back(world: World) -> None:
    world.push("v1")
    with pytest.raises(Conflict, match="never pointed to anything but"):
        world.restore_tag("v1")


def test_tag_that_never_was_cannot_be_restored(world: World) -> None:
    with pytest.raises(NotFound, match="never was a repository"):
        world.restore_tag("v1")
    world.push("v1")
    with pytest.raises(NotFound, match="never was a tag 'v2'"):
        world.restore_tag("v2")


def test_tag_that_was_removed_and_set_anew_is_moved_back_by_force_alone(world: World) -> None:
    first = world.push("v1", b"1")
    world.delete("v1")
    second = world.push("v1", b"2")
    with pytest.raises(Conflict, match="set anew"):
        world.restore_tag("v1")
    assert world.target("v1") == sha(second)
    world.restore_tag("v1", force=True)
    assert world.target("v1") == sha(first)


def test_tag_whose_manifest_was_cleaned_up_cannot_be_restored(world: World) -> None:
    content = world.push("v1")
    world.delete(content)
    world.purge()
    with pytest.raises(Conflict, match=f"{sha(content)} was deleted and has been cleaned up"):
        world.restore_tag("v1")


# History


def test_history_tells_every_change_and_who_made_it(world: World) -> None:
    first = world.push("v1", b"1")
    world.put("v1", first)
    second = world.push("v1", b"2")
    world.delete("v1")
    world.restore_tag("v1")
    world.delete(second)
    assert world.history("v1") == [
        (None, "ann"),
        (sha(second), None),
        (None, "ann"),
        (sha(second), "ann"),
        (sha(first), "ann"),
    ]


def test_history_comes_in_pages(world: World) -> None:
    pushed = [sha(world.push("v1", str(number).encode())) for number in range(5)]
    first, is_more = world.tags.history(world.app, "v1", count=3)
    assert is_more
    rest, is_more = world.tags.history(world.app, "v1", before=first[-1].change.id, count=3)
    assert not is_more
    assert [version.change.digest for version in [*first, *rest]] == pushed[::-1]


def test_history_tells_what_has_been_cleaned_up(world: World) -> None:
    gone = world.push("v1", b"1")
    world.push("v1", b"2")
    deleted = world.push("v1", b"3")
    world.delete(gone)
    world.purge()
    world.delete(deleted)
    versions, _ = world.tags.history(world.app, "v1", count=9)
    assert [version.is_restorable for version in versions] == [False, True, True, False]


def test_history_outlives_the_repository(world: World) -> None:
    content = world.push("v1")
    world.delete_all()
    world.purge()
    assert world.history("v1") == [(None, "ann"), (sha(content), "ann")]


def test_history_of_a_tag_that_never_was_is_an_error(world: World) -> None:
    world.push("v1")
    with pytest.raises(NotFound, match="never was a tag"):
        world.history("v2")


# Manifests


def test_deleted_manifest_is_gone_for_everybody_and_comes_back_as_it_was(world: World) -> None:
    content = world.push("v1")
    world.delete(content)
    assert not world.has(content)
    assert world.names() == []
    with pytest.raises(NameUnknown):
        world.tags.list(world.app, after="", count=9)
    assert world.restore(content) == Restored([sha(content)], {"v1": sha(content)})
    assert world.manifests.read(world.app, Reference(tag="v1"))[1] == content
    assert world.names() == [str(world.app.name)]


def test_tag_that_was_set_anew_is_left_alone_when_its_manifest_comes_back(world: World) -> None:
    old = world.push("v1", b"1")
    world.put("v2", old)
    world.delete(old)
    new = world.push("v1", b"2")
    assert world.restore(old) == Restored([sha(old)], {"v2": sha(old)}, ["v1"])
    assert world.target("v1") == sha(new)


def test_tag_that_was_removed_before_the_deletion_does_not_come_back_with_it(world: World) -> None:
    content = world.push("v1")
    world.delete("v1")
    world.delete(content)
    assert world.restore(content) == Restored([sha(content)])


def test_index_comes_back_with_its_images(world: World) -> None:
    first, second = world.push("a", b"1"), world.push("", b"2")
    whole = world.put("all", index(first, second))
    world.delete(first)
    world.delete(whole)
    world.delete(second)
    assert set(world.restore(whole).manifests) == {sha(whole), sha(first), sha(second)}
    assert world.target("a") == sha(first)


def test_image_comes_back_without_the_index_that_names_it(world: World) -> None:
    only = world.push("a")
    whole = world.put("all", index(only))
    world.delete(whole)
    world.delete(only)
    assert world.restore(only).manifests == [sha(only)]


def test_index_that_is_there_gets_its_deleted_images_back(world: World) -> None:
    only = world.push("")
    whole = world.put("all", index(only))
    world.delete(only)
    assert world.restore(whole).manifests == [sha(only)]


def test_manifest_comes_back_with_what_is_about_it_and_went_with_it_or_later(world: World) -> None:
    subject = world.push("v1")
    early, late = world.push("", b"early", subject), world.push("", b"late", subject)
    about_late = world.push("", b"about", late)
    world.delete(early)
    world.delete(subject)
    world.delete(late)
    world.delete(about_late)
    assert set(world.restore(subject).manifests) == {sha(subject), sha(late), sha(about_late)}
    assert world.referrers(subject) == [sha(late)]


def test_restored_manifest_is_as_old_as_before(world: World) -> None:
    content = world.push("v1")
    before = world.time_of("created_at", content)
    world.delete(content)
    world.restore(content)
    assert world.time_of("created_at", content) == before


def test_manifest_that_is_there_cannot_be_restored(world: World) -> None:
    content = world.push("v1")
    with pytest.raises(Conflict, match="is not deleted"):
        world.restore(content)


def test_manifest_that_never_was_cannot_be_restored(world: World) -> None:
    world.push("v1")
    with pytest.raises(NotFound, match="has no manifest"):
        world.restore(b"{}")


def test_manifest_that_was_cleaned_up_cannot_be_restored(world: World) -> None:
    content = world.push("v1")
    world.delete(content)
    world.purge()
    with pytest.raises(Conflict, match="has been cleaned up"):
        world.restore(content)


def test_missing_layer_is_named_and_nothing_comes_back_but_by_force(world: World) -> None:
    content = world.push("v1", b"layer")
    world.delete(content)
    world.drop_blob(b"layer")
    with pytest.raises(Conflict, match=str(Digest.of(b"layer"))) as refused:
        world.restore(content)
    assert refused.value.detail == [str(Digest.of(b"layer"))]
    assert not world.has(content)
    assert world.target("v1") is None
    assert world.restore(content, force=True).missing == [str(Digest.of(b"layer"))]
    assert world.target("v1") == sha(content)


def test_damaged_layer_counts_as_missing(world: World) -> None:
    content = world.push("v1", b"layer")
    world.delete(content)
    with world.database.write() as tx:
        tx.execute(update(blob_rows).where(blob_rows.c.digest == sha(b"layer")).values(damage="too short"))
    with pytest.raises(Conflict, match=sha(b"layer")):
        world.restore(content)
    with world.database.write() as tx:
        tx.execute(update(blob_rows).values(damage=None))
    world.restore(content)


def test_layer_that_was_pushed_again_is_not_missing(world: World) -> None:
    content = world.push("v1", b"layer")
    world.delete(content)
    world.drop_blob(b"layer")
    world.push_blob(b"layer")
    world.restore(content)
    with world.database.read() as tx:
        row = repositories.find(tx, str(world.app.name))
        assert row
        found = blobs.find_leased(tx, row.id, sha(b"layer"))
        assert found
        assert found.leased_at is None


def test_index_may_lack_images_where_those_that_are_pushed_may(world: World) -> None:
    child = world.push("")
    whole = world.put("all", index(child))
    world.delete(child)
    world.purge()
    world.delete(whole)
    with pytest.raises(Conflict, match=sha(child)):
        world.restore(whole)
    restored = world.restoring("indexes").restore_manifest(NOBODY, world.app, Digest.of(whole))
    assert restored.missing == [sha(child)]


def test_pushing_a_deleted_manifest_brings_it_back_alone(world: World) -> None:
    content = world.push("v1")
    world.put("v2", content)
    world.delete(content)
    world.put("v3", content)
    assert world.time_of("created_at", content) == world.now
    assert world.tags.list(world.app, after="", count=9) == (["v3"], False)
    assert world.manifests.list(world.app, deleted=True, after="", count=9) == ([], False)


def test_deleted_manifests_and_tags_are_listed_until_they_are_cleaned_up(world: World) -> None:
    kept, gone = world.push("v1", b"1"), world.push("v2", b"2")
    world.put("v3", kept)
    world.delete(gone)
    world.delete("v3")
    [listed], is_more = world.manifests.list(world.app, deleted=True, after="", count=9)
    assert (listed.digest, is_more) == (sha(gone), False)
    assert listed.deleted_at is not None
    assert [(tag.name, tag.digest, tag.user_name, tag.deleted_at) for tag in world.tags.list_deleted(world.app)] == [
        ("v2", sha(gone), "ann", listed.deleted_at),
        ("v3", sha(kept), "ann", None),
    ]
    world.purge()
    assert world.manifests.list(world.app, deleted=True, after="", count=9) == ([], False)
    assert [tag.name for tag in world.tags.list_deleted(world.app)] == ["v3"]


def test_manifests_are_listed_in_pages(world: World) -> None:
    pushed = sorted(sha(world.push("", str(number).encode())) for number in range(4))
    first, is_more = world.manifests.list(world.app, after="", count=3)
    assert is_more
    rest, is_more = world.manifests.list(world.app, after=first[-1].digest, count=3)
    assert not is_more
    assert [each.digest for each in [*first, *rest]] == pushed


def test_manifest_that_loses_its_last_tag_is_untagged_from_then_on(world: World) -> None:
    first = world.push("v1", b"1")
    world.put("v2", first)
    assert world.untagged_at(first) is None
    world.push("v1", b"2")
    assert world.untagged_at(first) is None
    world.delete("v2")
    assert world.untagged_at(first) == world.now
    world.restore_tag("v2")
    assert world.untagged_at(first) is None
    world.delete_all()
    world.restore_all()
    assert world.untagged_at(first) is None


# Repositories


def test_deleted_repository_comes_back_as_it_was(world: World) -> None:
    contents = [world.push(f"v{number}", str(number).encode()) for number in range(3)]
    untagged = world.push("", b"untagged")
    gone = world.push("gone", b"gone")
    world.put("v3", contents[0])
    world.delete(gone)
    world.delete("v3")
    before = world.snapshot()
    assert world.delete_all() == RepositorySize(str(world.app.name), 4, 3)
    assert world.names() == []
    assert not any(map(world.has, [*contents, untagged]))
    restored = world.restore_all()
    assert set(restored.manifests) == {*map(sha, contents), sha(untagged)}
    assert restored.tags == {f"v{number}": sha(content) for number, content in enumerate(contents)}
    assert world.snapshot() == before
    assert not world.has(gone)


def test_deleted_repositories_are_listed_until_they_are_restored_or_cleaned_up(world: World) -> None:
    world.push("v1")
    name = str(world.app.name)
    assert world.deleted() == []
    world.delete_all()
    assert world.deleted() == [DeletedRepository(name, world.now, "ann", 1)]
    world.restore_all()
    assert world.deleted() == []
    world.delete_all()
    world.purge()
    assert world.deleted() == []


def test_known_repositories_are_listed_with_their_sizes(world: World) -> None:
    world.put("v2", world.push("v1", b"1"))
    world.delete(world.push("v3", b"2"))
    found, is_more = world.repositories.list(after=f"{world.project.name}/", count=1)
    assert (found, is_more) == ([RepositorySize(str(world.app.name), 1, 2)], False)


def test_what_is_pushed_to_a_deleted_repository_stays_when_it_comes_back(world: World) -> None:
    old = world.push("v1", b"1")
    world.delete_all()
    new = world.push("v2", b"2")
    world.restore_all()
    assert (world.target("v1"), world.target("v2")) == (sha(old), sha(new))


def test_repository_whose_tags_were_set_anew_comes_back_by_force_alone(world: World) -> None:
    old = world.push("v1", b"1")
    world.push("v2", b"1")
    world.delete_all()
    new = world.push("v1", b"2")
    with pytest.raises(Conflict, match="set anew: v1;"):
        world.restore_all()
    assert (world.target("v1"), world.target("v2")) == (sha(new), None)
    world.restore_all(force=True)
    assert (world.target("v1"), world.target("v2")) == (sha(old), sha(old))


def test_tag_that_was_set_and_removed_again_since_comes_back_with_the_repository(world: World) -> None:
    content = world.push("v1")
    world.delete_all()
    world.push("v1")
    world.delete(content)
    assert world.restore_all() == Restored([sha(content)], {"v1": sha(content)})


def test_repository_that_was_cleaned_up_cannot_be_restored(world: World) -> None:
    world.push("v1")
    world.delete_all()
    world.purge()
    with pytest.raises(Conflict, match="cleaned up"):
        world.restore_all(force=True)


def test_repository_of_which_some_was_cleaned_up_comes_back_by_force_alone(world: World) -> None:
    first, second = world.push("v1", b"1"), world.push("v2", b"2")
    world.delete_all()
    world.purge(Digest.of(first))
    with pytest.raises(Conflict, match="cleaned up: v1;"):
        world.restore_all()
    assert world.restore_all(force=True) == Restored([sha(second)], {"v2": sha(second)})


def test_repository_that_is_not_deleted_cannot_be_restored(world: World) -> None:
    with pytest.raises(NotFound, match="never was a repository"):
        world.restore_all()
    world.delete(world.push("v1"))
    with pytest.raises(Conflict, match="is not deleted"):
        world.restore_all()


def test_repository_that_holds_nothing_cannot_be_deleted(world: World) -> None:
    with pytest.raises(NotFound, match="does not exist"):
        world.delete_all()
    world.push("v1")
    world.delete_all()
    with pytest.raises(NotFound, match="does not exist"):
        world.delete_all()


def test_repository_of_a_project_that_never_was_is_an_error(world: World) -> None:
    with pytest.raises(NotFound, match="project 'nowhere' does not exist"):
        world.repositories.named(RepositoryName("nowhere", "app"))


def test_repository_does_not_come_back_into_a_project_that_was_made_anew(world: World) -> None:
    world.push("v1")
    world.delete_all()
    with world.database.write() as tx:
        projects.remove(tx, world.project.id, 1)
        projects.add(tx, world.project.name, is_public=False, now=2)
    with pytest.raises(NotFound, match="never was a repository"):
        world.restoring().restore_repository(NOBODY, world.repositories.named(world.app.name))


def test_what_is_restored_is_on_record_with_who_did_it(world: World) -> None:
    first, second = world.push("v1", b"1"), world.push("v2", b"2")
    world.delete(first)
    world.restore(first)
    world.delete("v2")
    world.restore_tag("v2")
    world.delete_all()
    world.restoring().restore_repository(ANN, world.app)
    listing = Listing((Filter("operation", "exact", ("restore",)),), ("id",))
    found, _ = Audit(world.database, Access()).page_of_project(world.project.id, listing)
    name = str(world.app.name)
    assert [(each.user_name, each.resource_type, each.resource) for each in found] == [
        ("", "artifact", f"{name}@{sha(first)}"),
        ("", "tag", f"{name}:v2"),
        ("ann", "repository", name),
    ]
    assert world.has(second)
