"""Pushes and pulls as Docker does them, at the least cost for the machine.

Requests are bytes written to a socket; of an answer no more is looked at than its status, length and location, and the
kernel drops content (MSG_TRUNC, tcp(7)) before it is copied.
"""

import json
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection

from tests.bench.images import MANIFEST_TYPE, MIB, Blob, Image
from tests.bench.peers import Server

MB = 1_000_000
PATIENCE_SECONDS = 120
_DROPPED = bytearray(MIB)


class LoadFailed(Exception):
    """A registry did not do what it was asked to; the message says what."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`length` is that of the whole content, also where it was not kept; `path` is that of its location."""

    path: str
    length: int
    content: bytes


class Connection:
    """A connection that is kept, to one repository."""

    def __init__(self, server: Server, repository: str, actions: str = "pull,push") -> None:
        authorization = server.authorization(f"repository:{repository}:{actions}")
        credentials = f"Authorization: {authorization}\r\n" if authorization else ""
        self.repository = repository
        self._common = f" HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAccept: {MANIFEST_TYPE}\r\n{credentials}"
        self._socket = socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(
        self, method: str, path: str, expected: int, *, fields: str = "", body: Iterable[bytes] = (), keep: bool = True
    ) -> Answer:
        """Send a request for a path of the repository and read the answer. Raises `LoadFailed` on another status.

        `body` comes in pieces that go out as they are, the first of them with the head.
        """
        target = path if path.startswith("/") else f"/v2/{self.repository}/{path}"
        pieces = iter(body)
        self._socket.sendall(f"{method} {target}{self._common}{fields}\r\n".encode() + next(pieces, b""))
        for piece in pieces:
            self._socket.sendall(piece)
        head, rest = self._head()
        status = int(head[9:12])
        length = 0 if method == "HEAD" else int(_field(head, b"content-length") or 0)
        content = self._content(rest, length, keep=keep or status != expected)
        if status != expected:
            raise LoadFailed(f"{status} for {method} {path}: {content[:200].decode(errors='replace')}")
        location = _field(head, b"location").decode()
        return Answer(re.sub(r"^https?://[^/]+", "", location), length, content)

    def _head(self) -> tuple[bytes, bytes]:
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._some(65536)
        return received[:end], received[end + 4 :]

    def _some(self, most: int) -> bytes:
        received = self._socket.recv(most)
        if not received:
            raise LoadFailed("the registry closed a connection")
        return received

    def _content(self, begun: bytes, length: int, *, keep: bool) -> bytes:
        left = length - len(begun)
        while left and keep:
            begun += self._some(left)
            left = length - len(begun)
        while left:
            dropped = self._socket.recv_into(_DROPPED, min(left, MIB), socket.MSG_TRUNC)
            if not dropped:
                raise LoadFailed("the registry closed a connection")
            left -= dropped
        return begun


@cache
def _pattern(name: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"\r\n" + name + rb": *([^\r]*)", re.IGNORECASE)


def _field(head: bytes, name: bytes) -> bytes:
    found = _pattern(name).search(head + b"\r\n")
    return found[1] if found else b""


def push_blob(to: Connection, blob: Blob) -> float:
    """As Docker does: see that it is not there, begin, send all of it in one request, and finish. Returns megabytes."""
    to.ask("HEAD", f"blobs/{blob.digest}", 404)
    begun = to.ask("POST", "blobs/uploads/", 202, fields="Content-Length: 0\r\n")
    sent = to.ask("PATCH", begun.path, 202, fields="Transfer-Encoding: chunked\r\n", body=blob.chunks())
    address = f"{sent.path}{'&' if '?' in sent.path else '?'}digest={blob.digest}"
    to.ask("PUT", address, 201, fields="Content-Length: 0\r\n")
    return blob.size / MB


def push_image(to: Connection, image: Image) -> int:
    """Returns how many images that were, as does `push_again`."""
    for blob in image.blobs:
        push_blob(to, blob)
    return _put_manifest(to, image)


def push_again(to: Connection, image: Image) -> int:
    """As Docker does it with an image that is there."""
    for blob in image.blobs:
        to.ask("HEAD", f"blobs/{blob.digest}", 200)
    return _put_manifest(to, image)


def _put_manifest(to: Connection, image: Image) -> int:
    fields = f"Content-Type: {MANIFEST_TYPE}\r\nContent-Length: {len(image.manifest)}\r\n"
    to.ask("PUT", f"manifests/{image.tag}", 201, fields=fields, body=[image.manifest])
    return 1


def pull_image(source: Connection, tag: str) -> float:
    """Its manifest, and every blob that it names. Returns megabytes, as do the others."""
    manifest = json.loads(source.ask("GET", f"manifests/{tag}", 200).content)
    return sum(pull_blob(source, blob["digest"]) for blob in [manifest["config"], *manifest["layers"]])


def pull_blob(source: Connection, digest: str) -> float:
    return source.ask("GET", f"blobs/{digest}", 200, keep=False).length / MB


def pull_range(source: Connection, digest: str, first: int, size: int) -> float:
    fields = f"Range: bytes={first}-{first + size - 1}\r\n"
    return source.ask("GET", f"blobs/{digest}", 206, fields=fields, keep=False).length / MB


class Listing:
    """A walk through the pages of a list, over and over."""

    def __init__(self, server: Server, path: str, scope: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)
        self._fields = {"Authorization": server.authorization(scope)}
        self._first = self._next = path

    def page(self) -> int:
        """How many entries the next page has."""
        self._connection.request("GET", self._next, headers=self._fields)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise LoadFailed(f"{answer.status} for {self._next}: {content[:200].decode(errors='replace')}")
        following = re.match("<(.*?)>", answer.getheader("Link", ""))
        self._next = following[1] if following else self._first
        body = json.loads(content)
        return len(body["tags"] if "tags" in body else body["repositories"])
