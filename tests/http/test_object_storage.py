"""The registry over S3: what clients see of it, and of its failures."""

import logging
import os
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from storage import s3_buckets, s3_readers
from storage.digest import Digest
from tests.http.conftest import Make
from tests.http.pushes import Repo, fresh
from tests.http.raw import Client, eventually
from tests.http.serving import PASSWORD, Registry
from tests.storage import s3_server
from tests.storage.s3_server import BUCKET, MIB, PART, Proxy, S3Server, proxy_before


@pytest.fixture
def proxy(s3: S3Server) -> Iterator[Proxy]:
    with proxy_before(s3.endpoint) as running:
        yield running


@pytest.fixture
def settings(proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    monkeypatch.setattr(s3_buckets, "ATTEMPTS", 2)
    return {
        "storage_url": f"s3://{BUCKET}/http/{tmp_path.name}",
        "s3_endpoint": proxy.endpoint,
        "s3_part_bytes": PART,
        "s3_timeout_seconds": 5,
    }


@pytest.fixture
def registry(make_registry: Make, settings: dict[str, object]) -> Registry:
    return make_registry(**settings)


@pytest.fixture
def repo(registry: Registry) -> Repo:
    return fresh(registry, project="library")


@pytest.mark.parametrize("size", [0, 100, 2 * PART + 100])
def test_blob_is_pushed_and_pulled(repo: Repo, size: int) -> None:
    content = b"x" * size
    upload = repo.begin()
    assert repo.patch(upload, content).status_code == 202
    assert repo.finish(upload, Digest.of(content)).status_code == 201
    assert repo.http.get(repo.url(f"blobs/{Digest.of(content)}")).content == content


def test_layer_costs_s3_little_more_than_its_bytes(repo: Repo, proxy: Proxy) -> None:
    content = b"x" * (16 * PART + 100)
    upload = repo.begin()
    assert repo.patch(upload, content).status_code == 202
    assert repo.finish(upload, Digest.of(content)).status_code == 201
    assert len(content) <= proxy.received() < len(content) * 1.02


@pytest.mark.parametrize("size", [100, MIB])
def test_ranges_are_ranges_of_the_object(repo: Repo, size: int) -> None:
    content = bytes(range(100)) * (size // 100)
    url = repo.url(f"blobs/{repo.push_blob(content)}")
    answer = repo.http.get(url, headers={"Range": "bytes=17-42"})
    assert (answer.status_code, answer.content) == (206, content[17:43])


def test_service_that_fails_is_503_with_a_time_to_come_back_and_never_a_404(
    registry: Registry, repo: Repo, proxy: Proxy
) -> None:
    blob, url = b"layer", repo.url(f"blobs/{repo.push_blob(b'layer')}")
    registry.push_image(repo.name, "latest", blob)
    for operation in ("HeadObject", "GetObject", "PutObject"):
        proxy.fail(operation, s3_server.refuse(503, "SlowDown"), times=99)
    upload = repo.begin()
    for answer in (repo.http.get(url), repo.http.head(url), repo.patch(upload, b"content")):
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
    assert repo.http.get(repo.url("manifests/latest")).status_code == 200
    proxy.faults.clear()
    assert repo.patch(upload, b"content").status_code == 202
    assert repo.finish(upload, Digest.of(b"content")).status_code == 201
    assert repo.http.get(url).content == blob


@pytest.mark.parametrize("answer", [s3_server.hang_up, s3_server.cut_after(0)])
def test_service_that_fails_before_the_first_byte_of_a_blob_is_503(
    repo: Repo, proxy: Proxy, answer: s3_server.Answer, caplog: pytest.LogCaptureFixture
) -> None:
    url = repo.url(f"blobs/{repo.push_blob(b'layer')}")
    proxy.fail("GetObject", answer, times=99)
    for headers in ({}, {"Range": "bytes=1-2"}, {"Range": "bytes=1-2,0-0"}):
        refusal = repo.http.get(url, headers=headers)
        assert (refusal.status_code, refusal.headers["retry-after"]) == (503, "5")
    assert not [record for record in caplog.records if record.exc_info]
    proxy.faults.clear()
    assert repo.http.get(url).content == b"layer"


def test_service_that_fails_in_the_middle_of_a_blob_ends_the_connection_and_is_one_line_in_the_log(
    repo: Repo, proxy: Proxy, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_readers, "ATTEMPTS", 1)
    digest = repo.push_blob(os.urandom(4 * MIB))
    proxy.fail("GetObject", s3_server.cut_after(MIB), times=99)
    with pytest.raises(httpx.RemoteProtocolError):
        repo.http.get(repo.url(f"blobs/{digest}"))
    [line] = [record for record in caplog.records if record.name == "cove" and record.levelno >= logging.WARNING]
    assert f"blob {digest} is sent only in part" in line.getMessage()
    assert not [record for record in caplog.records if record.exc_info]


def test_registry_whose_service_fails_is_not_ready_until_it_is_back(registry: Registry, proxy: Proxy) -> None:
    proxy.fail("HeadBucket", s3_server.refuse(503, "SlowDown"), times=99)
    answer = registry.client().get("/readyz")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (503, "UNAVAILABLE")
    assert registry.client().get("/healthz").status_code == 200
    proxy.faults.clear()
    assert eventually(lambda: registry.client().get("/readyz").status_code == 200)


def test_object_that_is_gone_is_a_blob_that_is_unknown(repo: Repo, s3: S3Server, settings: dict[str, object]) -> None:
    digest = repo.push_blob(b"gone")
    prefix = str(settings["storage_url"]).removeprefix(f"s3://{BUCKET}/")
    (location,) = s3.objects(f"{prefix}/o")
    s3.delete(f"{prefix}/o/{location}")
    assert repo.http.get(repo.url(f"blobs/{digest}")).status_code == 404
    assert repo.push_blob(b"gone") == digest
    assert repo.http.get(repo.url(f"blobs/{digest}")).content == b"gone"


# Sending clients to S3


@pytest.fixture
def sending(make_registry: Make, settings: dict[str, object], s3: S3Server) -> Repo:
    return fresh(make_registry(**settings, s3_redirect=True, s3_public_endpoint=s3.endpoint), project="library")


def test_get_of_a_blob_is_sent_to_s3_by_an_address_that_nobody_may_keep(sending: Repo, s3: S3Server) -> None:
    digest = sending.push_blob(b"elsewhere")
    answer = sending.http.get(sending.url(f"blobs/{digest}"))
    assert answer.status_code == 307
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Docker-Content-Digest"] == str(digest)
    assert answer.headers["Location"].startswith(f"{s3.endpoint}/{BUCKET}/")
    assert httpx.get(answer.headers["Location"]).content == b"elsewhere"


def test_head_of_a_blob_is_answered_here(sending: Repo) -> None:
    answer = sending.http.head(sending.url(f"blobs/{sending.push_blob(b'here')}"))
    assert (answer.status_code, answer.headers["Content-Length"]) == (200, "4")


@pytest.mark.parametrize(
    "headers", [{"Range": "bytes=0-1,4-5"}, {"User-Agent": "crane/0.20.6 go-containerregistry/0.20.6"}]
)
def test_client_that_cannot_follow_is_served_here(sending: Repo, headers: dict[str, str]) -> None:
    answer = sending.http.get(sending.url(f"blobs/{sending.push_blob(b'0123456789')}"), headers=headers)
    assert answer.status_code == (206 if "Range" in headers else 200)
    assert b"45" in answer.content


def test_client_of_http_1_0_is_served_here(sending: Repo) -> None:
    url = sending.url(f"blobs/{sending.push_blob(b'content')}")
    credentials = b64encode(f"admin:{PASSWORD}".encode()).decode()
    with Client(sending.http.base_url.port or 0) as client:
        client.send(f"GET {url} HTTP/1.0\r\nAuthorization: Basic {credentials}\r\n\r\n".encode())
        answer = client.answer()
    assert (answer.status, answer.body) == (200, b"content")


def test_nobody_is_sent_to_what_is_not_there_or_not_new(sending: Repo) -> None:
    digest = sending.push_blob(b"known")
    assert sending.http.get(sending.url(f"blobs/{Digest.of(b'unknown')}")).status_code == 404
    unchanged = sending.http.get(sending.url(f"blobs/{digest}"), headers={"If-None-Match": f'"{digest}"'})
    assert unchanged.status_code == 304


def test_store_on_a_disk_sends_nobody_away(make_registry: Make) -> None:
    repo = fresh(make_registry(s3_redirect=True), project="library")
    answer = repo.http.get(repo.url(f"blobs/{repo.push_blob(b'here')}"))
    assert (answer.status_code, answer.content) == (200, b"here")
