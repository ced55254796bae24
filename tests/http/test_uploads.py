import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from storage.digest import Digest
from tests.http.conftest import Make
from tests.http.pushes import ABSENT, Repo, at_once, basic, codes, fresh, objects, port, refused, staged, staged_file
from tests.http.raw import Client, eventually
from tests.http.serving import Registry, populate

CONTENT = b"some content of a layer"
LARGE = bytes(range(200)) * 20_000
BEGUN = 3_000_000  # bytes of it that a request sends before it is cut


@pytest.fixture
def repo(registry: Registry) -> Repo:
    return fresh(registry)


def must_be_stored(repo: Repo, response: httpx.Response, content: bytes, algorithm: str = "sha256") -> None:
    """The response of a finished push, and that its Location leads to the content."""
    digest = Digest.of(content, algorithm)
    assert response.status_code == 201, response.text
    assert response.headers["Docker-Content-Digest"] == str(digest)
    assert response.headers["Location"] == repo.url(f"blobs/{digest}")
    assert repo.http.get(response.headers["Location"]).content == content


def pieces(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), 7):
        yield content[start : start + 7]


# Pushing


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("content", [b"", b"x", CONTENT, bytes(3 << 20)], ids=["empty", "one", "some", "3MiB"])
def test_blob_is_pushed_by_a_single_post(repo: Repo, content: bytes, algorithm: str) -> None:
    digest = Digest.of(content, algorithm)
    response = repo.http.post(repo.url("blobs/uploads/"), params={"digest": str(digest)}, content=content)
    must_be_stored(repo, response, content, algorithm)


def test_upload_can_begin_without_the_slash_at_the_end(repo: Repo) -> None:
    response = repo.http.post(repo.url("blobs/uploads"))
    assert response.status_code == 202
    must_be_stored(repo, repo.finish(response.headers["Location"], Digest.of(CONTENT), CONTENT), CONTENT)


def test_new_upload_tells_where_it_goes_on_and_that_it_has_nothing(repo: Repo) -> None:
    response = repo.http.post(repo.url("blobs/uploads/"))
    assert response.status_code == 202
    assert response.headers["Location"] == repo.url(f"blobs/uploads/{response.headers['Docker-Upload-UUID']}")
    assert response.headers["Range"] == "0-0"
    assert response.headers["Content-Length"] == "0"
    assert "OCI-Chunk-Min-Length" not in response.headers


def test_blob_is_pushed_by_post_and_put(repo: Repo) -> None:
    must_be_stored(repo, repo.finish(repo.begin(), Digest.of(CONTENT), CONTENT), CONTENT)


@pytest.mark.parametrize("content", [b"", CONTENT])
def test_blob_is_pushed_by_one_streamed_patch_of_unknown_length(repo: Repo, content: bytes) -> None:
    upload = repo.begin()
    response = repo.http.patch(upload, content=pieces(content))
    assert "Content-Length" not in response.request.headers
    assert response.status_code == 202
    assert response.headers["Range"] == f"0-{max(len(content) - 1, 0)}"
    must_be_stored(repo, repo.finish(response.headers["Location"], Digest.of(content)), content)


@pytest.mark.parametrize("form", ["{}-{}", "bytes {}-{}/*", "bytes={}-{}"])
def test_blob_is_pushed_in_chunks_that_say_where_they_belong(repo: Repo, form: str) -> None:
    upload = repo.begin()
    for start in range(0, len(CONTENT), 7):
        chunk = CONTENT[start : start + 7]
        headers = {"Content-Range": form.format(start, start + len(chunk) - 1)}
        response = repo.http.patch(upload, content=chunk, headers=headers)
        assert (response.status_code, response.headers["Range"]) == (202, f"0-{start + len(chunk) - 1}")
        upload = response.headers["Location"]
    must_be_stored(repo, repo.finish(upload, Digest.of(CONTENT)), CONTENT)


