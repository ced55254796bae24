"""Files that the kernel sends (`registry.sending`), over real connections."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from uvicorn._types import ASGIReceiveCallable, ASGISendCallable

from registry.guard import Limits
from registry.sending import EXTENSION, FileEnded
from tests.http.raw import Client, Echo, get, running, wait_for

MIB = 1 << 20
SIZE = 20 * MIB  # more than the buffers of both ends hold
LIMITS = Limits(answer_seconds=0.6, look_seconds=0.05)


@dataclass
class Files(Echo):
    """/file/N/M: `before`, N bytes of the file from byte M on, and `after`; what it raises is in `failures`."""

    path: Path = Path()
    failures: list[Exception] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    async def file(self, scope: Any, receive: ASGIReceiveCallable, send: Any) -> None:
        count, offset = map(int, scope["path"].split("/")[2:])
        fields = [(b"content-length", str(count + 11).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": b"before", "more_body": True})
        with self.path.open("rb") as file:
            try:
                await send({"type": EXTENSION, "file": file, "offset": offset, "count": count, "more_body": True})
            except OSError as error:
                self.failures.append(error)
                return
            finally:
                self.ended.set()
        await send({"type": "http.response.body", "body": b"after"})

    async def extensions(self, scope: Any, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await self.echo(scope, receive, send, 200 if EXTENSION in scope.get("extensions", {}) else 404)


@cache
def content() -> bytes:
    return b"".join(number.to_bytes(4) for number in range(SIZE // 4))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "file"
    path.write_bytes(content())
    return path


@pytest.fixture
def app(path: Path) -> Files:
    return Files(path=path)


@pytest.fixture
def port(app: Files) -> Iterator[int]:
    with running(app, LIMITS) as port:
        yield port


@pytest.mark.parametrize(("count", "offset"), [(SIZE, 0), (SIZE - 5, 5), (1, SIZE - 1), (0, 0)])
def test_bytes_of_a_file_arrive_in_their_place_in_the_answer(port: int, count: int, offset: int) -> None:
    with Client(port) as client:
        for _ in range(2):  # the connection is as good as before
            client.send(get(f"/file/{count}/{offset}"))
            assert client.answer().body == b"before" + content()[offset : offset + count] + b"after"


def test_client_that_takes_nothing_is_cut_off(app: Files, port: int) -> None:
    with Client(port, receive_buffer=4096) as client:
        client.send(get(f"/file/{SIZE}/0"))
        assert wait_for(app.ended)
        assert len(client.rest()) < SIZE
    assert app.failures == []


def test_client_that_takes_a_little_all_the_time_gets_everything(port: int) -> None:
    pause = threading.Event()
    with Client(port, receive_buffer=65536) as client:
        client.send(get(f"/file/{SIZE}/0", "Connection: close"))
        size = 0
        for _ in range(12):  # twice as long as a client may take nothing
            size += len(client.sock.recv(50_000))
            pause.wait(0.1)
        assert size + len(client.rest()) > SIZE


def test_client_that_goes_away_ends_the_sending_without_an_error(app: Files, port: int) -> None:
    with Client(port, receive_buffer=4096) as client:
        client.send(get(f"/file/{SIZE}/0"))
        client.read(1000)
        app.ended.clear()
    assert wait_for(app.ended)
    assert app.failures == []


def test_file_that_ends_early_is_an_error_and_the_end_of_the_connection(app: Files, port: int) -> None:
    with Client(port) as client:
        client.send(get(f"/file/{SIZE}/{SIZE // 2}"))
        assert len(client.rest()) < SIZE
    [failure] = app.failures
    assert isinstance(failure, FileEnded)
    assert str(SIZE) in str(failure)


def test_slow_clients_keep_nobody_waiting(app: Files) -> None:
    """There are more of them than threads that send."""
    with running(app, Limits()) as port, ExitStack() as stack:
        for _ in range(100):
            slow = stack.enter_context(Client(port, receive_buffer=4096))
            slow.send(get(f"/file/{SIZE}/0"))
            slow.read(1)
        with Client(port) as client:
            client.send(get(f"/file/{SIZE}/0"))
            assert len(client.answer().body) == SIZE + 11


def test_connection_says_that_it_sends_files(port: int) -> None:
    with Client(port) as client:
        client.send(get("/extensions"))
        assert client.answer().status == 200
