"""The shortest way to an answer: one that was given before, to the very same request.

`Guard` asks here before it parses a request. When the answer is here, it costs no parsing, no task, no thread and no
query: some 25 µs where the ordinary path takes a millisecond. That an answer of here is the one that the ordinary path
would give now follows from these, each of which has a test:

* The ordinary path has given it: nothing is decided here. Only what a route has said to be repeatable is kept.
* The request is the same: the key is a keyed hash of every byte of it, with method, path, credentials and all other
  fields, and the address that it came from; no secret is kept. One of several that were sent at once, and one that ends
  its connection, never gets here.
* The records are the same: answers are kept for one generation of what pulls see (`storage.metadata.generations`). That
  is asked for before the ordinary path begins, so an answer that a change has overtaken is of an old one already.
* The time is the same as far as it matters: an answer is good until its token expires, and for `AGE_SECONDS` at most,
  after which the ordinary path looks at what is in no record: keys that lapse, files that are gone. When the clock is
  put back, an answer is good for no time before it was made, or it would be for as long as that. That a blob is
  there is a promise as well (I3 in `registry.core.cleaning`): it is repeated as long as the ordinary path would make it
  without renewing a lease. Whoever pushes an image of six blobs again asks so six times, and that took six hops to a
  thread and twelve statements.

The generation is asked for once in each turn of the event loop. All requests that are found in one turn had arrived
before it began, at least their first bytes, and so before the question: none of them can know of a later change. That
holds as long as one call of epoll_wait(2) tells of all sockets that can be read, and libuv has room for 1,024 of them;
beyond `CROWD` connections each request asks anew, the other half being for sockets that are none yet.

Memory is bounded by `MOST_BYTES`; what was kept first goes first.
"""

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus

from starlette.types import Message, Receive, Scope, Send

from registry.observe import Observer, Repeated, new_request_id

AGE_SECONDS = 30.0
MOST_BYTES = 16 << 20
LARGEST_BYTES = 64 << 10
OVERHEAD_BYTES = 1024  # what an answer that is kept takes beside its own bytes, about
CROWD = 512
OFFER = "cove.offer"  # in the scope of a request whose answer may be kept: the key, and the generation
GOOD_UNTIL = "cove.good_until"  # set by a route whose answer may be repeated: seconds since the epoch

Fields = Iterable[tuple[bytes, bytes]]
_Key = tuple[bytes, str]  # a hash of the request, and whose it is
_ASKING = (b"GET /v2/", b"HEAD /v2/", b"GET /service/token?")
_REPEATABLE = {200, 206, 304}
_OWN = {b"x-request-id", b"traceparent"}  # no other request has the same; the answer repeats the first


@dataclass(frozen=True, slots=True)
class _Kept:
    """An answer in the pieces between which the server's own fields and the request's id go."""

    status_line: bytes
    fields: bytes
    body: bytes
    good_since: float
    good_until: float
    repeated: Repeated
    size: int


