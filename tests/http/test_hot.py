"""Answers that are given again without being made again: always those that would be made now."""

import asyncio
import io
import itertools
import json
import logging
import math
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import sleep
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from auth.roles import Role
from registry.config import Config
from registry.core.keys import Keys
from registry.core.pulls import Pull, Pulls
from registry.hot import AGE_SECONDS, CROWD, GOOD_UNTIL, LARGEST_BYTES, MOST_BYTES, HotPath
from registry.logs import JsonLines
from registry.metrics import Metrics
from registry.observe import Observer
from registry.places import open_database
from registry.web import Door
from storage.metadata import manifests
from storage.metadata.database import Database
from tests.cli.running import COVE, environment
from tests.http.raw import Client, eventually, get
from tests.http.serving import PASSWORD, Registry, Users, running
from tests.torture.servers import start

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    data = tmp_path_factory.mktemp("registry") / "data"
    data.mkdir()
    config = Config(data=data, admin_password=PASSWORD, database_url=f"sqlite:///{data}/cove.db")
    with running(config) as running_registry:
        yield running_registry


@dataclass
class Made:
    """How many answers were made in the ordinary way."""

    count: int = 0


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    made = Made()
    ordinary = Door._admit

    def counted(*arguments: Any) -> Any:
        made.count += 1
        return ordinary(*arguments)

    monkeypatch.setattr(Door, "_admit", counted)
    return made


_names = itertools.count(1)


@dataclass
class Image:
    """An image in a private project of its own, and a token with which somebody pulls it."""

    registry: Registry
    project: str = field(default_factory=lambda: f"hot{next(_names)}")

    def __post_init__(self) -> None:
        self.registry.users.create(self.user, PASSWORD)
        self.registry.projects.create(self.project)
        self.registry.members.add(self.project, self.user, Role.MAINTAINER)
        self.digest = self.push("v1", b"one")
        self.http = self.registry.bearer(self.registry.token(self.user, f"repository:{self.name}:pull"))

    @property
    def user(self) -> str:
        return f"of-{self.project}"

    @property
    def name(self) -> str:
        return f"{self.project}/app"

    @property
    def by_tag(self) -> str:
        return f"/v2/{self.name}/manifests/v1"

    @property
    def by_digest(self) -> str:
        return f"/v2/{self.name}/manifests/{self.digest}"

    @property
    def blob(self) -> str:
        manifest = self.http.get(self.by_digest).json()
        return f"/v2/{self.name}/blobs/{manifest['layers'][0]['digest']}"

    def push(self, tag: str, layer: bytes) -> str:
        return str(self.registry.push_image(self.name, tag, layer))

    def delete(self, path: str) -> None:
        assert self.registry.client(self.user).delete(path).status_code == 202


@pytest.fixture
def image(registry: Registry) -> Image:
    return Image(registry)


def heat(http: httpx.Client, path: str, made: Made, method: str = "GET") -> httpx.Response:
    """Ask until the answer is kept, and see that it is given again without being made."""
    first = http.request(method, path)
    assert first.status_code in (200, 206, 304), first.text
    kept = eventually(lambda: is_hot(http, path, made, method))
    assert kept, "the answer is made anew each time"
    return first


def is_hot(http: httpx.Client, path: str, made: Made, method: str = "GET", **options: Any) -> bool:
    before = made.count
    http.request(method, path, **options)
    return made.count == before


# What is answered again


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("what", ["by_tag", "by_digest"])
def test_manifest_is_given_again_as_it_was_made(image: Image, made: Made, method: str, what: str) -> None:
    first = heat(image.http, getattr(image, what), made, method)
    again = image.http.request(method, getattr(image, what))
    passing = {"date", "x-request-id"}
    assert [field for field in again.headers.multi_items() if field[0] not in passing] == [
        field for field in first.headers.multi_items() if field[0] not in passing
    ]
    assert [name for name, _ in again.headers.raw] == [name for name, _ in first.headers.raw]
    assert (again.content, again.status_code, again.reason_phrase) == (first.content, 200, first.reason_phrase)
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert again.http_version == first.http_version


def test_small_blob_and_a_part_of_it_are_given_again(image: Image, made: Made) -> None:
    assert heat(image.http, image.blob, made).content == b"one"
    image.http.headers["Range"] = "bytes=1-1"
    part = heat(image.http, image.blob, made)
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"n", "bytes 1-1/3")
    assert image.http.get(image.blob).content == b"n"


