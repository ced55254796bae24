"""Much of everything: clients, blobs, tags and referrers."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import httpx
import pytest

from storage.digest import Digest
from tests.http.serving import MANIFEST_TYPE, image_manifest
from tests.torture.amounts import some
from tests.torture.pushes import Ledger, content_of, expect, pull_image, push_blob, put_manifest
from tests.torture.servers import Crowd, Start
from tests.torture.verdicts import settled

REPOSITORY = "library/scale"
CONFIG = b"{}"
Record = Callable[[str, object], None]


def push_plain(client: httpx.Client, tag: str = "v1", **more: object) -> bytes:
    """An image of two blobs and whatever else its manifest says; its manifest."""
    layer = b"layer"
    for content in (CONFIG, layer):
        push_blob(client, REPOSITORY, content)
    manifest = image_manifest(Digest.of(CONFIG), len(CONFIG), Digest.of(layer), len(layer))
    content = json.dumps(json.loads(manifest) | more).encode()
    expect(put_manifest(client, REPOSITORY, tag, content), 201)
    return content


def descriptor(content: bytes, media_type: str) -> dict[str, object]:
    return {"mediaType": media_type, "digest": str(Digest.of(content)), "size": len(content)}


def names(client: httpx.Client, address: str, field: str) -> list[str]:
    """All entries of a list, following its links."""
    found: list[str] = []
    while address:
        answer = expect(client.get(address), 200)
        found += [entry if isinstance(entry, str) else entry["digest"] for entry in answer.json()[field]]
        address = answer.links["next"]["url"] if "next" in answer.links else ""
    return found


def at_once(work: Callable[[int], object], count: int, threads: int) -> None:
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(count)))


def test_as_many_clients_as_come_pull_at_once_each_on_connections_of_its_own(
    serve: Start, record_property: Record
) -> None:
    server, count = serve("--workers", "2"), some(100, 1000)
    with server.client() as client:
        image = Digest.of(push_plain(client))

    def pull(_: int) -> None:
        with server.client() as client:
            assert pull_image(client, REPOSITORY, "v1") == image

    at_once(pull, count, some(50, 250))
    record_property("pulls at once", count)
    settled(server)


def test_parallel_pushes_into_many_repositories_are_all_there(serve: Start, record_property: Record) -> None:
    server = serve("--workers", "2")
    ledgers = [Ledger(f"library/many{number}") for number in range(some(20, 200))]

    def push(number: int) -> None:
        with server.client() as client:
            ledgers[number].push(client, "v1", 256_000)

    at_once(push, len(ledgers), some(20, 100))
    record_property("pushes at once", len(ledgers))
    settled(server, *ledgers)


def test_one_layer_pushed_by_many_at_once_is_kept_once(serve: Start) -> None:
    server, content = serve("--workers", "2"), content_of("popular", 300_000)

    def push(number: int) -> None:
        with server.client() as client:
            push_blob(client, f"library/same{number}", content)

    at_once(push, some(30, 100), some(30, 100))
    digest = Digest.of(content)
    assert len(list((server.data / "blobs" / "sha256" / digest.hex[:2]).glob(f"{digest.hex}-*"))) == 1


@pytest.mark.timeout(some(120, 1800))
def test_many_small_blobs_are_pushed_and_found(serve: Start, record_property: Record) -> None:
    server, count = serve("--workers", "2"), some(500, 100_000)

    def push(part: int) -> None:
        with server.client() as client:
            for number in range(part, count, 8):
                push_blob(client, REPOSITORY, f"small {number}".encode())

    with Crowd() as crowd:
        crowd.add_all(push, range(8))
    with server.client() as client:
        for number in range(0, count, max(1, count // 200)):
            expect(client.head(f"/v2/{REPOSITORY}/blobs/{Digest.of(f'small {number}'.encode())}"), 200)
    record_property("small blobs", count)
    assert server.stop() == 0
    assert serve()


@pytest.mark.timeout(some(120, 1200))
def test_many_tags_and_referrers_are_listed_once_each_and_in_order(serve: Start, record_property: Record) -> None:
    server, tags, referrers = serve("--workers", "2"), some(960, 100_000), some(200, 10_000)
    with server.client() as client:
        image = push_plain(client)
        digest, subject = Digest.of(image), descriptor(image, MANIFEST_TYPE)

    def tag(number: int) -> None:
        with server.client() as client:
            some_tags = "&".join(f"tag=t{number * 32 + each:06d}" for each in range(32))
            address = f"/v2/{REPOSITORY}/manifests/{digest}?{some_tags}"
            expect(client.put(address, content=image, headers={"Content-Type": MANIFEST_TYPE}), 201)

    def refer(number: int) -> None:
        with server.client() as client:
            push_plain(client, f"r{number:06d}", subject=subject, annotations={"number": str(number)})

    at_once(tag, tags // 32, 8)
    at_once(refer, referrers, 8)
    with server.client() as client:
        found = names(client, f"/v2/{REPOSITORY}/tags/list?n=1000", "tags")
        assert len(found) == tags // 32 * 32 + referrers + 1
        assert all(before < after for before, after in pairwise(found))
        referring = names(client, f"/v2/{REPOSITORY}/referrers/{digest}", "manifests")
        assert len(set(referring)) == len(referring) == referrers
    record_property("tags", len(found))
    settled(server)
