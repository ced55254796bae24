"""One tag and one digest, pushed, moved and deleted by many through several processes, and what others see of it."""

import random
import threading
from collections.abc import Callable
from itertools import count

import httpx
import pytest

from storage.digest import Digest
from tests.http.serving import image_manifest
from tests.torture.amounts import some
from tests.torture.histories import History
from tests.torture.pushes import expect, pull_blob, pull_image, push_blob, put_manifest
from tests.torture.servers import Crowd, Server, Start
from tests.torture.test_workers import only, two

REPOSITORY = "library/raced"
CONFIG, LAYER = b"{}", b"layer"


def image(value: str) -> bytes:
    """One of many images of the same blobs."""
    plain = image_manifest(Digest.of(CONFIG), len(CONFIG), Digest.of(LAYER), len(LAYER))
    return plain[:-1] + f',"annotations":{{"value":"{value}"}}}}'.encode()


def race(server: Server, history: History, number: int, operations: int) -> None:
    """Write, read and remove the one tag, and remove what it was found to point to."""
    chance, mine, known = random.Random(number), count(), ""
    address = f"/v2/{REPOSITORY}/manifests"
    for _ in range(operations):
        with server.client() as client:  # each on a connection of its own, which any process may take
            match chance.choice(["write", "read", "read", "remove", "remove-value"]):
                case "write":
                    manifest = image(f"{number}-{next(mine)}")
                    with history.note("write", str(Digest.of(manifest))):
                        expect(put_manifest(client, REPOSITORY, "raced", manifest), 201)
                case "read":
                    with history.note("read") as found:
                        answer = expect(client.get(f"{address}/raced"), 200, 404)
                        found(value=answer.headers["docker-content-digest"] if answer.is_success else None)
                    known = known if answer.status_code == 404 else answer.headers["docker-content-digest"]
                case "remove":
                    with history.note("remove") as found:
                        found(done=expect(client.delete(f"{address}/raced"), 202, 404).is_success)
                case "remove-value" if known:
                    with history.note("remove-value", known) as found:
                        found(done=expect(client.delete(f"{address}/{known}"), 202, 404).is_success)


@pytest.mark.timeout(some(120, 900))
def test_what_many_see_of_one_tag_can_have_happened_in_some_order(
    serve: Start, record_property: Callable[[str, object], None]
) -> None:
    server, operations = two(serve), 0
    for round_ in range(some(4, 60)):
        history = History()
        with server.client() as client:
            for content in (CONFIG, LAYER):
                push_blob(client, REPOSITORY, content)
            client.delete(f"/v2/{REPOSITORY}/manifests/raced")
        with Crowd() as crowd:
            for number in range(6):
                crowd.add(race, server, history, 100 * round_ + number, 15)
        assert history.is_linearizable()
        operations += len(history)
    assert "Traceback" not in server.log.read_text()
    record_property("operations on one tag", operations)


@pytest.mark.timeout(some(120, 900))
def test_tag_always_leads_to_a_whole_image_while_it_is_pushed_moved_and_deleted(serve: Start) -> None:
    server, stop = two(serve), threading.Event()

    def pull() -> None:
        pulled = 0
        while not stop.is_set() or not pulled:
            with server.client() as client:
                if client.head(f"/v2/{REPOSITORY}/manifests/raced").status_code == 200:
                    pulled += whole_or_gone(client)

    with Crowd() as crowd:
        crowd.add(pull)
        try:
            with server.client() as client:
                for number in range(some(60, 2000)):
                    for content in (CONFIG, LAYER):
                        push_blob(client, REPOSITORY, content)
                    expect(put_manifest(client, REPOSITORY, "raced", manifest := image(str(number % 3))), 201)
                    if number % 4 == 3:
                        expect(client.delete(f"/v2/{REPOSITORY}/manifests/{Digest.of(manifest)}"), 202)
        finally:
            stop.set()


def whole_or_gone(client: httpx.Client) -> int:
    """Pull what the tag leads to; tells whether it led to anything."""
    answer = expect(client.get(f"/v2/{REPOSITORY}/manifests/raced"), 200, 404)
    if answer.status_code == 404:
        return 0
    for blob in [answer.json()["config"], *answer.json()["layers"]]:
        pull_blob(client, REPOSITORY, Digest.parse(blob["digest"]))
    return 1


def test_blob_deleted_here_and_touched_there_stays_deleted_here_in_every_process(serve: Start) -> None:
    """CVE-2026-35172: a cache that is shared between repositories must not bring a blob back."""
    server = two(serve)
    first, second = server.workers()
    with only(server, first) as client, only(server, second) as other:
        for number in range(some(25, 300)):
            digest = push_blob(client, "library/here", f"blob {number}".encode())
            push_blob(other, "library/there", f"blob {number}".encode())
            for each in (client, other):
                pull_blob(each, "library/here", digest)
            deleter, toucher = (client, other) if number % 2 else (other, client)
            expect(deleter.delete(f"/v2/library/here/blobs/{digest}"), 202)
            pull_blob(toucher, "library/there", digest)
            for each in (client, other):
                expect(each.head(f"/v2/library/here/blobs/{digest}"), 404)
                expect(each.get(f"/v2/library/here/blobs/{digest}"), 404)
                pull_blob(each, "library/there", digest)


def test_of_fifty_who_push_one_tag_at_once_one_is_the_last_for_everybody(serve: Start) -> None:
    server = two(serve)
    with server.client() as client:
        for content in (CONFIG, LAYER):
            push_blob(client, REPOSITORY, content)
    images = {Digest.of(image(str(number))): image(str(number)) for number in range(50)}

    def push(manifest: bytes) -> None:
        with server.client() as client:
            expect(put_manifest(client, REPOSITORY, "contested", manifest), 201)

    for _ in range(some(2, 20)):
        with Crowd() as crowd:
            crowd.add_all(push, images.values())
        first, second = server.workers()
        with only(server, first) as client, only(server, second) as other:
            [winner] = {pull_image(each, REPOSITORY, "contested") for each in (client, other)}
        assert winner in images