class _Recording:
    """What passes of an answer, as long as it may be small enough to keep."""

    def __init__(self) -> None:
        self.status = 0
        self.fields: Fields = ()
        self.body = b""
        self.is_whole = False
        self._is_small = False

    def add(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.fields = message["status"], message["headers"]
            length = next((value for name, value in self.fields if name == b"content-length"), b"")
            self._is_small = self.status == 304 or (length.isdigit() and int(length) <= LARGEST_BYTES)
        elif self._is_small:
            self.body += message.get("body", b"")
            self.is_whole = not message.get("more_body", False)


class HotPath:
    """ASGI middleware around the whole application that keeps answers, and gives them again. For one event loop.

    `generation` tells that of what pulls see, None for unknown; `clock` the seconds since the epoch.
    """

    def __init__(
        self,
        app: Observer,
        generation: Callable[[], int | None],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._app = app
        self._generation = generation
        self._clock = clock
        self._pepper = secrets.token_bytes(32)
        self._kept: dict[_Key, _Kept] = {}
        self._size = 0
        self._kept_generation: int | None = None
        self._turn: tuple[int | None, float] | None = None  # None until one of the two was asked for in this turn
        self._began = 0.0
        self._given: list[tuple[Repeated, str]] = []  # in this turn
        self._own_lines: tuple[Fields, bytes] = ((), b"")

    def find(self, head: bytes, peer: str, fields: Fields, *, crowd: int) -> bytes | None:
        """The whole answer to a request, with the server's own header `fields`; None where it has to be made.

        `crowd` is how many connections there are.
        """
        if not head.startswith(_ASKING):
            return None
        generation, now = self._now(crowd)
        if generation is None or generation != self._kept_generation:
            return None
        kept = self._kept.get(self._key(head, peer))
        if kept is None or not kept.good_since <= now < kept.good_until:
            return None
        request_id = new_request_id()
        self._given.append((kept.repeated, request_id))
        return b"".join((kept.status_line, self._own(fields), kept.fields, request_id.encode(), b"\r\n\r\n", kept.body))

    def offer(self, scope: Scope, head: bytes, peer: str, *, crowd: int) -> None:
        """Let the answer to a request be kept, which is about to be made."""
        if head.startswith(_ASKING):
            generation, _ = self._now(crowd)
            if generation is not None:
                scope[OFFER] = self._key(head, peer), generation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if OFFER not in scope:
            await self._app(scope, receive, send)
            return
        recording = _Recording()

        async def record(message: Message) -> None:
            recording.add(message)
            await send(message)

        await self._app(scope, receive, record)
        if recording.is_whole and recording.status in _REPEATABLE and scope.get(GOOD_UNTIL, 0) > self._clock():
            self._keep(scope, recording)

    def _key(self, head: bytes, peer: str) -> _Key:
        return hashlib.blake2b(head, digest_size=16, key=self._pepper).digest(), peer

    def _now(self, crowd: int) -> tuple[int | None, float]:
        """The generation and the time."""
        if self._turn is None:
            self._began = time.perf_counter()
            asyncio.get_running_loop().call_soon(self._end_turn)
        if self._turn is None or crowd > CROWD:
            self._turn = self._generation(), self._clock()
        return self._turn

    def _end_turn(self) -> None:
        self._turn = None
        if self._given:
            given, self._given = self._given, []
            self._app.report_repeated(given, time.perf_counter() - self._began)

    def _own(self, fields: Fields) -> bytes:
        """The lines of the server's own fields, which it makes anew for each second."""
        if self._own_lines[0] is not fields:
            self._own_lines = fields, _lines(fields)
        return self._own_lines[1]

    def _keep(self, scope: Scope, recording: _Recording) -> None:
        key, generation = scope[OFFER]
        if not _OWN.isdisjoint(dict(scope["headers"])):
            return
        if generation != self._kept_generation and not self._begin(generation):
            return
        now = self._clock()
        fields = _lines(field for field in recording.fields if field[0] != b"x-request-id") + b"x-request-id: "
        body = b"" if scope["method"] == "HEAD" else recording.body
        kept = _Kept(
            status_line=f"HTTP/1.1 {recording.status} {HTTPStatus(recording.status).phrase}\r\n".encode(),
            fields=fields,
            body=body,
            good_since=now,
            good_until=min(scope[GOOD_UNTIL], now + AGE_SECONDS),
            repeated=self._app.repeated(scope, recording.status, len(recording.body)),
            size=len(fields) + len(body) + OVERHEAD_BYTES,
        )
        self._drop(key)
        self._kept[key] = kept
        self._size += kept.size
        while self._size > MOST_BYTES:
            self._drop(next(iter(self._kept)))

    def _begin(self, generation: int) -> bool:
        """Drop what is of an older generation; tells whether this one is not older itself."""
        if self._kept_generation is not None and generation < self._kept_generation:
            return False
        self._kept.clear()
        self._size, self._kept_generation = 0, generation
        return True

    def _drop(self, key: _Key) -> None:
        kept = self._kept.pop(key, None)
        if kept:
            self._size -= kept.size


def _lines(fields: Fields) -> bytes:
    return b"".join(name + b": " + value + b"\r\n" for name, value in fields)