@pytest.mark.parametrize("is_named", [True, False])
def test_that_a_blob_is_there_is_told_again(image: Image, made: Made, is_named: bool) -> None:
    other = f"/v2/{image.name}/blobs/{image.registry.push_blob(image.name, os.urandom(8))}"
    path = image.blob if is_named else other
    first = heat(image.http, path, made, "HEAD")
    again = image.http.head(path)
    assert (again.headers["content-length"], again.content) == (first.headers["content-length"], b"")


def test_that_a_blob_is_there_is_not_told_again_when_its_lease_would_have_to_be_renewed(
    tmp_path: Path, made: Made
) -> None:
    """Without a time of grace that is each time."""
    with running(Config(data=tmp_path / "data", admin_password=PASSWORD, gc_grace_seconds=0)) as registry:
        image = Image(registry)
        named, other = image.blob, f"/v2/{image.name}/blobs/{registry.push_blob(image.name, b'not named')}"
        assert [is_hot(image.http, path, made, "HEAD") for path in (named, other) * 3] == [False] * 6
        heat(image.http, named, made)


def test_not_modified_is_given_again(image: Image, made: Made) -> None:
    image.http.headers["If-None-Match"] = f'"{image.digest}"'
    assert heat(image.http, image.by_tag, made).status_code == 304


def test_anonymous_pull_of_a_public_image_is_given_again(image: Image, made: Made) -> None:
    image.registry.projects.set_public(image.project, public=True)
    nobody = image.registry.bearer(image.registry.token(None, f"repository:{image.name}:pull"))
    heat(nobody, image.by_tag, made)
    image.registry.projects.set_public(image.project, public=False)
    assert nobody.get(image.by_tag).status_code == 401


def test_registry_without_accounts_gives_answers_again(tmp_path: Path, made: Made) -> None:
    data = tmp_path / "data"
    data.mkdir()
    config = Config(data=data, ephemeral=True, database_url=f"sqlite:///{data}/cove.db")
    with running(config) as registry:
        registry.push_image("some/app", "v1")
        heat(registry.client(), "/v2/some/app/manifests/v1", made)


# What makes the next answer another one


def move_tag(image: Image) -> None:
    image.push("v1", b"two")


def delete_tag(image: Image) -> None:
    image.delete(image.by_tag)


def delete_manifest(image: Image) -> None:
    image.delete(image.by_digest)


def delete_repository(image: Image) -> None:
    image.registry.projects.delete(image.project, force=True)


def remove_member(image: Image) -> None:
    image.registry.members.remove(image.project, image.user)


def disable_user(image: Image) -> None:
    image.registry.users.disable(image.user)


def delete_user(image: Image) -> None:
    image.registry.users.delete(image.user)


def change_password(image: Image) -> None:
    image.registry.users.set_password(image.user, PASSWORD + "2")


def damage_manifest(image: Image) -> None:
    """As `cove fsck` finds it, and a push mends it: the content is another one by then."""
    with image.registry.database.write() as tx:
        tx.exec_driver_sql(f"UPDATE manifests SET media_type = 'text/plain' WHERE digest = '{image.digest}'")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (move_tag, 200),
        (delete_tag, 404),
        (delete_manifest, 404),
        (delete_repository, 403),
        (remove_member, 403),
        (disable_user, 401),
        (delete_user, 401),
        (change_password, 401),
        (damage_manifest, 200),
    ],
)
def test_change_is_seen_by_the_next_request(
    image: Image, made: Made, change: Callable[[Image], None], status: int
) -> None:
    before = heat(image.http, image.by_tag, made)
    change(image)
    after = image.http.get(image.by_tag)
    assert after.status_code == status
    assert after.headers.raw != before.headers.raw
    if status == 200:
        assert (after.content, after.headers["content-type"]) != (before.content, before.headers["content-type"])


@pytest.mark.parametrize("change", [remove_member, disable_user, delete_repository])
def test_blob_is_not_given_again_to_whom_it_is_not_due(
    image: Image, made: Made, change: Callable[[Image], None]
) -> None:
    path = image.blob
    heat(image.http, path, made)
    change(image)
    assert image.http.get(path).status_code in (401, 403)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_deleted_blob_is_gone_with_the_next_request(image: Image, made: Made, method: str) -> None:
    path = f"/v2/{image.name}/blobs/{image.registry.push_blob(image.name, b'nobody needs it')}"
    heat(image.http, path, made, method)
    image.delete(path)
    assert image.http.request(method, path).status_code == 404


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_damaged_blob_is_gone_with_the_next_request(image: Image, made: Made, method: str) -> None:
    path = image.blob
    heat(image.http, path, made, method)
    with image.registry.database.write() as tx:
        tx.exec_driver_sql("UPDATE blobs SET damage = 'bytes' WHERE digest = ?", (path.rpartition("/")[2],))
    assert image.http.request(method, path).status_code == 404
    with image.registry.database.write() as tx:
        tx.exec_driver_sql("UPDATE blobs SET damage = NULL")
    heat(image.http, path, made, method)


