import os
from email.parser import BytesParser
from email.policy import HTTP

import httpx
import pytest

from storage.digest import Digest
from tests.http.pushes import Repo, codes, fresh, refused
from tests.http.serving import Registry

CONTENT = os.urandom(700_000)
SIZE = len(CONTENT)


@pytest.fixture(scope="module")
def repo(registry: Registry) -> Repo:
    repo = fresh(registry)
    repo.push_blob(CONTENT)
    return repo


@pytest.fixture
def digest() -> Digest:
    return Digest.of(CONTENT)


def parts(response: httpx.Response) -> list[tuple[str, bytes]]:
    """Content-Range and content of each part of a multipart body, read by a parser that is not ours."""
    assert (response.status_code, int(response.headers["Content-Length"])) == (206, len(response.content))
    head = f"Content-Type: {response.headers['Content-Type']}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + response.content)
    assert message.get_content_type() == "multipart/byteranges"
    assert not message.defects
    boundary = message.get_boundary()
    assert boundary
    bodies = response.content.split(f"\r\n--{boundary}".encode())[1:-1]
    found = []
    for part, body in zip(message.iter_parts(), bodies, strict=True):
        assert part.get_content_type() == "application/octet-stream"
        found.append((str(part["Content-Range"]), body.partition(b"\r\n\r\n")[2]))
    return found


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-", 0, SIZE - 1),
        ("bytes=5-9", 5, 9),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE - 1),
        (f"bytes=100-{SIZE + 5}", 100, SIZE - 1),
        ("bytes=-1", SIZE - 1, SIZE - 1),
        (f"bytes=-{SIZE * 2}", 0, SIZE - 1),
        ("bytes=262100-262200", 262_100, 262_200),
        ("bytes=1-600000", 1, 600_000),
        ("BYTES= 5-9", 5, 9),
        ("bytes=5-9,", 5, 9),
    ],
)
def test_one_range_is_sent_alone(repo: Repo, digest: Digest, asked: str, first: int, last: int) -> None:
    response = repo.blob(digest, Range=asked)
    assert response.status_code == 206
    assert response.content == CONTENT[first : last + 1]
    assert response.headers["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert response.headers["Content-Length"] == str(last - first + 1)
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["Docker-Content-Digest"] == str(digest)


@pytest.mark.parametrize(
    "ranges",
    [
        [(0, 0), (1, 1)],
        [(500, 999), (0, 99)],
        [(0, 9), (0, 9), (5, 14)],
        [(0, 300_000), (300_001, SIZE - 1)],
        [(SIZE - 1, SIZE - 1), (0, 0), (262_143, 262_145)],
        [(number * 600, number * 600 + 500) for number in range(1024)],
    ],
    ids=["adjacent", "backwards", "overlapping", "large", "edges", "many"],
)
def test_several_ranges_are_as_many_parts_in_the_order_asked(
    repo: Repo, digest: Digest, ranges: list[tuple[int, int]]
) -> None:
    response = repo.blob(digest, Range="bytes=" + ",".join(f"{first}-{last}" for first, last in ranges))
    assert parts(response) == [(f"bytes {first}-{last}/{SIZE}", CONTENT[first : last + 1]) for first, last in ranges]


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 1}", "bytes=-0", "bytes=500-0"])
def test_range_without_a_byte_is_refused_with_the_size(repo: Repo, digest: Digest, asked: str) -> None:
    response = repo.blob(digest, Range=asked)
    refused(response, 416, "RANGE_INVALID")
    assert response.headers["Content-Range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=0x0-0x5",
        "bytes=+0-5",
        "bytes=0-5-9",
        "bytes 0-5",
        "lines=0-5",
        "0-5",
        "bytes=" + "9" * 30 + "-",
        "bytes=" + ",".join(["0-0"] * 1025),
        f"bytes=0-{SIZE},0-{SIZE}",
        "bytes=0-9," + f"{SIZE}-{SIZE + 9}",
    ],
)
def test_range_that_cannot_be_served_gets_the_whole(repo: Repo, digest: Digest, asked: str) -> None:
    """So does a set of which one part does not exist: clients that send sets count the parts."""
    response = repo.blob(digest, Range=asked)
    assert (response.status_code, response.content == CONTENT) == (200, True)
    assert response.headers["Accept-Ranges"] == "bytes"


def test_range_of_an_empty_blob_gets_the_whole(registry: Registry) -> None:
    repo = fresh(registry)
    response = repo.blob(repo.push_blob(b""), Range="bytes=0-")
    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize(
    ("condition", "status"),
    [('"{}"', 206), ('W/"{}"', 200), ('"another"', 200), ("Tue, 01 Jan 2030 00:00:00 GMT", 200), ("", 200)],
)
def test_range_counts_only_for_the_content_the_client_has(
    repo: Repo, digest: Digest, condition: str, status: int
) -> None:
    response = repo.blob(digest, Range="bytes=0-4", **{"If-Range": condition.format(digest)})
    assert (response.status_code, response.content == CONTENT) == (status, status == 200)


def test_client_that_has_the_content_gets_no_range_of_it(repo: Repo, digest: Digest) -> None:
    response = repo.blob(digest, Range="bytes=0-4", **{"If-None-Match": f'"{digest}"'})
    assert (response.status_code, response.content) == (304, b"")


def test_head_ignores_a_range(repo: Repo, digest: Digest) -> None:
    response = repo.http.head(repo.url(f"blobs/{digest}"), headers={"Range": "bytes=0-4"})
    assert (response.status_code, response.headers["Content-Length"]) == (200, str(SIZE))


def test_manifests_have_no_ranges(registry: Registry) -> None:
    repo = fresh(registry)
    content = repo.image()
    response = repo.manifest(repo.push("v1", content), Range="bytes=0-4")
    assert (response.status_code, response.content) == (200, content)


def test_connection_goes_on_after_a_refused_range(repo: Repo, digest: Digest) -> None:
    for _ in range(20):
        assert codes(repo.blob(digest, Range=f"bytes={SIZE}-")) == ["RANGE_INVALID"]
    assert repo.blob(digest, Range="bytes=1-2").content == CONTENT[1:3]