def test_last_chunk_may_come_with_the_put(repo: Repo) -> None:
    upload = repo.begin()
    repo.patch(upload, CONTENT[:9], 0)
    headers = {"Content-Range": f"9-{len(CONTENT) - 1}"}
    params = {"digest": str(Digest.of(CONTENT))}
    must_be_stored(repo, repo.http.put(upload, params=params, content=CONTENT[9:], headers=headers), CONTENT)


def test_empty_chunk_changes_nothing(repo: Repo) -> None:
    upload = repo.begin()
    repo.patch(upload, b"abc")
    response = repo.http.patch(upload, content=b"")
    assert (response.status_code, response.headers["Range"]) == (202, "0-2")


def test_status_of_an_upload_tells_how_far_it_is(repo: Repo) -> None:
    upload = repo.begin()
    ranges = [repo.http.get(upload).headers["Range"]]
    repo.patch(upload, b"abcde")
    response = repo.http.get(upload)
    assert response.status_code == 204
    assert [*ranges, response.headers["Range"]] == ["0-0", "0-4"]
    assert response.headers["Location"] == upload
    assert upload.endswith(response.headers["Docker-Upload-UUID"])


def test_digest_algorithm_can_be_announced(repo: Repo) -> None:
    upload = repo.begin(**{"digest-algorithm": "sha512"})
    repo.patch(upload, CONTENT)
    must_be_stored(repo, repo.finish(upload, Digest.of(CONTENT, "sha512")), CONTENT, "sha512")


@pytest.mark.parametrize(("announced", "used"), [("sha256", "sha512"), ("sha512", "sha256")])
def test_digest_of_another_algorithm_than_announced_is_taken(repo: Repo, announced: str, used: str) -> None:
    upload = repo.begin(**{"digest-algorithm": announced})
    repo.patch(upload, CONTENT[:5])
    must_be_stored(repo, repo.finish(upload, Digest.of(CONTENT, used), CONTENT[5:]), CONTENT, used)


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "SHA256", "sha384", "sha256 ", "x" * 500, "\N{SNOWMAN}"])
def test_unknown_digest_algorithm_is_refused_before_anything_begins(
    registry: Registry, repo: Repo, algorithm: str
) -> None:
    before = staged(registry)
    response = repo.http.post(repo.url("blobs/uploads/"), params={"digest-algorithm": algorithm})
    refused(response, 400, "DIGEST_INVALID")
    assert staged(registry) == before


def test_least_chunk_is_told_by_setting(make_registry: Make) -> None:
    registry = make_registry(chunk_min_bytes=4096)
    populate(registry)
    repo = fresh(registry)
    response = repo.http.post(repo.url("blobs/uploads/"))
    assert response.headers["OCI-Chunk-Min-Length"] == "4096"
    response = repo.patch(response.headers["Location"], b"short, and still taken")
    assert (response.status_code, response.headers["OCI-Chunk-Min-Length"]) == (202, "4096")


def test_pushing_again_what_is_there_keeps_one_file(registry: Registry, repo: Repo) -> None:
    content = uuid.uuid4().bytes
    for _ in range(2):
        repo.push_blob(content)
    fresh(registry).push_blob(content)
    assert len(objects(registry, Digest.of(content))) == 1


# Ending


def test_cancelled_upload_is_gone_with_its_bytes(registry: Registry, repo: Repo) -> None:
    before = staged(registry)
    upload = repo.begin()
    repo.patch(upload, CONTENT)
    assert len(staged(registry) - before) == 1
    assert repo.http.delete(upload).status_code == 204
    assert staged(registry) == before
    refused(repo.http.get(upload), 404, "BLOB_UPLOAD_UNKNOWN")


def _never(repo: Repo, _registry: Registry) -> str:
    return repo.url("blobs/uploads/nothing-of-that-name")