def test_pushing_an_image_again_leaves_the_answers_alone(image: Image, made: Made) -> None:
    heat(image.http, image.by_tag, made)
    blob = image.blob
    heat(image.http, blob, made, "HEAD")
    image.push("v1", b"one")
    assert is_hot(image.http, image.by_tag, made)
    assert is_hot(image.http, blob, made, "HEAD")


def test_change_by_another_process_is_seen_by_the_next_request(image: Image, made: Made) -> None:
    heat(image.http, image.by_tag, made)
    command = [*COVE, "tag", "delete", f"{image.name}:v1", "--data", str(image.registry.config.data)]
    address = image.registry.config.database_url or ""
    subprocess.run(command, env=environment(database_url=address), cwd=ROOT, check=True, capture_output=True)
    assert image.http.get(image.by_tag).status_code == 404


def test_new_image_leaves_the_answers_of_others_alone(image: Image, made: Made) -> None:
    heat(image.http, image.by_tag, made)
    image.push("v2", b"another")
    Image(image.registry)
    assert is_hot(image.http, image.by_tag, made)


def test_rotation_of_keys_has_the_answer_made_anew(tmp_path: Path, made: Made) -> None:
    """At a server of its own: until it looks again, it signs by the key that is revoked."""
    with running(Config(data=tmp_path / "data", admin_password=PASSWORD)) as registry:
        image = Image(registry)
        heat(image.http, image.by_tag, made)
        Keys(registry.database, token_seconds=1800, refreshable=False).rotate(revoke=True)
        assert not is_hot(image.http, image.by_tag, made)


def test_change_that_is_rolled_back_changes_no_generation(image: Image, made: Made) -> None:
    heat(image.http, image.by_tag, made)
    with suppress(ZeroDivisionError), image.registry.database.write() as tx:
        tx.exec_driver_sql("DELETE FROM tags")
        raise ZeroDivisionError
    assert is_hot(image.http, image.by_tag, made)


