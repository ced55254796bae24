"""A disk that reports errors or is full: nothing is acknowledged that is not kept, and the server outlives it."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from storage.digest import Digest
from tests.cli.running import COVE, environment
from tests.torture.amounts import some
from tests.torture.faults import RENAME, SYNC, injected
from tests.torture.media import mounted
from tests.torture.pushes import (
    MIB,
    Ledger,
    begin,
    content_of,
    expect,
    kept,
    pull_image,
    put_manifest,
)
from tests.torture.servers import Server, Start, start
from tests.torture.verdicts import fsck, settled

# Errors


@pytest.mark.parametrize(
    ("calls", "fault", "statuses"),
    [
        (SYNC, "error=EIO", {503}),
        ("pwrite64", "error=ENOSPC", {507}),
        (RENAME, "error=EROFS", {503}),
        (SYNC, "error=ENOSPC", {503, 507}),
        ("pwrite64", "error=EIO", {503}),
    ][: some(3, 5)],
)
def test_push_on_a_failing_disk_is_refused_pulls_go_on_and_the_retry_succeeds(
    serve: Start, strace: str, calls: str, fault: str, statuses: set[int]
) -> None:
    server, ledger = serve(), Ledger("library/disk")
    with server.client() as client:
        early = ledger.push(client, "early")
        manifest = client.get("/v2/library/disk/manifests/early").content
        with injected(strace, server, calls, fault):
            params = {"digest": str(Digest.of(b"late"))}
            refused = client.post("/v2/library/disk/blobs/uploads/", params=params, content=b"late")
            assert refused.status_code in statuses, refused.text
            assert refused.json()["errors"][0]["code"]
            assert pull_image(client, "library/disk", early) == early
            if calls != RENAME:
                late = put_manifest(client, "library/disk", "late", manifest)
                assert late.status_code in statuses, late.text
        expect(client.head(f"/v2/library/disk/blobs/{Digest.of(b'late')}"), 404)
        assert client.get("/v2/library/disk/tags/list").json()["tags"] == ["early", "latest"]
        ledger.push(client, "late")
        ledger.verify(client)
    server.kill()
    with serve().client() as client:
        ledger.verify(client)


def test_manifests_that_queue_are_all_refused_when_the_sync_of_their_records_fails(serve: Start, strace: str) -> None:
    """They are committed together, and none of them may be told that it was kept."""
    server, ledger = serve(), Ledger("library/disk")
    with server.client() as client, ThreadPoolExecutor(6) as pushers:
        ledger.push(client, "early")
        manifest = client.get("/v2/library/disk/manifests/early").content
        late = {f"late{number}": manifest + b" " * number for number in range(6)}
        with injected(strace, server, SYNC, "error=EIO", server.data / "cove.db-wal"):
            answers = list(pushers.map(lambda tag: put_manifest(client, "library/disk", tag, late[tag]), late))
        assert [answer.status_code for answer in answers] == [503] * 6
        assert client.get("/v2/library/disk/tags/list").json()["tags"] == ["early", "latest"]
        for tag, content in late.items():
            ledger.point(client, tag, content)
        ledger.verify(client)
    server.kill()
    with serve().client() as client:
        ledger.verify(client)


@pytest.mark.timeout(some(120, 900))
@pytest.mark.parametrize(("calls", "error"), [(SYNC, "EIO"), ("pwrite64", "ENOSPC"), (RENAME, "EROFS")])
def test_push_that_meets_one_error_anywhere_is_whole_or_refused_and_succeeds_when_it_is_tried_again(
    serve: Start, strace: str, calls: str, error: str
) -> None:
    server, ledger, whole, rounds = serve(), Ledger("library/once"), 0, some(4, 21)
    for number in range(1, rounds + 1):
        with server.client(event_hooks={"response": [cut_short]}) as client:
            with injected(strace, server, calls, f"error={error}:when={number}"), suppress(httpx.TransportError):
                ledger.push(client, f"n{number}", 50_000)
                whole += 1
            ledger.verify(client)
            ledger.push(client, f"n{number}", 50_000)
            ledger.verify(client)
    assert whole < rounds
    assert fsck(server.data, "--read", "--rate", "1GiB")["problems"] == 0


def cut_short(response: httpx.Response) -> None:
    """An answer that the server failed is like a lost connection: nothing was promised."""
    if response.status_code in (503, 507):
        raise httpx.RemoteProtocolError(f"{response.status_code}")


# A full disk


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Server]:
    """A server with 48 MiB for its data."""
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=48m", "tiny") as disk, ExitStack() as stack:
        yield start(stack, disk / "data", log=tmp_path / "log")


def put_blob(client: httpx.Client, content: bytes) -> httpx.Response:
    params = {"digest": str(Digest.of(content))}
    return client.post("/v2/library/full/blobs/uploads/", params=params, content=content)


def fill_with_blobs(client: httpx.Client) -> None:
    """Push blobs, smaller and smaller, until none fits any more."""
    for size in (3 * MIB, 300_000, 3_000):
        for number in range(1000):
            response = put_blob(client, content_of(f"{size}-{number}", size))
            if response.status_code != 201:
                break
        assert_full(response)


def assert_full(response: httpx.Response) -> None:
    assert response.status_code == 507
    [error] = response.json()["errors"]
    assert "disk is full" in error["message"]


def token_status(client: httpx.Client) -> int:
    return client.get("/service/token", params={"service": "cove", "scope": "repository:library/full:pull"}).status_code


def test_disk_full_of_blobs_refuses_more_and_everything_else_goes_on(full: Server) -> None:
    ledger = Ledger("library/full")
    with full.client() as client:
        early = ledger.push(client, "early", MIB)
        upload = begin(client, "library/full")
        expect(client.patch(upload, content=bytes(20 * MIB)), 202)
        fill_with_blobs(client)
        assert_full(client.patch(upload, content=bytes(MIB)))
        assert kept(client, upload) == 20 * MIB
        ledger.verify(client)
        manifest = client.get("/v2/library/full/manifests/early").content
        for number in range(2):
            ledger.point(client, f"late{number}", manifest + b" " * (3_000_000 + number))
        assert token_status(client) == 200
        expect(client.delete(upload), 204)
        ledger.push(client, "after", MIB)
        ledger.delete(client, early)
        ledger.verify(client)
    assert "Traceback" not in full.log.read_text()


def test_disk_full_of_images_has_room_again_when_they_are_deleted_and_cleaned_up(full: Server) -> None:
    ledger = Ledger("library/full")
    with full.client() as client:
        kept_image = ledger.push(client, "kept", MIB)
        pushed = [ledger.push(client, f"n{number}", 3 * MIB) for number in range(8)]
        fill_with_blobs(client)
        for image in pushed:
            ledger.delete(client, image)
        ledger.blobs.clear()  # those of images are held to account with them; the others may go
        command = [*COVE, "gc", "--free-now", "--data", str(full.data)]
        settings = environment(gc_grace_seconds="0")
        freed = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
        assert freed.returncode == 0, freed.stderr
        assert pull_image(client, "library/full", kept_image) == kept_image
        for number in range(7):
            ledger.push(client, f"again{number}", 3 * MIB)
    settled(full, ledger)


def test_cancelled_upload_frees_its_space_even_if_there_is_no_room_for_a_record(full: Server) -> None:
    ledger = Ledger("library/full")
    with full.client() as client:
        ledger.push(client, "early", MIB)
        upload = begin(client, "library/full")
        expect(client.patch(upload, content=bytes(20 * MIB)), 202)
        with (full.data / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while filler.write(bytes(4096)):
                pass
        manifest = client.get("/v2/library/full/manifests/early").content
        assert_full(put_manifest(client, "library/full", "late", manifest + b" " * 4_000_000))
        assert_full(put_blob(client, b"late"))
        ledger.verify(client)
        assert token_status(client) == 200
        assert client.get("/readyz").status_code == 200
        expect(client.delete(upload), 204)
        ledger.point(client, "late", manifest)
        ledger.push(client, "after", MIB)
        ledger.verify(client)
    assert "Traceback" not in full.log.read_text()