def _cancelled(repo: Repo, _registry: Registry) -> str:
    upload = repo.begin()
    repo.http.delete(upload)
    return upload


def _finished(repo: Repo, _registry: Registry) -> str:
    upload = repo.begin()
    assert repo.finish(upload, Digest.of(CONTENT), CONTENT).status_code == 201
    return upload


def _of_another_repository(repo: Repo, registry: Registry) -> str:
    return repo.url("blobs/uploads/" + fresh(registry).begin().rpartition("/")[2])


def _of_another_user(repo: Repo, registry: Registry) -> str:
    return repo.as_user(registry, "dev").begin()


@pytest.mark.parametrize("make", [_never, _cancelled, _finished, _of_another_repository, _of_another_user])
@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
def test_upload_that_is_not_the_callers_is_unknown(
    registry: Registry, repo: Repo, make: Callable[[Repo, Registry], str], method: str
) -> None:
    upload = make(repo, registry)
    body = CONTENT if method in ("PATCH", "PUT") else b""
    params = {"digest": str(Digest.of(CONTENT))} if method == "PUT" else {}
    refused(repo.http.request(method, upload, content=body, params=params), 404, "BLOB_UPLOAD_UNKNOWN")


@pytest.mark.parametrize("attempt", ["GET", "PATCH", "PUT", "DELETE"])
def test_strangers_attempt_leaves_an_upload_as_it_was(registry: Registry, repo: Repo, attempt: str) -> None:
    owner = repo.as_user(registry, "dev")
    upload = owner.begin()
    owner.patch(upload, CONTENT[:4])
    repo.http.request(attempt, upload, content=b"intruder", params={"digest": str(ABSENT)})
    assert owner.offset(upload) == 4
    must_be_stored(owner, owner.finish(upload, Digest.of(CONTENT), CONTENT[4:]), CONTENT)


def test_expired_upload_is_unknown(make_registry: Make) -> None:
    registry = make_registry(upload_expiry_seconds=1)
    populate(registry)
    repo = fresh(registry)
    upload = repo.begin()
    assert eventually(lambda: repo.http.get(upload).status_code == 404)
    refused(repo.patch(upload, CONTENT), 404, "BLOB_UPLOAD_UNKNOWN")


# Wrong digests


def test_wrong_digest_is_refused_and_the_right_one_taken_afterwards(repo: Repo) -> None:
    upload = repo.begin()
    repo.patch(upload, CONTENT)
    response = repo.finish(upload, ABSENT)
    refused(response, 400, "DIGEST_INVALID")
    assert response.json()["errors"][0]["detail"] == {"expected": str(ABSENT), "got": str(Digest.of(CONTENT))}
    assert repo.offset(upload) == len(CONTENT)
    assert repo.blob(ABSENT).status_code == 404
    must_be_stored(repo, repo.finish(upload, Digest.of(CONTENT)), CONTENT)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("kept", [0, 6])
def test_bytes_that_came_with_a_wrong_digest_are_forgotten(repo: Repo, kept: int, algorithm: str) -> None:
    upload = repo.begin()
    if kept:
        repo.patch(upload, CONTENT[:kept])
    refused(repo.finish(upload, Digest.of(b"", algorithm), b"wrong bytes"), 400, "DIGEST_INVALID")
    assert repo.offset(upload) == kept
    must_be_stored(repo, repo.finish(upload, Digest.of(CONTENT, algorithm), CONTENT[kept:]), CONTENT, algorithm)


def test_wrong_digest_of_a_single_post_leaves_nothing(registry: Registry, repo: Repo) -> None:
    before = staged(registry)
    response = repo.http.post(repo.url("blobs/uploads/"), params={"digest": str(ABSENT)}, content=CONTENT)
    refused(response, 400, "DIGEST_INVALID")
    assert staged(registry) == before
    assert not objects(registry, ABSENT)


