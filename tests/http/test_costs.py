"""What a push costs, in numbers that are the same on every machine: statements, threads, and waits for the disk.

Whoever makes it cheaper lowers a number here; whoever has to raise one says why.
"""

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from registry import app, threads, web
from registry.config import Config
from storage.digest import Digest
from storage.metadata.database import Database
from storage.metadata.sqlite_writers import Writers
from storage.metadata.turns import Turns
from tests.http.serving import MANIFEST_TYPE, PASSWORD, Registry, image_manifest, running
from tests.security.statements import statements_of


@dataclass
class Cost:
    """Of one request. `hops` are from the event loop to a thread, `syncs` those of files and folders of the store,
    `durable` transactions wait for the disk as well, and others do not; those that queue share `commits`.
    """

    hops: int = 0
    syncs: int = 0
    reads: int = 0
    durable: int = 0
    hasty: int = 0
    commits: int = 0
    statements: int = 0


@dataclass
class Counted:
    registry: Registry
    counts: Counter[str] = field(default_factory=Counter)
    statements: list[Any] = field(default_factory=list)

    def of(self, ask: Callable[[], httpx.Response], status: int) -> Cost:
        """What a request costs, which is given this status."""
        self.counts.clear()
        self.statements.clear()
        answer = ask()
        assert answer.status_code == status, answer.text
        return Cost(**self.counts, statements=len(self.statements))


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """One that does nothing by itself, which would be counted as well."""
    config = Config(data=tmp_path_factory.mktemp("registry") / "data", admin_password=PASSWORD)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "_jobs", lambda *_: [])
        with running(config) as running_registry:
            yield running_registry


@pytest.fixture
def counted(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counted]:
    with statements_of(registry) as statements:
        found = Counted(registry, statements=statements)
        run, fsync, read, write = threads.run, os.fsync, Database.read, Database.write
        commit = Writers._commit

        def noting(name: str, inner: Callable[..., Any]) -> Callable[..., Any]:
            def outer(*given: Any, **named: Any) -> Any:
                kind = name or ("durable" if named.get("durable", True) else "hasty")
                found.counts[kind] += 1
                return inner(*given, **named)

            return outer

        for module in (threads, web):
            monkeypatch.setattr(module, "run", noting("hops", run))
        monkeypatch.setattr(os, "fsync", noting("syncs", fsync))
        monkeypatch.setattr(Writers, "_commit", noting("commits", commit))
        monkeypatch.setattr(Database, "read", noting("reads", read))
        monkeypatch.setattr(Database, "write", noting("", write))
        yield found


@pytest.fixture
def http(counted: Counted) -> httpx.Client:
    """Somebody with a token for a repository that is there, and who has asked before."""
    registry = counted.registry
    registry.push_image("library/costs", "before")
    client = registry.bearer(registry.token("admin", "repository:library/costs:pull,push"))
    for _ in range(2):
        assert client.head("/v2/library/costs/blobs/" + "sha256:" + "0" * 64).status_code == 404
        assert client.delete(client.post("/v2/library/costs/blobs/uploads/").headers["location"]).status_code == 204
    return client


LAYER = os.urandom(20_000)
DIGEST = Digest.of(LAYER)


def test_blob_that_is_pushed_in_three_steps(counted: Counted, http: httpx.Client) -> None:
    head = counted.of(lambda: http.head(f"/v2/library/costs/blobs/{DIGEST}"), 404)
    assert head == Cost(hops=1, reads=1, statements=2)
    places = []

    def begin() -> httpx.Response:
        answer = http.post("/v2/library/costs/blobs/uploads/")
        places.append(answer.headers["location"])
        return answer

    assert counted.of(begin, 202) == Cost(hops=1, hasty=1, commits=1, statements=4)
    patch = counted.of(lambda: http.patch(places[0], content=LAYER), 202)
    assert patch.hops <= 2  # another where the body comes after the head
    assert (patch.syncs, patch.reads, patch.hasty, patch.durable, patch.statements) == (0, 2, 1, 0, 4)
    put = counted.of(lambda: http.put(places[0], params={"digest": str(DIGEST)}), 201)
    assert (put.hops, put.reads, put.hasty, put.durable) == (1, 3, 0, 1)
    assert put.syncs in (2, 3)  # the file and its folder, and once the folder's own name
    assert put.statements == 11


