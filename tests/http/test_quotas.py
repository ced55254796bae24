"""Quotas as clients meet them: what is refused, what they are told, and that many at once never exceed a limit."""

import itertools
import os
import random
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from registry.config import Config
from storage.digest import Digest
from storage.metadata import projects, usage
from storage.metadata.database import Database
from tests.http.pushes import Repo, basic, image, port, refused, staged
from tests.http.raw import Client
from tests.http.serving import PASSWORD, Registry, running
from tests.torture.pushes import begin
from tests.torture.servers import Crowd, Server, start, wait_until

MB = 1_000_000
_names = itertools.count(1)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    config = Config(data=tmp_path_factory.mktemp("registry") / "data", admin_password=PASSWORD)
    with running(config) as running_registry:
        yield running_registry


@pytest.fixture
def repo(registry: Registry) -> Repo:
    """A repository in a project of the test's own, which may keep 1 MB."""
    name = f"small{next(_names)}"
    registry.projects.create(name)
    registry.projects.set_quota(name, MB)
    return Repo(registry.client("admin"), f"{name}/app")


def used(registry: Registry, repo: Repo) -> int:
    """Bytes in use, as they are on record and as they are."""
    recount = registry.projects.recount(repo.name.partition("/")[0])
    assert recount.recorded == recount.used
    return recount.used


def post(repo: Repo, content: bytes) -> httpx.Response:
    return repo.http.post(repo.url("blobs/uploads/"), params={"digest": str(Digest.of(content))}, content=content)


def test_push_that_does_not_fit_is_refused_with_a_sentence_and_the_bytes(registry: Registry, repo: Repo) -> None:
    repo.push_blob(b"x" * 950_000)
    response = post(repo, b"y" * 100_000)
    refused(response, 403, "DENIED")
    project = repo.name.partition("/")[0]
    assert response.json()["errors"] == [
        {
            "code": "DENIED",
            "message": f"project '{project}' has 950.0 kB of its 1.0 MB in use: 100.0 kB more do not fit;"
            " ask an administrator for more",
            "detail": {"project": project, "used": 950_000, "limit": MB, "asked": 100_000},
        }
    ]
    assert used(registry, repo) == 950_000


def test_upload_that_does_not_fit_ends_and_its_bytes_go(registry: Registry, repo: Repo) -> None:
    repo.push_blob(b"x" * 600_000)
    before, content = staged(registry), b"y" * 600_000
    upload = repo.begin()
    assert repo.patch(upload, content).status_code == 202
    refused(repo.finish(upload, Digest.of(content)), 403, "DENIED")
    assert staged(registry) == before
    refused(repo.finish(upload, Digest.of(content)), 404, "BLOB_UPLOAD_UNKNOWN")
    refused(repo.patch(upload, b"more"), 404, "BLOB_UPLOAD_UNKNOWN")
    assert repo.blob(Digest.of(content)).status_code == 404
    assert used(registry, repo) == 600_000


def test_upload_that_fits_exactly_is_taken(registry: Registry, repo: Repo) -> None:
    upload, content = repo.begin(), b"x" * MB
    assert repo.patch(upload, content[:600_000]).status_code == 202
    assert repo.finish(upload, Digest.of(content), content[600_000:]).status_code == 201
    assert used(registry, repo) == MB
    refused(post(repo, b"1"), 403, "DENIED")
    assert post(repo, content).status_code == 201


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_blob_larger_than_the_limit_is_refused_before_its_body_comes(
    registry: Registry, repo: Repo, method: str
) -> None:
    before = staged(registry)
    query = f"?digest={Digest.of(b'')}" if method == "PUT" else ""
    head = f"{method} {repo.begin()}{query} HTTP/1.1\r\nHost: cove\r\n{basic()}\r\nContent-Length: {MB + 1}\r\n\r\n"
    with Client(port(registry)) as client:
        client.send(head.encode())
        answer = client.answer()
    assert (answer.status, answer.json()["errors"][0]["detail"]["asked"]) == (403, MB + 1)
    assert answer.headers["connection"] == "close"
    assert staged(registry) == before


def test_blob_of_unknown_length_is_refused_when_it_grows_beyond_the_limit(registry: Registry, repo: Repo) -> None:
    before, upload = staged(registry), repo.begin()
    head = f"PATCH {upload} HTTP/1.1\r\nHost: cove\r\n{basic()}\r\nTransfer-Encoding: chunked\r\n\r\n"
    with Client(port(registry)) as client:
        client.send(head.encode())
        for _ in range(25):  # a piece is judged when the next has come
            client.send(b"%x\r\n%s\r\n" % (100_000, b"x" * 100_000))
        answer = client.answer()
    assert (answer.status, answer.json()["errors"][0]["code"]) == (403, "DENIED")
    assert staged(registry) == before
    refused(repo.patch(upload, b"more"), 404, "BLOB_UPLOAD_UNKNOWN")