def test_answer_that_a_change_overtakes_is_not_kept(image: Image, made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tag moves while the old manifest is on its way out."""
    ordinary = manifests.content
    moved: list[str] = []

    def read_then_move(*arguments: Any) -> bytes:
        found = ordinary(*arguments)
        if not moved:
            moved.append("")
            moved[0] = image.push("v1", b"overtaken")
        return found

    monkeypatch.setattr(manifests, "content", read_then_move)
    assert image.http.get(image.by_tag).headers["docker-content-digest"] == image.digest
    assert [image.http.get(image.by_tag).headers["docker-content-digest"] for _ in range(3)] == moved * 3


@pytest.mark.slow
def test_two_workers_and_the_successor_of_a_killed_one_see_changes_at_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ExitStack() as stack:
        server = start(stack, data, "--workers", "2")
        database = stack.enter_context(closing(open_database(Config(data=data))))
        remote = Registry(server.url, Config(data=data), database, Users(database), None, None)  # type: ignore[arg-type]
        remote.push_image("library/app", "v1")
        token = remote.token("admin", "repository:library/app:pull")
        clients = [remote.bearer(token) for _ in range(8)]
        for number in range(6):
            digest = str(remote.push_image("library/app", "v1", f"layer {number}".encode()))
            answers = [client.get("/v2/library/app/manifests/v1") for client in clients * 3]
            assert {answer.headers["docker-content-digest"] for answer in answers} == {digest}
            if number == 3:
                os.kill(server.workers()[0], signal.SIGKILL)
                clients = [remote.bearer(token) for _ in range(8)]
        for client in remote.clients:
            client.close()


# Requests that are not the same


def raw_get(image: Image, *fields: str) -> bytes:
    return get(image.by_tag, f"Authorization: {image.http.headers['authorization']}", *fields)


def connect(image: Image) -> Client:
    return Client(int(image.registry.url.rpartition(":")[2]))


def heat_raw(image: Image, made: Made, head: bytes) -> None:
    with connect(image) as client:

        def is_kept() -> bool:
            before = made.count
            client.send(head)
            assert client.answer().status == 200
            return made.count == before

        assert eventually(is_kept)


def made_for(image: Image, made: Made, *pieces: bytes, answers: int = 1) -> int:
    """How many answers are made for bytes that are sent one after the other."""
    before = made.count
    with connect(image) as client:
        for piece in pieces:
            client.send(piece)
            sleep(0.05)
        for _ in range(answers):
            assert client.answer().status == 200
    return made.count - before


def test_request_that_differs_in_any_field_is_another_one(image: Image, made: Made) -> None:
    heat_raw(image, made, raw_get(image))
    assert made_for(image, made, raw_get(image, "Accept: text/plain")) == 1
    assert made_for(image, made, raw_get(image)) == 0


@pytest.mark.parametrize("extra", ["Connection: close", "X-Request-ID: mine", "Content-Length: 0\r\nExpect: x"])
def test_some_answers_are_made_each_time(image: Image, made: Made, extra: str) -> None:
    head = raw_get(image, extra)
    expected = 1 if extra.startswith(("Connection", "X-Request")) else 0
    assert [made_for(image, made, head) for _ in range(4)][1:] == [expected] * 3


def test_body_that_comes_after_its_head_has_the_answer_made_each_time(image: Image, made: Made) -> None:
    head = raw_get(image, "Content-Length: 4")
    assert [made_for(image, made, head, b"body") for _ in range(3)] == [1, 1, 1]


def test_requests_sent_at_once_are_all_answered(image: Image, made: Made) -> None:
    heat_raw(image, made, raw_get(image))
    both = raw_get(image) + raw_get(image)
    assert [made_for(image, made, both, answers=2) for _ in range(2)] == [2, 2]


def test_head_that_comes_in_pieces_is_answered(image: Image, made: Made) -> None:
    head = raw_get(image)
    heat_raw(image, made, head)
    assert made_for(image, made, head[:40], head[40:]) == 1
    assert made_for(image, made, head) == 0


# What operators see


def test_answers_given_again_are_counted_and_logged(image: Image, made: Made, caplog: pytest.LogCaptureFixture) -> None:
    def counted() -> float:
        text = image.registry.client().get("/metrics").text
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "cove_http_requests_total" and sample.labels["route"].endswith("{reference}")
        )

    heat(image.http, image.by_tag, made)
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    access = logging.getLogger("cove.access")
    access.addHandler(handler)
    access.setLevel(logging.INFO)
    try:
        before, ordinary = counted(), made.count
        answers = [image.http.get(image.by_tag) for _ in range(5)]
        assert made.count == ordinary
        assert eventually(lambda: counted() == before + 5)
    finally:
        access.removeHandler(handler)
        access.setLevel(logging.NOTSET)
    given = [answer.headers["x-request-id"] for answer in answers]  # the line of the request before may come late
    lines = [line for line in map(json.loads, stream.getvalue().splitlines()) if line["request_id"] in given]
    assert [line.pop("request_id") for line in lines] == given
    for line in lines:
        assert re.fullmatch(r"[0-9T:.-]+Z", line.pop("ts"))
        assert line == {
            "level": "info",
            "logger": "cove.access",
            "message": "request",
            "method": "GET",
            "path": image.by_tag,
            "status": 200,
            "duration_ms": 0.0,
            "bytes_in": 0,
            "bytes_out": len(answers[0].content),
            "client": "127.0.0.1",
            "user": image.user,
        }


def test_answer_given_again_is_a_pull_as_well(image: Image, made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[tuple[Pull, int]] = []
    monkeypatch.setattr(Pulls, "count", lambda _self, pull, times=1: counted.append((pull, times)))
    heat(image.http, image.by_tag, made)
    assert eventually(lambda: sum(times for _, times in counted) >= 2)
    assert len({pull for pull, _ in counted}) == 1


# Time, memory and the turns of the event loop, with a clock and a generation of the tests' own


@dataclass
class World:
    """A hot path around an application that answers to everything, with as many bytes as the path says."""

    good_until: float = math.inf
    now: float = 1000.0
    generation: int | None = 1
    asked: int = 0
    made: int = 0

    def __post_init__(self) -> None:
        database = Database.open(Path("/nonexistent"))
        observer = Observer(self._answer, Metrics(database), Pulls(database))
        self.hot = HotPath(observer, self._tell, clock=lambda: self.now)

    def _tell(self) -> int | None:
        self.asked += 1
        return self.generation

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        self.made += 1
        scope[GOOD_UNTIL] = self.good_until
        body = b"x" * int(scope["path"])
        fields = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": body})

    async def ask(self, size: int = 3, *, peer: str = "192.0.2.1", crowd: int = 1, field: str = "") -> None:
        """A request as the guard sees it."""
        head = f"GET /v2/{size} HTTP/1.1\r\n{field}\r\n\r\n".encode()
        if self.hot.find(head, peer, [], crowd=crowd) is None:
            scope = {"type": "http", "method": "GET", "path": str(size), "headers": []}
            self.hot.offer(scope, head, peer, crowd=crowd)
            await self.hot(scope, _nothing, _drop)

    def ask_apart(self, *sizes: int, **options: Any) -> int:
        """Ask once for each size, each in turns of its own; how many answers were made for that."""

        async def ask_all() -> None:
            for size in sizes:
                await self.ask(size, **options)
                await asyncio.sleep(0)

        before = self.made
        asyncio.run(ask_all())
        return self.made - before


async def _nothing() -> Any:
    raise AssertionError("no body is read")


async def _drop(_message: Any) -> None:
    pass


def test_answer_is_good_until_its_token_expires() -> None:
    world = World(good_until=1010)
    assert world.ask_apart(3, 3) == 1
    world.now = 1009.9
    assert world.ask_apart(3) == 0
    world.now = 1010
    assert world.ask_apart(3, 3) == 2


def test_answer_is_made_anew_after_a_while() -> None:
    world = World()
    assert world.ask_apart(3, 3) == 1
    world.now += AGE_SECONDS - 0.1
    assert world.ask_apart(3) == 0
    world.now += 0.1
    assert world.ask_apart(3, 3) == 1


def test_answer_is_made_anew_when_the_clock_is_put_back() -> None:
    world = World()
    assert world.ask_apart(3, 3) == 1
    world.now -= 86_400
    assert world.ask_apart(3, 3) == 1


def test_answer_is_good_for_one_generation() -> None:
    world = World()
    assert world.ask_apart(3, 3) == 1
    world.generation = 2
    assert world.ask_apart(3, 3) == 1


def test_answers_are_made_while_the_generation_cannot_be_told() -> None:
    world = World()
    assert world.ask_apart(3, 3) == 1
    world.generation = None
    assert world.ask_apart(3, 3) == 2
    world.generation = 1
    assert world.ask_apart(3) == 0


def test_late_answer_of_an_old_generation_drops_no_newer_ones() -> None:
    world = World()

    async def overtaken() -> None:
        head = b"GET /v2/4 HTTP/1.1\r\n\r\n"
        scope = {"type": "http", "method": "GET", "path": "4", "headers": []}
        world.hot.offer(scope, head, "192.0.2.1", crowd=1)
        await asyncio.sleep(0)
        world.generation = 2
        await world.ask(3)
        await world.hot(scope, _nothing, _drop)

    asyncio.run(overtaken())
    assert world.ask_apart(3) == 0
    assert world.ask_apart(4) == 1


def test_answer_belongs_to_an_address() -> None:
    world = World()
    assert world.ask_apart(3, 3) == 1
    assert world.ask_apart(3, 3, peer="192.0.2.2") == 1


def test_large_answers_are_not_kept() -> None:
    world = World()
    assert world.ask_apart(LARGEST_BYTES, LARGEST_BYTES) == 1
    assert world.ask_apart(LARGEST_BYTES + 1, LARGEST_BYTES + 1) == 2


def test_what_was_kept_first_makes_room() -> None:
    world = World()
    fitting = MOST_BYTES // (LARGEST_BYTES + 2048)

    async def fill() -> None:
        for number in range(fitting + 10):
            await world.ask(LARGEST_BYTES, field=f"number: {number}")

    asyncio.run(fill())
    assert world.ask_apart(LARGEST_BYTES, field=f"number: {fitting + 9}") == 0
    assert world.ask_apart(LARGEST_BYTES, field="number: 0") == 1


def test_generation_is_asked_for_once_in_a_turn_and_each_time_in_a_crowd() -> None:
    world = World()

    async def ask_together(crowd: int) -> int:
        before = world.asked
        await asyncio.gather(*(world.ask(crowd=crowd) for _ in range(10)))
        return world.asked - before

    asyncio.run(ask_together(1))
    assert asyncio.run(ask_together(1)) == 1
    assert asyncio.run(ask_together(CROWD)) == 1
    assert asyncio.run(ask_together(CROWD + 1)) == 10
