"""Whatever bytes a connection brings, the server answers in HTTP, or ends it, and serves the next one."""

import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given, settings

from registry.guard import Limits
from tests.fuzz.mutants import mutants
from tests.http.raw import Client, Echo, get, running
from tests.torture.amounts import FULL, some


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with running(Echo(), Limits(linger_seconds=0.2, look_seconds=0.1)) as port:
        yield port


@settings(max_examples=some(150, 5000), derandomize=not FULL, database=None)
@given(content=mutants("connection"))
def test_any_bytes_get_answers_or_an_end(port: int, content: bytes) -> None:
    with Client(port) as client:
        client.send_until_refused(content, 1)
        with suppress(OSError):  # it may have ended already
            client.sock.shutdown(socket.SHUT_WR)
        answered = client.rest()
    assert not answered or answered.startswith((b"HTTP/1.1 200", b"HTTP/1.1 4")), answered
    with Client(port) as client:
        client.send(get("/next"))
        assert client.answer().status == 200