def test_manifest_that_is_pushed(counted: Counted, http: httpx.Client) -> None:
    config, layer = counted.registry.push_blob("library/costs", b"{}"), b"of a manifest"
    manifest = image_manifest(config, 2, counted.registry.push_blob("library/costs", layer), len(layer))
    fields = {"Content-Type": MANIFEST_TYPE}
    put = counted.of(lambda: http.put("/v2/library/costs/manifests/v1", content=manifest, headers=fields), 201)
    assert put.hops <= 2
    assert (put.syncs, put.reads, put.hasty, put.durable) == (0, 0, 0, 1)
    assert put.statements == 19  # one counts the record of who did it, so that no list has to


def test_image_that_is_pushed_again_by_whoever_pushed_it_a_moment_ago(counted: Counted, http: httpx.Client) -> None:
    config, layer = counted.registry.push_blob("library/costs", b"{}"), b"of an image"
    digest = counted.registry.push_blob("library/costs", layer)
    manifest = image_manifest(config, 2, digest, len(layer))

    def head() -> httpx.Response:
        return http.head(f"/v2/library/costs/blobs/{digest}")

    def put() -> httpx.Response:
        fields = {"Content-Type": MANIFEST_TYPE}
        return http.put("/v2/library/costs/manifests/again", content=manifest, headers=fields)

    assert counted.of(put, 201).durable == 1
    first = counted.of(head, 200)
    assert (first.reads, first.hasty, first.statements) == (1, 0, 2)
    assert counted.of(head, 200) == Cost()
    again = counted.of(put, 201)
    assert again.hops <= 2
    assert (again.reads, again.hasty, again.durable, again.statements) == (0, 0, 1, 12)
    assert counted.of(head, 200) == Cost()


def test_small_blob_that_is_pulled(counted: Counted, http: httpx.Client) -> None:
    digest = counted.registry.push_blob("library/costs", b"that is pulled")
    url = f"/v2/library/costs/blobs/{digest}"
    assert counted.of(lambda: http.get(url), 200) == Cost(hops=1, reads=1, statements=2)


def test_image_that_is_pushed_alone_waits_for_the_disk_three_times_a_blob_and_once_for_the_manifest(
    counted: Counted, http: httpx.Client
) -> None:
    counted.counts.clear()
    config, layers = os.urandom(1500), [os.urandom(2000) for _ in range(5)]
    for content in (config, *layers):
        push_in_three_steps(http, content)
    manifest = image_manifest(Digest.of(config), 1500, Digest.of(layers[0]), 2000)
    fields = {"Content-Type": MANIFEST_TYPE}
    assert http.put("/v2/library/costs/manifests/v2", content=manifest, headers=fields).status_code == 201
    assert (counted.counts["durable"], counted.counts["commits"]) == (7, 7 + counted.counts["hasty"])
    assert 12 <= counted.counts["syncs"] <= 18  # a file and its folder, and once each of the 256 folders' own names


def push_in_three_steps(http: httpx.Client, content: bytes) -> None:
    place = http.post("/v2/library/costs/blobs/uploads/").headers["location"]
    assert http.patch(place, content=content).status_code == 202
    assert http.put(place, params={"digest": str(Digest.of(content))}).status_code == 201


def test_eight_blobs_that_are_finished_at_once_wait_for_one_commit(
    counted: Counted, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = [os.urandom(2000) for _ in range(8)]
    places = [http.post("/v2/library/costs/blobs/uploads/").headers["location"] for _ in contents]
    for place, content in zip(places, contents, strict=True):
        assert http.patch(place, content=content).status_code == 202
    queued, wait = threading.Semaphore(0), Turns._wait

    def queue(turns: Turns, patience: float) -> None:
        queued.release()
        wait(turns, patience)

    monkeypatch.setattr(Turns, "_wait", queue)

    def finish(place: str, content: bytes) -> int:
        return http.put(place, params={"digest": str(Digest.of(content))}).status_code

    with ThreadPoolExecutor(8) as clients:
        with counted.registry.database.write():
            counted.counts.clear()
            answers = [clients.submit(finish, place, content) for place, content in zip(places, contents, strict=True)]
            assert all(queued.acquire(timeout=10) for _ in contents[1:])
        assert [answer.result() for answer in answers] == [201] * 8
    assert counted.counts["durable"] == 8
    assert counted.counts["commits"] == 2  # with that of whoever kept them waiting


def test_token_that_was_asked_for_a_moment_ago(counted: Counted) -> None:
    client = counted.registry.client("admin", PASSWORD)
    path = "/service/token?service=cove&scope=repository:library/app:pull"
    tokens = [client.get(path).json()["token"] for _ in range(4)]
    assert counted.of(lambda: client.get(path), 200) == Cost()
    assert tokens[-1] == client.get(path).json()["token"]