def test_mount_that_does_not_fit_is_refused_and_begins_no_upload(registry: Registry, repo: Repo) -> None:
    digest = Repo(repo.http, "library/app").push_blob(b"z" * 700_000)
    repo.push_blob(b"x" * 300_001)
    before = staged(registry)
    params = {"mount": str(digest), "from": "library/app"}
    refused(repo.http.post(repo.url("blobs/uploads/"), params=params), 403, "DENIED")
    assert staged(registry) == before
    assert repo.blob(digest).status_code == 404
    assert used(registry, repo) == 300_001


def test_manifest_that_does_not_fit_is_refused_and_its_tag_is_not_there(registry: Registry, repo: Repo) -> None:
    manifest = image(b"layer")
    repo.push_blob(b"{}")
    repo.push_blob(b"layer")
    repo.push_blob(b"x" * (MB - len(b"{}layer") - len(manifest) + 1))
    refused(repo.put("v1", manifest), 403, "DENIED")
    assert repo.manifest("v1").status_code == 404
    assert used(registry, repo) == MB - len(manifest) + 1


def test_many_pushes_at_once_fill_the_project_and_no_more(registry: Registry, repo: Repo) -> None:
    contents = [b"%03d" % number * 33_333 + b"x" for number in range(25)]
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda content: post(repo, content), contents))
    assert sorted(answer.status_code for answer in answers) == [201] * 10 + [403] * 15
    assert used(registry, repo) == 10 * 100_000


# Through several processes, some of which die


def content_of(number: int, size: int) -> bytes:
    return b"%d" % number + bytes(size - len(b"%d" % number))


def in_use(data: Path) -> tuple[int, int]:
    """Bytes in use of `library`: as they are on record, and as they are."""
    with closing(Database.open(data / "cove.db")) as database, database.read() as tx:
        project = projects.find(tx, "library")
        assert project
        return project.used_bytes, usage.count(tx, project.id)


def push(server: Server, number: int, size: int) -> int:
    """The status of the answer, 0 for none. Every fifth client breaks off in the middle of its body."""
    repository, content = f"library/r{number % 3}", content_of(number, size)
    try:
        with server.client() as client:
            if number % 5 == 4:
                upload = begin(client, repository)
                client.patch(upload, content=broken_off(content))
            digest = str(Digest.of(content))
            return client.post(
                f"/v2/{repository}/blobs/uploads/", params={"digest": digest}, content=content
            ).status_code
    except (httpx.TransportError, BrokenOff):
        return 0


class BrokenOff(Exception):
    """The client has had enough."""


def broken_off(content: bytes) -> Iterator[bytes]:
    yield content[: len(content) // 2]
    raise BrokenOff


@pytest.mark.slow
def test_fifty_large_pushes_at_once_through_two_processes_fill_the_project_exactly(tmp_path: Path) -> None:
    with ExitStack() as stack:
        server = start(stack, tmp_path / "data", "--workers", "2", quota_bytes="40MB")
        with ThreadPoolExecutor(50) as threads:
            statuses = list(threads.map(lambda number: push(server, number, 4 * MB), range(50)))
        taken = statuses.count(201)
        assert (taken, statuses.count(403), statuses.count(0)) == (10, 30, 10)
        assert in_use(tmp_path / "data") == (40 * MB, 40 * MB)
        assert "Traceback" not in server.log.read_text()


@dataclass
class Pressure:
    """Clients that push until it is over; who is refused deletes what it pushed before."""

    server: Server
    over: threading.Event = field(default_factory=threading.Event)
    refusals: int = 0
    _names: "itertools.count[int]" = field(default_factory=itertools.count)

    def push(self) -> None:
        mine: list[Digest] = []
        with self.server.client() as client:
            while not self.over.is_set():
                content = content_of(next(self._names), 900_000)
                params = {"digest": str(Digest.of(content))}
                with suppress(httpx.TransportError):
                    answer = client.post("/v2/library/app/blobs/uploads/", params=params, content=content)
                    if answer.status_code == 201:
                        mine.append(Digest.of(content))
                    elif answer.status_code == 403 and mine:
                        self.refusals += 1
                        client.delete(f"/v2/library/app/blobs/{mine.pop()}")

    def kill_one(self, chance: random.Random) -> None:
        wait_until(lambda: len(self.server.workers()) == 2)
        self.over.wait(chance.uniform(0.3, 1))
        os.kill(chance.choice(self.server.workers()), signal.SIGKILL)


@pytest.mark.slow
def test_use_is_exact_and_never_beyond_the_limit_while_processes_are_killed(tmp_path: Path) -> None:
    data, chance = tmp_path / "data", random.Random(5)
    with ExitStack() as stack:
        pressure = Pressure(start(stack, data, "--workers", "2", quota_bytes="10MB"))
        with Crowd() as crowd:
            for _ in range(6):
                crowd.add(pressure.push)
            try:
                for _ in range(4):
                    refusals = pressure.refusals
                    wait_until(lambda: pressure.refusals > refusals)  # noqa: B023 -- it is called at once
                    pressure.kill_one(chance)
                    recorded, counted = in_use(data)
                    assert recorded == counted <= 10 * MB
            finally:
                pressure.over.set()
        recorded, counted = in_use(data)
        assert recorded == counted <= 10 * MB
