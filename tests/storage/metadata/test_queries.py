"""What the queries promise: order, pages, visibility, and what goes when something else goes."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from storage.metadata import (
    blobs,
    login_failures,
    manifests,
    members,
    projects,
    repositories,
    signing_keys,
    tags,
    tombstones,
    uploads,
    users,
)
from storage.metadata.database import Database, Transaction, insert_if_absent, insert_many, insert_row
from storage.metadata.management_tables import group_members, user_groups
from storage.metadata.sights import Sight
from storage.metadata.tables import facts
from storage.metadata.tables import members as members_table
from storage.metadata.uploads import UploadRecord
from tests.storage.metadata.databases import undone


@pytest.fixture
def tx(shared: Database) -> Iterator[Transaction]:
    """A transaction in an empty database; nothing of it is kept."""
    with undone(shared) as tx:
        yield tx


def make_project(tx: Transaction, name: str, *, public: bool = False) -> int:
    return projects.add(tx, name, is_public=public, now=1).id


def make_user(tx: Transaction, name: str) -> int:
    return users.add(tx, name, "hash", is_admin=False, now=1).id


def make_manifest(tx: Transaction, repository_id: int, digest: str, **values: object) -> int:
    usual: dict[str, object] = {
        "media_type": "type",
        "artifact_type": None,
        "subject": None,
        "annotations": {},
        "content": b"{}",
        "references": {},
        "now": 1,
    }
    return manifests.add(tx, repository_id, digest=digest, **{**usual, **values})  # type: ignore[arg-type]


def make_repository(tx: Transaction, project_id: int, name: str) -> int:
    """One that is known, since it holds a manifest."""
    row = repositories.get_or_create(tx, project_id, name, 1)
    make_manifest(tx, row.id, f"sha256:{row.id}")
    return row.id


# Order and pages

UNSORTED = ["b", "a", "B", "a-b", "a.b", "a_b", "a0", "aa", "_", "A", "10", "9"]


def test_tags_come_in_bytewise_order(tx: Transaction) -> None:
    repository = make_repository(tx, make_project(tx, "p"), "p/r")
    manifest = make_manifest(tx, repository, "sha256:x")
    for name in UNSORTED:
        tags.point(tx, repository, name, manifest, 1)
    assert tags.list_names(tx, repository, after="", count=99) == sorted(UNSORTED)


def test_pages_by_key_miss_nothing_and_repeat_nothing_while_the_list_changes(tx: Transaction) -> None:
    repository = make_repository(tx, make_project(tx, "p"), "p/r")
    manifest = make_manifest(tx, repository, "sha256:x")
    for name in "bdfh":
        tags.point(tx, repository, name, manifest, 1)
    first = tags.list_names(tx, repository, after="", count=2)
    tags.point(tx, repository, "a", manifest, 1)
    tags.point(tx, repository, "e", manifest, 1)
    tags.remove(tx, repository, "b", 2)
    assert (first, tags.list_names(tx, repository, after="d", count=9)) == (["b", "d"], ["e", "f", "h"])
    assert tags.list_names(tx, repository, after="zzz", count=9) == []
    assert tags.list_names(tx, repository, after="d", count=0) == []


def test_repositories_come_in_bytewise_order_of_their_whole_names(tx: Transaction) -> None:
    names = ["a/b", "a-b/c", "a/b-c", "a/b/c", "a.b/c", "a0/b"]
    ids = {name: make_project(tx, name) for name in {name.split("/")[0] for name in names}}
    for name in names:
        make_repository(tx, ids[name.split("/")[0]], name)
    assert repositories.list_names(tx, Sight(everything=True), after="", count=99) == sorted(names)
    assert repositories.list_names(tx, Sight(everything=True), after="a/b", count=1) == ["a/b-c"]


def test_names_that_differ_in_case_or_form_are_different(tx: Transaction) -> None:
    ids = {make_user(tx, name) for name in ("dev", "Dev", "de\u0301v", "d\u00e9v", "dev ")}
    assert len(ids) == 5
    assert users.find(tx, "DEV") is None


def test_projects_come_in_bytewise_order(tx: Transaction) -> None:
    for name in ("b", "a-b", "a.b", "a0"):
        make_project(tx, name)
    assert [project.name for project in projects.list_all(tx)] == ["a-b", "a.b", "a0", "b"]


# Visibility


def test_account_sees_repositories_of_public_and_of_its_own_projects(tx: Transaction) -> None:
    own, other, public = make_project(tx, "own"), make_project(tx, "other"), make_project(tx, "public", public=True)
    for project, name in ((own, "own/r"), (other, "other/r"), (public, "public/r")):
        make_repository(tx, project, name)
    dev, stranger = make_user(tx, "dev"), make_user(tx, "stranger")
    members.put_role(tx, own, dev, 3)

    def seen(user: int | None) -> list[str]:
        return repositories.list_names(tx, Sight(user_id=user), after="", count=9)

    assert seen(dev) == ["own/r", "public/r"]
    assert seen(stranger) == seen(None) == ["public/r"]
    assert repositories.list_names(tx, Sight(everything=True), after="", count=9) == ["other/r", "own/r", "public/r"]


def test_repository_without_manifests_is_not_listed(tx: Transaction) -> None:
    row = repositories.get_or_create(tx, make_project(tx, "p"), "p/r", 1)
    assert repositories.list_names(tx, Sight(everything=True), after="", count=9) == []
    assert not repositories.holds_manifests(tx, row.id)
    make_manifest(tx, row.id, "sha256:x")
    assert repositories.list_names(tx, Sight(everything=True), after="", count=9) == ["p/r"]
    assert repositories.holds_manifests(tx, row.id)


def test_blob_is_visible_where_a_repository_that_has_it_is(tx: Transaction) -> None:
    own, other = make_project(tx, "own"), make_project(tx, "other")
    dev = make_user(tx, "dev")
    members.put_role(tx, own, dev, 5)
    blob = blobs.add(tx, "sha256:b", 3, "place", 1)
    blobs.link(tx, make_repository(tx, other, "other/r"), blob, 1)
    assert blobs.find_visible(tx, Sight(user_id=dev), "sha256:b") is None
    assert blobs.find_visible(tx, Sight(everything=True), "sha256:b") is not None
    blobs.link(tx, make_repository(tx, own, "own/r"), blob, 1)
    assert blobs.find_visible(tx, Sight(user_id=dev), "sha256:b") is not None
    assert blobs.find_visible(tx, Sight(user_id=None), "sha256:b") is None


def test_blob_that_no_repository_has_is_visible_to_nobody(tx: Transaction) -> None:
    blobs.add(tx, "sha256:b", 3, "place", 1)
    assert blobs.find_visible(tx, Sight(everything=True), "sha256:b") is None


def test_role_is_found_with_the_project(tx: Transaction) -> None:
    project, dev = make_project(tx, "p"), make_user(tx, "dev")
    members.put_role(tx, project, dev, 2)
    found = projects.find_with_roles(tx, "p", dev)
    assert found
    assert (found[0].name, found[1]) == ("p", [2])
    assert projects.find_with_roles(tx, "p", None) == (found[0], [])
    assert projects.find_with_roles(tx, "none", dev) is None


# What goes with what


def test_project_takes_all_that_is_in_it_but_no_blob(tx: Transaction) -> None:
    project, dev = make_project(tx, "p"), make_user(tx, "dev")
    members.put_role(tx, project, dev, 2)
    repository = make_repository(tx, project, "p/r")
    manifest = make_manifest(tx, repository, "sha256:x", references={"sha256:b": False})
    tags.point(tx, repository, "1", manifest, 1)
    blobs.link(tx, repository, blobs.add(tx, "sha256:b", 3, "place", 1), 1)
    uploads.add(tx, UploadRecord("u", repository, dev, "staged", 0, "sha256", None, 99))
    projects.remove(tx, project, 2)
    emptied = ("members", "repositories", "manifests", "manifest_references", "tags", "repository_blobs", "uploads")
    assert {tx.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() for table in emptied} == {0}
    assert blobs.count(tx) == (1, 3)


def test_manifest_takes_its_tags_and_references(tx: Transaction) -> None:
    repository = make_repository(tx, make_project(tx, "p"), "p/r")
    manifest = make_manifest(tx, repository, "sha256:x", references={"sha256:b": False})
    tags.point(tx, repository, "1", manifest, 1)
    assert blobs.find_user(tx, repository, "sha256:b") == "sha256:x"
    manifests.remove(tx, [manifest], 2)
    assert tags.list_names(tx, repository, after="", count=9) == []
    assert blobs.find_user(tx, repository, "sha256:b") is None


def test_numbers_of_things_that_are_gone_are_not_given_again(tx: Transaction) -> None:
    project, user = make_project(tx, "p"), make_user(tx, "u")
    projects.remove(tx, project, 2)
    users.remove(tx, user)
    assert make_project(tx, "p") > project
    assert make_user(tx, "u") > user


# Blobs and manifests


def test_many_digests_are_looked_up_in_batches(tx: Transaction) -> None:
    repository = make_repository(tx, make_project(tx, "p"), "p/r")
    digests = [f"sha256:{number}" for number in range(1201)]
    for size, digest in enumerate(digests):
        blobs.link(tx, repository, blobs.add(tx, digest, size, f"place {digest}", 1), 1)
    assert blobs.linked_sizes(tx, repository, [*digests, "sha256:none"]) == dict(zip(digests, range(1201), strict=True))
    assert blobs.linked_sizes(tx, repository, []) == {}
    assert manifests.present(tx, repository, digests) == {f"sha256:{repository}": 2}


def test_row_is_inserted_once_and_that_is_told(tx: Transaction) -> None:
    row = {"name": "a", "value": "1"}
    assert [insert_if_absent(tx, facts, row), insert_if_absent(tx, facts, row)] == [True, False]


def test_unlinked_blob_is_found_by_its_digest_and_not_in_the_repository(tx: Transaction) -> None:
    repository = make_repository(tx, make_project(tx, "p"), "p/r")
    blob = blobs.add(tx, "sha256:b", 3, "place", 1)
    blobs.link(tx, repository, blob, 1)
    blobs.link(tx, repository, blob, 2)
    assert blobs.find_linked(tx, repository, "sha256:b")
    blobs.unlink(tx, [(repository, blob)], 3)
    assert blobs.find_linked(tx, repository, "sha256:b") is None
    blobs.relocate(tx, blob, "elsewhere")
    found = blobs.find(tx, "sha256:b")
    assert found
    assert found.location == "elsewhere"


def test_referrers_come_by_digest_in_pages_and_by_kind(tx: Transaction) -> None:
    repository = make_repository(tx, make_project(tx, "p"), "p/r")
    for digest, kind in (("sha256:c", "sbom"), ("sha256:a", "sig"), ("sha256:b", "sbom")):
        make_manifest(tx, repository, digest, subject="sha256:s", artifact_type=kind, annotations={"k": "ä"})

    def found(*kinds: str, after: str = "", count: int = 9) -> list[str]:
        listed = list(
            manifests.list_referrers(tx, repository, "sha256:s", artifact_types=list(kinds), after=after, count=count)
        )
        assert all(referrer.annotations == {"k": "ä"} for referrer in listed)
        return [referrer.digest for referrer in listed]

    assert found() == ["sha256:a", "sha256:b", "sha256:c"]
    assert found(count=2) == ["sha256:a", "sha256:b"]
    assert found(after="sha256:b") == ["sha256:c"]
    assert found("sbom") == ["sha256:b", "sha256:c"]
    assert found("sbom", "sig") == found()
    assert found("none") == []


def test_moved_tag_points_to_the_last_manifest(tx: Transaction) -> None:
    repository = make_repository(tx, make_project(tx, "p"), "p/r")
    for digest in ("sha256:x", "sha256:y"):
        tags.point(tx, repository, "1", make_manifest(tx, repository, digest, content=digest.encode()), 1)
    found = manifests.find_by_tag(tx, repository, "1")
    assert found
    assert (found.digest, manifests.content(tx, found.id)) == ("sha256:y", b"sha256:y")
    assert tags.remove(tx, repository, "1", 2)
    assert not tags.remove(tx, repository, "1", 2)


# Uploads


def test_upload_is_found_only_by_its_repository_and_account_before_it_expires(tx: Transaction) -> None:
    project = make_project(tx, "p")
    one, two = make_repository(tx, project, "p/1"), make_repository(tx, project, "p/2")
    record = UploadRecord("u", one, 7, "staged", 0, "sha256", None, expires_at=100)
    uploads.add(tx, record)
    uploads.add(tx, replace(record, id="nobodys", user_id=None))
    assert uploads.find(tx, "u", one, 7, 99) == record
    assert uploads.find(tx, "nobodys", one, None, 99)
    for wrong in (("u", two, 7, 99), ("u", one, 8, 99), ("u", one, None, 99), ("u", one, 7, 100), ("v", one, 7, 99)):
        assert uploads.find(tx, *wrong) is None
    assert (uploads.count(tx, 99), uploads.count(tx, 100)) == (2, 0)


def test_upload_is_advanced_by_one_of_two_who_start_from_the_same_size(tx: Transaction) -> None:
    repository = make_repository(tx, make_project(tx, "p"), "p/r")
    old = UploadRecord("u", repository, 7, "staged", 0, "sha256", None, 100)
    new = replace(old, staged="staged again", size=5, digest="sha256:d", expires_at=200)
    uploads.add(tx, old)
    assert uploads.advance(tx, old, new, None)
    assert not uploads.advance(tx, old, replace(new, size=9), None)
    assert uploads.find(tx, "u", repository, 7, 150) == new
    assert uploads.remove(tx, "u") == "staged again"
    assert uploads.remove(tx, "u") is None


def test_claimed_upload_is_moved_and_ended_by_its_claimant_alone(tx: Transaction) -> None:
    repository = make_repository(tx, make_project(tx, "p"), "p/r")
    old = UploadRecord("u", repository, 7, "staged", 0, "sha256", None, 100)
    uploads.add(tx, old)
    assert uploads.claim(tx, "u", "first", now=10, until=20)
    assert not uploads.claim(tx, "u", "second", now=19, until=30)
    for wrong in (None, "second"):
        assert not uploads.advance(tx, old, replace(old, size=5), wrong)
        assert not uploads.finish(tx, "u", wrong)
    assert not uploads.renew(tx, "u", "second", 40)
    uploads.release(tx, "u", "second")
    assert uploads.renew(tx, "u", "first", 40)
    assert not uploads.claim(tx, "u", "second", now=39, until=50)
    assert uploads.claim(tx, "u", "second", now=40, until=50)
    assert not uploads.renew(tx, "u", "first", 60)
    uploads.release(tx, "u", "second")
    assert uploads.claim(tx, "u", "third", now=41, until=60)
    assert uploads.finish(tx, "u", "third")
    assert not uploads.claim(tx, "u", "fourth", now=99, until=100)


# The rest


def test_newest_signing_key_comes_first_and_shows_no_secret(tx: Transaction) -> None:
    for key, created in (("old", 1), ("new", 3), ("mid", 2)):
        signing_keys.add(tx, key, "secret", created)
    keys = signing_keys.list_newest_first(tx)
    assert [key.id for key in keys] == ["new", "mid", "old"]
    assert "secret" not in repr(keys)


def test_tombstones_are_due_in_order_of_their_time(tx: Transaction) -> None:
    for location, time in (("c", 30), ("a", 10), ("b", 20)):
        tombstones.add(tx, location, time)
    tombstones.add(tx, "a", 99)
    assert list(tombstones.list_due(tx, 20, 9)) == ["a", "b"]
    assert list(tombstones.list_due(tx, 99, 1)) == ["a"]
    tombstones.remove(tx, ["a"])
    assert list(tombstones.list_due(tx, 99, 9)) == ["b", "c"]


def test_failures_are_counted_from_the_first_in_the_window(tx: Transaction) -> None:
    for now in (100, 150, 199):
        login_failures.record(tx, "here", since=now - 100, now=now)
    found = login_failures.find(tx, "here")
    assert found
    assert (found.count, found.first_at, found.last_at) == (3, 100, 199)
    login_failures.record(tx, "here", since=101, now=201)
    found = login_failures.find(tx, "here")
    assert found
    assert (found.count, found.first_at) == (1, 201)


def test_old_failures_are_forgotten(tx: Transaction) -> None:
    login_failures.record(tx, "old", since=0, now=10)
    login_failures.record(tx, "new", since=0, now=20)
    login_failures.forget_before(tx, 20)
    assert login_failures.find(tx, "old") is None
    assert login_failures.find(tx, "new")
    login_failures.forget(tx, "new")
    assert login_failures.find(tx, "new") is None


def test_roles_of_groups_count_like_those_of_the_user(tx: Transaction) -> None:
    project, dev = make_project(tx, "p"), make_user(tx, "dev")
    group = insert_row(tx, user_groups, {"name": "staff", "kind": 3})
    insert_many(tx, members_table, [{"project_id": project, "group_id": group, "role": 4}])
    assert projects.find_with_roles(tx, "p", dev) == (projects.find(tx, "p"), [])
    insert_many(tx, group_members, [{"user_id": dev, "group_id": group}])
    members.put_role(tx, project, dev, 2)
    assert projects.find_with_roles(tx, "p", dev) == (projects.find(tx, "p"), [2, 4])


def test_sight_is_of_public_projects_own_ones_and_those_that_are_named(tx: Transaction) -> None:
    dev = make_user(tx, "dev")
    for name in ("a", "b", "c"):
        project = make_project(tx, name)
        make_manifest(tx, make_repository(tx, project, f"{name}/r"), f"sha256:{name}")
        if name != "c":
            members.put_role(tx, project, dev, 2)

    def seen(sight: Sight) -> list[str]:
        return repositories.list_names(tx, sight, after="", count=9)

    assert seen(Sight(user_id=dev)) == ["a/r", "b/r"]
    assert seen(Sight(user_id=dev, among=("b", "c"))) == ["b/r"]
    assert seen(Sight(names=("c", "none"))) == ["c/r"]
    assert seen(Sight()) == []