def test_put_without_a_digest_is_refused_and_the_upload_lives_on(repo: Repo) -> None:
    upload = repo.begin()
    repo.patch(upload, CONTENT[:3])
    refused(repo.http.put(upload, content=CONTENT[3:]), 400, "DIGEST_INVALID")
    assert repo.offset(upload) == 3


@pytest.mark.parametrize("place", ["digest", "mount"])
def test_digest_given_twice_is_refused(registry: Registry, repo: Repo, place: str) -> None:
    before = staged(registry)
    query = {place: [str(Digest.of(CONTENT)), str(ABSENT)]}
    refused(repo.http.post(repo.url("blobs/uploads/"), params=query, content=CONTENT), 400, "DIGEST_INVALID")
    assert staged(registry) == before


# Wrong places


@pytest.mark.parametrize("start", [0, 3, 5, 6, 4096, 10**17])
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_chunk_that_starts_elsewhere_is_refused_and_the_upload_lives_on(repo: Repo, method: str, start: int) -> None:
    upload = repo.begin()
    repo.patch(upload, CONTENT[:4])
    params = {"digest": str(Digest.of(CONTENT))} if method == "PUT" else {}
    headers = {"Content-Range": f"{start}-{start + 2}"}
    response = repo.http.request(method, upload, content=b"abc", params=params, headers=headers)
    refused(response, 416, "BLOB_UPLOAD_INVALID")
    assert repo.offset(upload) == 4
    must_be_stored(repo, repo.finish(upload, Digest.of(CONTENT), CONTENT[4:]), CONTENT)


@pytest.mark.parametrize(("value", "status"), [("5-27", 416), ("0-99", 400), ("nonsense", 400), ("0-2", 400)], ids=str)
def test_single_post_with_a_wrong_content_range_leaves_nothing(
    registry: Registry, repo: Repo, value: str, status: int
) -> None:
    before = staged(registry)
    params = {"digest": str(Digest.of(CONTENT))}
    headers = {"Content-Range": value}
    response = repo.http.post(repo.url("blobs/uploads/"), params=params, content=CONTENT, headers=headers)
    assert (response.status_code, len(codes(response))) == (status, 1)
    assert staged(registry) == before
    refused(repo.blob(Digest.of(CONTENT)), 404, "BLOB_UNKNOWN")


def test_single_post_with_its_content_range_is_taken(repo: Repo) -> None:
    params = {"digest": str(Digest.of(CONTENT))}
    headers = {"Content-Range": f"0-{len(CONTENT) - 1}"}
    response = repo.http.post(repo.url("blobs/uploads/"), params=params, content=CONTENT, headers=headers)
    must_be_stored(repo, response, CONTENT)


MALFORMED_RANGES = (
    "",
    "-",
    "0",
    "0-",
    "-3",
    "a-b",
    "-1-2",
    "0--2",
    "3-1",
    "0-2,3-4",
    "0 - 2",
    "+0-2",
    "0x0-0x2",
    "1e0-2",
    "0-2/1",
    "bytes */3",
    "bytes: 0-2/3",
    "octets 0-2/3",
    "items=0-2",
    "99999999999999999999-99999999999999999999",
    "0-" + "9" * 400,
)


@pytest.mark.parametrize("value", MALFORMED_RANGES)
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_malformed_content_range_is_refused_and_nothing_is_kept(repo: Repo, method: str, value: str) -> None:
    upload = repo.begin()
    params = {"digest": str(Digest.of(b"abc"))} if method == "PUT" else {}
    headers = {"Content-Range": value}
    response = repo.http.request(method, upload, content=b"abc", params=params, headers=headers)
    refused(response, 400, "BLOB_UPLOAD_INVALID")
    assert repo.offset(upload) == 0


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize("last", [0, 1, 3, 10**9, 10**17])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_content_range_that_does_not_fit_the_body_is_refused_and_nothing_is_kept(
    repo: Repo, method: str, last: int, chunked: bool
) -> None:
    upload = repo.begin()
    params = {"digest": str(Digest.of(b"abc"))} if method == "PUT" else {}
    content = pieces(b"abc") if chunked else b"abc"
    headers = {"Content-Range": f"0-{last}"}
    response = repo.http.request(method, upload, content=content, params=params, headers=headers)
    refused(response, 400, "SIZE_INVALID")
    assert repo.offset(upload) == 0
    must_be_stored(repo, repo.finish(upload, Digest.of(CONTENT), CONTENT), CONTENT)


