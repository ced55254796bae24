import logging
import os
import uuid
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from storage.digest import Digest
from tests.http.pushes import ABSENT, Repo, at_once, basic, fresh, objects, port, refused
from tests.http.raw import Client, eventually, get
from tests.http.serving import Registry

CONTENT = b"some content of a layer"


@pytest.fixture
def repo(registry: Registry) -> Repo:
    return fresh(registry)


@pytest.fixture
def digest(repo: Repo) -> Digest:
    return repo.push_blob(CONTENT)


# Pulling


@pytest.mark.parametrize("content", [b"", b"x", os.urandom(1 << 20)], ids=["empty", "one", "1MiB"])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_blob_comes_back_as_it_was_pushed(repo: Repo, content: bytes, algorithm: str) -> None:
    digest = repo.push_blob(content, algorithm)
    response = repo.blob(digest)
    assert (response.status_code, response.content) == (200, content)
    assert response.headers["Docker-Content-Digest"] == str(digest)
    assert response.headers["ETag"] == f'"{digest}"'
    assert response.headers["Content-Length"] == str(len(content))
    assert response.headers["Content-Type"] == "application/octet-stream"


def test_head_says_what_get_does_without_the_content(repo: Repo, digest: Digest) -> None:
    head, get = repo.http.head(repo.url(f"blobs/{digest}")), repo.blob(digest)
    assert (head.status_code, head.content) == (200, b"")
    own = {"date", "x-request-id"}
    assert {k: v for k, v in head.headers.items() if k not in own} == {
        k: v for k, v in get.headers.items() if k not in own
    }
    assert head.headers["Content-Length"] == str(len(CONTENT))


def test_content_is_never_compressed_or_taken_for_a_page(repo: Repo, digest: Digest) -> None:
    response = repo.blob(digest, **{"Accept-Encoding": "gzip, br, zstd, identity;q=0", "Accept": "text/html"})
    assert (response.status_code, response.content) == (200, CONTENT)
    assert "Content-Encoding" not in response.headers
    assert "Set-Cookie" not in response.headers
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Disposition"] == "attachment"


@pytest.mark.parametrize("method", ["HEAD", "GET", "DELETE"])
def test_blob_that_was_never_pushed_is_unknown(repo: Repo, digest: Digest, method: str) -> None:
    response = repo.http.request(method, repo.url(f"blobs/{ABSENT}"))
    assert response.status_code == 404
    if method != "HEAD":
        refused(response, 404, "BLOB_UNKNOWN")
        assert response.json()["errors"][0]["detail"] == {"digest": str(ABSENT)}
    assert repo.blob(digest).content == CONTENT


@pytest.mark.parametrize("method", ["HEAD", "GET", "DELETE"])
def test_blob_of_another_repository_is_unknown(registry: Registry, repo: Repo, digest: Digest, method: str) -> None:
    other = fresh(registry)
    other.push_blob(b"something else")
    assert other.http.request(method, other.url(f"blobs/{digest}")).status_code == 404
    assert repo.blob(digest).content == CONTENT


def test_digest_of_another_algorithm_names_no_blob_that_was_pushed_by_one(repo: Repo) -> None:
    repo.push_blob(CONTENT)
    refused(repo.blob(Digest.of(CONTENT, "sha512")), 404, "BLOB_UNKNOWN")


@pytest.fixture(scope="module")
def large(registry: Registry) -> tuple[Repo, Digest, int]:
    """A blob that no buffer on its way can hold."""
    repo, content = fresh(registry), bytes(40_000_000)
    return repo, repo.push_blob(content), len(content)


def test_download_that_is_broken_off_is_no_fault_of_the_server(
    registry: Registry, large: tuple[Repo, Digest, int], caplog: pytest.LogCaptureFixture
) -> None:
    repo, digest, size = large

    def lines() -> list[dict[str, object]]:
        return [record.__dict__ for record in caplog.records if record.__dict__.get("method") == "GET"]

    with caplog.at_level(logging.INFO, "cove.access"):
        with Client(port(registry)) as client:
            client.send(get(repo.url(f"blobs/{digest}"), basic()))
            assert client.read().startswith(b"HTTP/1.1 200")
        assert eventually(lines)
    [line] = lines()
    assert 0 < int(str(line["bytes_out"])) < size
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_blob_that_ends_while_it_is_sent_is_not_passed_off_as_whole(
    registry: Registry, large: tuple[Repo, Digest, int], caplog: pytest.LogCaptureFixture
) -> None:
    repo, digest, size = large
    [file] = objects(registry, digest)
    with repo.http.stream("GET", repo.url(f"blobs/{digest}")) as response:
        pieces = response.iter_raw()
        next(pieces)
        os.truncate(file, 1000)
        with pytest.raises(httpx.RemoteProtocolError):
            list(pieces)
    [line] = [record for record in caplog.records if record.name == "cove" and record.levelno >= logging.WARNING]
    assert f"blob {digest} is sent only in part" in line.getMessage()
    assert not [record for record in caplog.records if record.exc_info]
    repo.push_blob(bytes(size))
    assert len(repo.blob(digest).content) == size


# What the client has already


@pytest.mark.parametrize(
    "condition", ['"{}"', 'W/"{}"', '"x", "{}"', '"x",W/"{}" , "y"', "*"], ids=lambda form: form.format("D")
)
@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_content_that_the_client_has_is_not_sent_again(repo: Repo, digest: Digest, condition: str, method: str) -> None:
    headers = {"If-None-Match": condition.format(digest)}
    response = repo.http.request(method, repo.url(f"blobs/{digest}"), headers=headers)
    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["ETag"] == f'"{digest}"'
    assert response.headers["Docker-Content-Digest"] == str(digest)


