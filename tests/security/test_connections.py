"""How many connections a process takes, and what becomes of the next one."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import fields

import pytest

from registry.commands.serve import _limits
from registry.config import Config
from registry.guard import Limits
from registry.server import _affordable
from tests.http.raw import PATIENCE, Client, Echo, eventually, get, post, running

MOST = 3


@pytest.fixture
def served() -> Iterator[tuple[int, Echo]]:
    app = Echo(seconds=PATIENCE)
    with running(app, Limits(connections=MOST)) as port:
        yield port, app


@contextmanager
def connected(port: int, count: int) -> Iterator[list[Client]]:
    """Connections that the server has answered on, the oldest first."""
    with ExitStack() as stack:
        clients = []
        for _ in range(count):
            time.sleep(0.01)  # the server's clock counts milliseconds
            clients.append(stack.enter_context(Client(port)))
            clients[-1].send(get("/"))
            assert clients[-1].answer().status == 200
        yield clients


@contextmanager
def at_work(port: int, count: int) -> Iterator[list[Client]]:
    """Connections in the middle of a request that the server has begun to answer."""
    with connected(port, count) as clients:
        for client in clients:
            client.send(post("/begin", "Content-Length: 3") + b"ab")
            assert client.head().startswith(b"HTTP/1.1 200")
        yield clients


def test_as_many_as_allowed_are_served(served: tuple[int, Echo]) -> None:
    with connected(served[0], MOST) as clients:
        for client in clients:
            client.send(get("/"))
            assert client.answer().status == 200


def test_next_one_takes_the_place_of_the_one_that_has_been_idle_longest(served: tuple[int, Echo]) -> None:
    with connected(served[0], MOST) as clients:
        clients[0].send(get("/"))
        assert clients[0].answer().status == 200
        with connected(served[0], 1):
            assert clients[1].rest() == b""
            for client in (clients[0], clients[2]):
                client.send(get("/"))
                assert client.answer().status == 200


def test_connection_that_never_said_anything_makes_room_too(served: tuple[int, Echo]) -> None:
    with Client(served[0]) as silent, connected(served[0], MOST):
        assert silent.rest() == b""


def test_next_one_is_told_to_come_back_while_all_are_at_work(served: tuple[int, Echo]) -> None:
    with at_work(served[0], MOST) as clients:
        with Client(served[0]) as refused:
            answer = refused.answer()
            assert (answer.status, refused.rest()) == (503, b"")
            assert int(answer.headers["retry-after"]) > 0
            assert answer.json()["errors"][0]["code"] == "UNAVAILABLE"
        for client in clients:
            client.send(b"c")
            assert client.read() == b"done"


def test_place_that_became_free_is_taken(served: tuple[int, Echo]) -> None:
    with at_work(served[0], MOST - 1), connected(served[0], 1) as leaving:
        leaving[0].sock.close()

        def is_served() -> bool:
            with Client(served[0]) as client:
                client.send(get("/"))
                return client.answer().status == 200

        assert eventually(is_served)


def test_crowd_that_is_told_to_come_back_is_no_larger_than_the_one_that_is_served(served: tuple[int, Echo]) -> None:
    with at_work(served[0], MOST), ExitStack() as stack:
        for _ in range(MOST):
            assert stack.enter_context(Client(served[0])).answer().status == 503
        with Client(served[0]) as beyond:
            assert beyond.rest() == b""


def test_defaults_of_the_settings_are_those_of_the_guard() -> None:
    assert _limits(Config()) == Limits()


def test_every_limit_but_three_that_nobody_would_change_is_a_setting() -> None:
    limits = _limits(
        Config(
            connection_limit=1,
            header_seconds=2,
            idle_seconds=3,
            body_seconds=4,
            body_min_bytes_per_second=5,
            answer_seconds=6,
            header_limit_bytes=8192,
            header_limit_fields=16,
            url_limit_bytes=1024,
        )
    )
    kept = {row.name for row in fields(Limits) if getattr(limits, row.name) == getattr(Limits(), row.name)}
    assert kept == {"drain_seconds", "linger_seconds", "look_seconds"}


@contextmanager
def serving(allowed: int, most: int) -> Iterator["subprocess.Popen[bytes]"]:
    """A server of its own process that may open only so many files, and as many as `most` if it asks for them."""
    limited = ["sh", "-c", f'ulimit -S -n {allowed} && ulimit -H -n {most} && exec "$@"', "sh"]
    command = [*limited, sys.executable, "-m", "tests.http.raw"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def port_of(process: "subprocess.Popen[bytes]") -> int:
    assert process.stdout
    return int(process.stdout.readline())


@pytest.mark.slow
def test_process_asks_for_the_files_that_its_connections_need() -> None:
    with serving(150, 4096) as process, connected(port_of(process), 200) as clients:
        clients[0].send(get("/"))
        assert clients[0].answer().status == 200


@pytest.mark.slow
def test_process_with_few_files_takes_few_connections_and_never_runs_out() -> None:
    with serving(256, 256) as process:
        port = port_of(process)
        with ExitStack() as stack:
            for _ in range(300):
                stack.enter_context(Client(port))
            with connected(port, 1):
                pass
        with connected(port, 50):
            pass
        process.kill()
        assert process.stderr
        assert process.stderr.read().decode().count("may open only 256 files") == 1


@pytest.mark.parametrize(
    ("files", "connections"), [(43, 0), (44, 1), (128, 22), (232, 48), (235, 48), (236, 50), (1024, 444), (8328, 4096)]
)
def test_files_are_shared_among_connections(files: int, connections: int) -> None:
    assert _affordable(files) == connections


@pytest.mark.slow
def test_process_with_hardly_a_file_does_not_start_and_says_why() -> None:
    with serving(43, 43) as process:
        assert process.wait(PATIENCE) == 1
        assert process.stderr
        assert b"may open only 43 files, which is not enough" in process.stderr.read()