# Lengths that lie


def head(method: str, target: str, *fields: str) -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: cove", basic(), *fields, "", ""]).encode()


@pytest.mark.parametrize("length", ["-1", "-3", "abc", "", "+3", "3.0", "0x3", "3, 4", "9" * 20, "9" * 400, "\u0663"])
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_content_length_that_is_no_number_is_refused(registry: Registry, repo: Repo, method: str, length: str) -> None:
    upload = repo.begin()
    with Client(port(registry)) as client:
        client.send(head(method, f"{upload}?digest={Digest.of(b'abc')}", f"Content-Length: {length}") + b"abc")
        answer = client.answer()
    assert answer.status == 400
    assert answer.json()["errors"]
    assert repo.offset(upload) == 0


def test_two_content_lengths_are_refused(registry: Registry, repo: Repo) -> None:
    upload = repo.begin()
    with Client(port(registry)) as client:
        client.send(head("PATCH", upload, "Content-Length: 3", "Content-Length: 4") + b"abcd")
        assert client.answer().status == 400
    assert repo.offset(upload) == 0


@contextmanager
def sending(registry: Registry, method: str, target: str, *fields: str) -> Iterator[Client]:
    """A request with the beginning of LARGE, which the server has begun to write down; at the end it is cut."""
    file = staged_file(registry, target)
    with Client(port(registry)) as client:
        frame = b"%x\r\n" % len(LARGE) if "Transfer-Encoding: chunked" in fields else b""
        client.send(head(method, target, *fields) + frame + LARGE[:BEGUN])
        assert eventually(lambda: file.stat().st_size > 0)
        yield client


def resume(repo: Repo, upload: str) -> None:
    """Send what the upload says it lacks of LARGE, as soon as the server has seen that the connection was cut."""

    def sent() -> bool:
        kept = repo.offset(upload) or 0
        return kept > 0 and repo.patch(upload, LARGE[kept:], kept).status_code == 202

    assert eventually(sent)
    must_be_stored(repo, repo.finish(upload, Digest.of(LARGE)), LARGE)


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize(
    "framing",
    ["Transfer-Encoding: chunked", f"Content-Length: {len(LARGE)}", f"Content-Length: {'9' * 18}"],
    ids=["chunked", "length", "absurd length"],
)
def test_body_cut_short_is_kept_and_continued(registry: Registry, repo: Repo, method: str, framing: str) -> None:
    upload = repo.begin()
    with sending(registry, method, f"{upload}?digest={Digest.of(LARGE)}", framing):
        assert repo.offset(upload) == 0
    resume(repo, upload)


def test_chunk_cut_short_does_not_count_as_a_wrong_one(registry: Registry, repo: Repo) -> None:
    upload = repo.begin()
    with sending(registry, "PATCH", upload, f"Content-Length: {len(LARGE)}", f"Content-Range: 0-{len(LARGE) - 1}"):
        pass
    resume(repo, upload)


def test_single_post_cut_short_leaves_nothing(registry: Registry, repo: Repo) -> None:
    before = staged(registry)
    target = repo.url(f"blobs/uploads/?digest={Digest.of(CONTENT)}")
    with Client(port(registry)) as client:
        client.send(head("POST", target, "Content-Length: 100") + CONTENT[:8])
        assert eventually(lambda: staged(registry) != before)
    assert eventually(lambda: staged(registry) == before)


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "identity, gzip", "x"])
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_encoded_content_is_refused_and_nothing_is_kept(repo: Repo, method: str, encoding: str) -> None:
    upload = repo.begin()
    headers = {"Content-Encoding": encoding}
    params = {"digest": str(Digest.of(CONTENT))}
    refused(repo.http.request(method, upload, content=CONTENT, params=params, headers=headers), 415, "UNSUPPORTED")
    assert repo.offset(upload) == 0


