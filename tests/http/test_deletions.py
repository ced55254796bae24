"""What is deleted over HTTP is gone at once, and what is restored is there for the next request, byte for byte."""

import pytest

from auth.access import Actor
from registry.core.repositories import Repositories, Repository
from registry.core.restoring import Restoring
from registry.core.tags import Tags
from registry.errors import Conflict
from registry.oci.names import RepositoryName
from storage.digest import Digest
from tests.http.pushes import Repo, descriptor, fresh, image, index, refused
from tests.http.serving import INDEX_TYPE, MANIFEST_TYPE, Registry

OPERATOR = Actor()


@pytest.fixture
def repo(registry: Registry) -> Repo:
    return fresh(registry)


def named(registry: Registry, repo: Repo) -> Repository:
    return Repositories(registry.database).named(RepositoryName.parse(repo.name))


def restoring(registry: Registry) -> Restoring:
    return Restoring(registry.database, sparse="none")


def delete(repo: Repo, reference: Digest | str) -> None:
    assert repo.http.delete(repo.url(f"manifests/{reference}")).status_code == 202


def referrers(repo: Repo, subject: Digest) -> list[str]:
    response = repo.http.get(repo.url(f"referrers/{subject}"))
    assert response.status_code == 200
    return [each["digest"] for each in response.json()["manifests"]]


def catalog(repo: Repo) -> list[str]:
    names: list[str] = repo.http.get("/v2/_catalog").json()["repositories"]
    return names


def test_deleted_tag_comes_back(registry: Registry, repo: Repo) -> None:
    digest = repo.push_image("v1")
    delete(repo, "v1")
    refused(repo.manifest("v1"), 404, "MANIFEST_UNKNOWN")
    assert repo.manifest(digest).status_code == 200
    restoring(registry).restore_tag(OPERATOR, named(registry, repo), "v1")
    assert repo.manifest("v1").headers["Docker-Content-Digest"] == str(digest)


def test_deleted_manifest_is_gone_at_once_and_comes_back_byte_for_byte(registry: Registry, repo: Repo) -> None:
    digest = repo.push_image("v1", b"layer")
    before = repo.manifest("v1")
    etag = before.headers["ETag"]
    delete(repo, digest)
    for reference in ("v1", digest):
        refused(repo.manifest(reference, **{"If-None-Match": etag}), 404, "MANIFEST_UNKNOWN")
        assert repo.http.head(repo.url(f"manifests/{reference}")).status_code == 404
    refused(repo.http.get(repo.url("tags/list")), 404, "NAME_UNKNOWN")
    refused(repo.http.delete(repo.url(f"manifests/{digest}")), 404, "MANIFEST_UNKNOWN")
    assert repo.name not in catalog(repo)
    restoring(registry).restore_manifest(OPERATOR, named(registry, repo), digest)
    after = repo.manifest("v1")
    assert (after.status_code, after.content) == (200, before.content)
    assert repo.blob(Digest.of(b"layer")).content == b"layer"
    assert repo.tags() == ["v1"]
    assert repo.name in catalog(repo)


def test_index_that_names_a_deleted_image_is_as_one_that_names_an_unknown_one(registry: Registry, repo: Repo) -> None:
    digest = repo.push_image("v1")
    delete(repo, digest)
    response = repo.put("all", index(descriptor(image(), MANIFEST_TYPE)), INDEX_TYPE)
    assert str(digest) in response.headers["Warning"]
    restoring(registry).restore_manifest(OPERATOR, named(registry, repo), digest)
    assert "Warning" not in repo.put("all", index(descriptor(image(), MANIFEST_TYPE)), INDEX_TYPE).headers


def test_index_comes_back_with_its_images(registry: Registry, repo: Repo) -> None:
    children = [repo.push_image(f"v{number}", str(number).encode()) for number in range(2)]
    whole = repo.push(
        "all", index(*(descriptor(image(str(number).encode()), MANIFEST_TYPE) for number in range(2))), INDEX_TYPE
    )
    for digest in (*children, whole):
        delete(repo, digest)
    restoring(registry).restore_manifest(OPERATOR, named(registry, repo), whole)
    assert [repo.manifest(digest).status_code for digest in (*children, whole)] == [200] * 3
    assert repo.tags() == ["all", "v0", "v1"]


def test_referrers_come_back_with_their_subject(registry: Registry, repo: Repo) -> None:
    subject = repo.push_image("v1")
    about = image(subject=descriptor(image(), MANIFEST_TYPE), artifactType="application/example")
    signature = repo.push(Digest.of(about), about)
    delete(repo, subject)
    assert referrers(repo, subject) == [str(signature)]
    delete(repo, signature)
    assert referrers(repo, subject) == []
    restoring(registry).restore_manifest(OPERATOR, named(registry, repo), subject)
    assert referrers(repo, subject) == [str(signature)]
    assert repo.manifest(signature).content == about


def test_layer_of_a_deleted_image_alone_can_be_deleted_and_is_missed_then(registry: Registry, repo: Repo) -> None:
    digest, layer = repo.push_image("v1", b"layer of its own"), Digest.of(b"layer of its own")
    address = repo.url(f"blobs/{layer}")
    assert repo.http.delete(address).status_code == 405
    delete(repo, digest)
    assert repo.http.delete(address).status_code == 202
    with pytest.raises(Conflict, match=str(layer)):
        restoring(registry).restore_manifest(OPERATOR, named(registry, repo), digest)
    repo.push_blob(b"layer of its own")
    restoring(registry).restore_manifest(OPERATOR, named(registry, repo), digest)
    assert repo.manifest("v1").status_code == 200


def test_pushing_again_what_was_deleted_brings_it_back(repo: Repo) -> None:
    digest = repo.push_image("v1")
    delete(repo, digest)
    assert repo.push_image("v2") == digest
    assert repo.tags() == ["v2"]
    assert repo.manifest(digest).status_code == 200


def test_deleted_repository_is_gone_at_once_and_comes_back(registry: Registry, repo: Repo) -> None:
    digests = {f"v{number}": repo.push_image(f"v{number}", str(number).encode()) for number in range(3)}
    Repositories(registry.database).delete(OPERATOR, named(registry, repo))
    assert [repo.manifest(tag).status_code for tag in digests] == [404] * 3
    refused(repo.http.get(repo.url("tags/list")), 404, "NAME_UNKNOWN")
    restoring(registry).restore_repository(OPERATOR, named(registry, repo))
    assert {tag: repo.manifest(tag).headers["Docker-Content-Digest"] for tag in digests} == {
        tag: str(digest) for tag, digest in digests.items()
    }


def test_history_names_the_accounts_that_pushed_and_deleted(registry: Registry) -> None:
    repo = fresh(registry, "dev")
    first, second = repo.push_image("v1", b"1"), repo.push_image("v1", b"2")
    repo.push_image("v1", b"2")
    delete(repo.as_user(registry, "mia"), second)
    versions, _ = Tags(registry.database).history(named(registry, repo), "v1", count=9)
    assert [(version.change.digest, version.change.user_name) for version in versions] == [
        (None, "mia"),
        (str(second), "dev"),
        (str(first), "dev"),
    ]
