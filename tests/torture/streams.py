"""Requests sent piece by piece: bodies larger than memory, and connections that end in the middle of one."""

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse
from itertools import count

from storage.digest import Digest
from tests.torture.pushes import MIB
from tests.torture.servers import PASSWORD, Server

AUTHORIZATION = "Basic " + b64encode(f"admin:{PASSWORD}".encode()).decode()


def pieces(size: int) -> Iterator[bytes]:
    """Bytes of which no mebibyte is like another."""
    rest = bytes(range(256)) * (MIB // 256)
    for number in count():
        if size <= 0:
            return
        yield (number.to_bytes(8, "big") + rest[8:])[: min(size, MIB)]
        size -= MIB


def digest_of(size: int) -> Digest:
    hasher = hashlib.sha256()
    for piece in pieces(size):
        hasher.update(piece)
    return Digest("sha256", hasher.hexdigest())


@contextmanager
def begun(server: Server, method: str, target: str, length: int = 0) -> Iterator[HTTPConnection]:
    """A request whose head is sent and whose body is the caller's to send; at the end the connection is cut."""
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=120)) as connection:
        connection.putrequest(method, target)
        connection.putheader("Authorization", AUTHORIZATION)
        connection.putheader("Content-Length", str(length))
        connection.endheaders()
        yield connection


def send(server: Server, method: str, target: str, size: int) -> HTTPResponse:
    """A request with `size` bytes of `pieces`, and its answer, read to the end."""
    with begun(server, method, target, size) as connection:
        for piece in pieces(size):
            connection.send(piece)
        response = connection.getresponse()
        response.read()
        return response
