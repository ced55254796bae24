import uuid

import pytest

from storage.digest import Digest
from tests.http.pushes import ABSENT, Repo, fresh, objects, refused, staged
from tests.http.serving import Registry


def mount(repo: Repo, digest: Digest | str, source: str | None) -> tuple[int, str]:
    """The status and the address that the answer leads to."""
    params = {"mount": str(digest)} | ({} if source is None else {"from": source})
    response = repo.http.post(repo.url("blobs/uploads/"), params=params)
    return response.status_code, response.headers["Location"]


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("named", [True, False], ids=["from", "without from"])
def test_blob_of_another_repository_is_mounted(registry: Registry, algorithm: str, named: bool) -> None:
    content = uuid.uuid4().bytes
    source, target = fresh(registry), fresh(registry)
    digest = source.push_blob(content, algorithm)
    before = staged(registry)
    params = {"mount": str(digest)} | ({"from": source.name} if named else {})
    response = target.http.post(target.url("blobs/uploads/"), params=params)
    assert (response.status_code, response.headers["Docker-Content-Digest"]) == (201, str(digest))
    assert response.headers["Location"] == target.url(f"blobs/{digest}")
    assert target.http.get(response.headers["Location"]).content == content
    assert staged(registry) == before
    assert len(objects(registry, digest)) == 1


def test_mounted_blob_outlives_the_one_it_came_from(registry: Registry) -> None:
    content = uuid.uuid4().bytes
    source, target = fresh(registry), fresh(registry)
    digest = source.push_blob(content)
    assert mount(target, digest, source.name)[0] == 201
    assert source.http.delete(source.url(f"blobs/{digest}")).status_code == 202
    assert target.blob(digest).content == content
    assert target.push_image("v1", content) == target.push_image("v2", content)


def test_mount_into_the_same_repository_is_fine(registry: Registry) -> None:
    repo = fresh(registry)
    digest = repo.push_blob(b"content")
    assert mount(repo, digest, repo.name) == (201, repo.url(f"blobs/{digest}"))


def test_developer_mounts_from_a_public_project(registry: Registry) -> None:
    content = uuid.uuid4().bytes
    source = fresh(registry, project="open")
    digest = source.push_blob(content)
    target = fresh(registry, "stan", "other")
    assert mount(target, digest, source.name)[0] == 201
    assert target.blob(digest).content == content


def test_source_of_a_single_segment_is_in_library(registry: Registry) -> None:
    source = Repo(fresh(registry).http, f"library/lib-{uuid.uuid4().hex}")
    digest = source.push_blob(uuid.uuid4().bytes)
    assert mount(fresh(registry), digest, source.name.removeprefix("library/"))[0] == 201


@pytest.mark.parametrize("source", [None, "team/nothing-here", "nothing/here", "other/x", "nothing"])
def test_mount_of_a_blob_that_is_not_there_begins_an_upload(registry: Registry, source: str | None) -> None:
    repo = fresh(registry)
    status, upload = mount(repo, ABSENT, source)
    assert status == 202
    assert repo.offset(upload) == 0
    assert repo.blob(ABSENT).status_code == 404
    assert repo.finish(upload, Digest.of(b"content"), b"content").status_code == 201


@pytest.mark.parametrize("named", [True, False], ids=["from", "without from"])
def test_mount_from_a_repository_that_may_not_be_read_begins_an_upload(registry: Registry, named: bool) -> None:
    """Whoever knows a digest learns neither the content nor that it is here."""
    secret = uuid.uuid4().bytes
    source = fresh(registry)
    digest = source.push_blob(secret)
    target = fresh(registry, "stan", "other")
    status, upload = mount(target, digest, source.name if named else None)
    assert status == 202
    assert target.offset(upload) == 0
    refused(target.blob(digest), 404, "BLOB_UNKNOWN")


def test_mount_from_a_repository_that_lacks_the_blob_begins_an_upload_though_another_has_it(
    registry: Registry,
) -> None:
    digest = fresh(registry).push_blob(uuid.uuid4().bytes)
    source, target = fresh(registry), fresh(registry)
    source.push_blob(b"something else")
    assert mount(target, digest, source.name)[0] == 202


def test_blob_that_was_deleted_from_the_source_is_not_mounted(registry: Registry) -> None:
    source, target = fresh(registry), fresh(registry)
    digest = source.push_blob(uuid.uuid4().bytes)
    source.http.delete(source.url(f"blobs/{digest}"))
    assert mount(target, digest, source.name)[0] == 202
    assert mount(target, digest, None)[0] == 202


@pytest.mark.parametrize("digest", ["", "sha256:", "sha256:abc", "md5:" + "a" * 32, "sha256:" + "A" * 64, "../x"])
def test_mount_of_a_malformed_digest_is_refused(registry: Registry, digest: str) -> None:
    repo, before = fresh(registry), staged(registry)
    response = repo.http.post(repo.url("blobs/uploads/"), params={"mount": digest, "from": repo.name})
    refused(response, 400, "DIGEST_INVALID")
    assert staged(registry) == before


@pytest.mark.parametrize(
    "source", ["UPPER/case", "a/../b", "a//b", "/a", "a/", "a\0b", "a\n", "\N{SNOWMAN}", "x" * 300]
)
def test_mount_from_a_malformed_name_is_refused(registry: Registry, source: str) -> None:
    repo, before = fresh(registry), staged(registry)
    response = repo.http.post(repo.url("blobs/uploads/"), params={"mount": str(ABSENT), "from": source})
    refused(response, 400, "NAME_INVALID")
    assert staged(registry) == before


def test_source_without_a_mount_means_nothing(registry: Registry) -> None:
    repo = fresh(registry)
    response = repo.http.post(repo.url("blobs/uploads/"), params={"from": "team/whatever"})
    assert response.status_code == 202


def test_damaged_blob_is_not_mounted_so_that_the_client_pushes_it_and_mends_it(registry: Registry) -> None:
    content = uuid.uuid4().bytes
    source, target = fresh(registry), fresh(registry)
    digest = source.push_blob(content)
    objects(registry, digest)[0].unlink()
    assert mount(target, digest, None)[0] == 202
    status, upload = mount(target, digest, source.name)
    assert status == 202
    assert target.finish(upload, digest, content).status_code == 201
    assert source.blob(digest).content == content