@pytest.mark.parametrize("condition", ['"x"', "{}", '"{}', "W/{}", '"sha256:"', "", ",,", '"X{}"', "'{}'"])
def test_content_that_the_client_does_not_have_is_sent(repo: Repo, digest: Digest, condition: str) -> None:
    response = repo.blob(digest, **{"If-None-Match": condition.format(digest)})
    assert (response.status_code, response.content) == (200, CONTENT)


def test_condition_on_a_blob_that_is_not_there_is_404(repo: Repo, digest: Digest) -> None:
    refused(repo.blob(ABSENT, **{"If-None-Match": "*"}), 404, "BLOB_UNKNOWN")


# Deleting


def test_deleted_blob_is_gone_and_other_repositories_keep_it(registry: Registry, repo: Repo, digest: Digest) -> None:
    other = fresh(registry)
    other.push_blob(CONTENT)
    response = repo.http.delete(repo.url(f"blobs/{digest}"))
    assert (response.status_code, response.content) == (202, b"")
    refused(repo.blob(digest), 404, "BLOB_UNKNOWN")
    refused(repo.http.delete(repo.url(f"blobs/{digest}")), 404, "BLOB_UNKNOWN")
    assert other.blob(digest).content == CONTENT


def test_deleted_blob_can_be_pushed_again(registry: Registry, repo: Repo) -> None:
    content = uuid.uuid4().bytes
    for _ in range(2):
        digest = repo.push_blob(content)
        assert repo.http.delete(repo.url(f"blobs/{digest}")).status_code == 202
    repo.push_blob(content)
    assert repo.blob(digest).content == content
    assert len(objects(registry, digest)) == 1


def test_blob_in_use_is_not_deleted(repo: Repo) -> None:
    manifest = repo.push_image("v1", CONTENT)
    response = repo.http.delete(repo.url(f"blobs/{Digest.of(CONTENT)}"))
    refused(response, 405, "UNSUPPORTED")
    assert str(manifest) in response.json()["errors"][0]["message"]
    assert repo.blob(Digest.of(CONTENT)).content == CONTENT
    assert repo.http.delete(repo.url(f"manifests/{manifest}")).status_code == 202
    assert repo.http.delete(repo.url(f"blobs/{Digest.of(CONTENT)}")).status_code == 202


def test_delete_in_a_repository_that_was_never_pushed_to_is_404(repo: Repo) -> None:
    refused(repo.http.delete(repo.url(f"blobs/{ABSENT}")), 404, "NAME_UNKNOWN")


def test_blob_deleted_by_many_at_once_is_deleted_once(repo: Repo, digest: Digest) -> None:
    statuses = at_once(*[lambda: repo.http.delete(repo.url(f"blobs/{digest}")).status_code] * 4)
    assert sorted(statuses) == [202, 404, 404, 404]


def test_pushes_and_deletes_of_one_blob_at_once_never_leave_a_blob_without_bytes(
    registry: Registry, repo: Repo
) -> None:
    content = uuid.uuid4().bytes
    digest = Digest.of(content)

    def push() -> int:
        params = {"digest": str(digest)}
        return repo.http.post(repo.url("blobs/uploads/"), params=params, content=content).status_code

    def delete() -> int:
        return repo.http.delete(repo.url(f"blobs/{digest}")).status_code

    repo.push_blob(content)
    statuses = at_once(*[push, delete] * 4)
    assert set(statuses[::2]) == {201}
    assert set(statuses[1::2]) <= {202, 404}
    repo.push_blob(content)
    assert repo.blob(digest).content == content
    assert len(objects(registry, digest)) == 1


# Damage


def _truncated(file: Path) -> None:
    os.truncate(file, 5)


def _longer(file: Path) -> None:
    with file.open("ab") as stream:
        stream.write(b"more")


def _symlink(file: Path) -> None:
    target = file.rename(file.with_name("elsewhere"))
    file.symlink_to(target)


@pytest.mark.parametrize("damage", [Path.unlink, _truncated, _longer, _symlink], ids=lambda damage: damage.__name__)
def test_damaged_blob_is_unknown_until_a_push_mends_it(
    registry: Registry, repo: Repo, damage: Callable[[Path], object]
) -> None:
    content = uuid.uuid4().bytes
    digest = repo.push_blob(content)
    [file] = objects(registry, digest)
    damage(file)
    assert repo.http.head(repo.url(f"blobs/{digest}")).status_code == 404
    refused(repo.blob(digest), 404, "BLOB_UNKNOWN")
    refused(repo.blob(digest, Range="bytes=0-2"), 404, "BLOB_UNKNOWN")
    repo.push_blob(content)
    assert repo.blob(digest).content == content
    [mended] = objects(registry, digest)
    assert mended != file


def test_damaged_blob_mended_in_one_repository_is_mended_in_all(registry: Registry, repo: Repo) -> None:
    content = uuid.uuid4().bytes
    digest = repo.push_blob(content)
    other = fresh(registry)
    other.push_blob(content)
    objects(registry, digest)[0].unlink()
    assert at_once(*[lambda: other.push_blob(content)] * 4) == [digest] * 4
    assert repo.blob(digest).content == content
    assert len(objects(registry, digest)) == 1