def test_content_encoding_identity_is_none(repo: Repo) -> None:
    params = {"digest": str(Digest.of(CONTENT))}
    headers = {"Content-Encoding": "identity"}
    must_be_stored(repo, repo.http.put(repo.begin(), params=params, content=CONTENT, headers=headers), CONTENT)


# At the same time


def test_same_blob_pushed_by_many_at_once_is_one_file(registry: Registry, repo: Repo) -> None:
    content = uuid.uuid4().bytes * 100_000
    digest = Digest.of(content)
    before = staged(registry)

    def push() -> int:
        return repo.http.post(repo.url("blobs/uploads/"), params={"digest": str(digest)}, content=content).status_code

    assert at_once(*[push] * 4) == [201] * 4
    assert len(objects(registry, digest)) == 1
    assert staged(registry) == before
    assert repo.blob(digest).content == content


def test_of_two_chunks_sent_at_once_one_is_taken(registry: Registry, repo: Repo) -> None:
    chunks = [b"a" * 300_000, b"b" * 300_000]
    upload = repo.begin()
    responses = at_once(*[lambda chunk=chunk: repo.patch(upload, chunk, 0) for chunk in chunks])
    assert sorted(response.status_code for response in responses) == [202, 416]
    loser = next(response for response in responses if response.status_code == 416)
    assert codes(loser) == ["BLOB_UPLOAD_INVALID"]
    won = chunks[1 - responses.index(loser)]
    assert repo.offset(upload) == len(won)
    must_be_stored(repo, repo.finish(upload, Digest.of(won)), won)


def test_upload_that_another_request_is_sending_to_is_refused_to_others(registry: Registry, repo: Repo) -> None:
    upload = repo.begin()
    with sending(registry, "PATCH", upload, f"Content-Length: {len(LARGE)}") as client:
        refused(repo.patch(upload, b"intruder"), 416, "BLOB_UPLOAD_INVALID")
        refused(repo.finish(upload, Digest.of(b"intruder"), b"intruder"), 416, "BLOB_UPLOAD_INVALID")
        client.send(LARGE[BEGUN:])
        assert client.answer().status == 202
    must_be_stored(repo, repo.finish(upload, Digest.of(LARGE)), LARGE)


def test_upload_cancelled_while_bytes_arrive_stores_none_of_them(registry: Registry, repo: Repo) -> None:
    before = staged(registry)
    upload = repo.begin()
    with sending(registry, "PATCH", upload, f"Content-Length: {len(LARGE)}") as client:
        assert repo.http.delete(upload).status_code == 204
        client.send(LARGE[BEGUN:])
        assert client.answer().status == 404
    assert staged(registry) == before


def test_upload_goes_on_at_any_server_over_the_same_folder(make_registry: Make) -> None:
    here = fresh(make_registry(), project="library")
    there = Repo(fresh(make_registry()).http, here.name)
    upload = here.begin()
    for start in range(0, 20, 4):
        server = there if start % 8 else here
        assert server.patch(upload, CONTENT[start : start + 4], start).status_code == 202
        assert here.offset(upload) == there.offset(upload) == start + 4
    refused(here.patch(upload, CONTENT[16:], 16), 416, "BLOB_UPLOAD_INVALID")
    must_be_stored(there, here.finish(upload, Digest.of(CONTENT), CONTENT[20:]), CONTENT)
    refused(there.http.get(upload), 404, "BLOB_UPLOAD_UNKNOWN")
