"""What uvicorn's HTTP/1.1 protocol leaves out: limits on the time, the size and the ambiguity of requests.

uvicorn has no time-out for a request head, no limit on its size and none on how slowly a body may come or an answer be
taken, and httptools lets a few requests pass that two servers in a row could read differently. `Guard` adds those and
knows nothing of what the requests mean. Before it parses one, it asks `registry.hot` for an answer.

    a request head    complete in `Limits.head_seconds`   else 408, or no word when nothing at all came
                      at most `Limits.head_bytes`         else 431, counted before the parser sees them
                      one Host, one framing               else 400
    a request body    `Limits.body_rate`, on average      else 408, or only the end when the answer has begun
    an answer         taken, a byte at least, within `Limits.answer_seconds`, else the connection is aborted
    a connection      one of `Limits.connections`         else the longest idle one makes room, or it is 503, or
                                                          aborted when as many again are being told so

Memory stays flat because heads are fed to the parser in pieces: it never holds more than the limit and what one read
from the socket brings behind a body. Time is kept by one look at the connection each `Limits.look_seconds`; a chunk
that arrives sets no timer.

`HeadTooLarge`, `TargetTooLong`, `RequestTooSlow` and `RequestInvalid` are answered here, in the form of the
distribution spec, section "Error Codes", and end the connection. A fault in a request that was sent before the one
ahead of it was answered gets no answer: the one ahead goes out whole and is the last.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, cast

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from registry.errors import RegistryError, RequestInvalid, Unavailable
from registry.heads import HeadTooLarge, TargetTooLong, origin_form
from registry.hot import HotPath
from registry.refusals import refusal
from registry.sending import EXTENSION, Sending, bytes_on_the_way, emptied, is_possible
from registry.threads import WHOLE


class RequestTooSlow(RegistryError):
    """RFC 9110, section 15.5.9: the request did not arrive in the time the server waits for it."""

    status, code = 408, "UNAVAILABLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long, how large and how slow a client may be. Times are seconds, sizes bytes."""

    head_seconds: float = 10  # from the first byte of a head to its end; also how long a new connection may say nothing
    head_bytes: int = (
        64 * 1024
    )  # request line and header fields; also what a chunked body may have between two data bytes
    head_lines: int = 200  # header fields
    target_bytes: int = 8 * 1024  # the request target, path and query
    idle_seconds: float = 75  # between an answer and the next request; pools of clients and proxies keep 60 to 90
    body_rate: float = 1024  # bytes a second
    body_seconds: float = 30  # over which the rate is an average
    answer_seconds: float = 60  # in which the client has taken nothing of what is ready for it
    drain_seconds: float = 0.5  # in which a request that was on its way when the server began to stop gets an answer
    linger_seconds: float = 5  # in which a client that is still sending gets to read why its request was refused
    look_seconds: float = 1  # between two looks at a connection: how late any of these may be noticed
    connections: int = 4096  # at a time, in this process


_Awaiting = Literal[
    "request",  # the first byte of a request
    "head",  # the rest of a request head
    "body",  # the rest of a request body
    "nothing",  # bytes to drop: no further request is read, and the answer under way is the last
    "end",  # bytes to drop: everything is answered, and the client only has to notice
]


class _GentleTransport(asyncio.Transport):
    """The connection as an answer sees it: closing lets a client that is still sending read the answer."""

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        super().__init__()
        self._transport = transport
        self._close = close

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        self._transport.write(data)

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def close(self) -> None:
        self._close()


def guard(limits: Limits) -> Callable[..., "Guard"]:
    """A protocol factory for `uvicorn.Config(http=...)`; it can be pickled for worker processes."""
    return partial(Guard, limits)


class Guard(HttpToolsProtocol):
    """One connection. Requests that pass reach the ASGI application exactly as uvicorn would hand them over."""

    def __init__(
        self,
        limits: Limits,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.limits = limits
        self._hot = self.app if isinstance(self.app, HotPath) else None
        self.ws_protocol_class = None
        self.url = b""
        self._awaiting: _Awaiting = "request"
        self._since = 0.0  # when the connection, its last head, or the lingering began, or the last answer was given
        self._idle_seconds = limits.head_seconds  # for which it may ask for nothing; more once it has asked
        self._stops = False  # the server does, and the next answer is the last
        self._heads = 0  # that began in the bytes the parser got last
        self._undelivered = 0  # bytes the parser took since it last handed over a head or a piece of a body
        self._answering: RequestResponseCycle | None = None
        self._body_clock = 0.0  # seconds of the current `body_seconds` in which the server was ready to read
        self._body_bytes = 0  # that came in them
        self._is_one_piece = False  # what waits of a body
        self._sending: Sending | None = None  # of a file
        self._unsent = 0  # bytes of answers the client had not taken at the last look
        self._moved = 0.0  # when their number last changed

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        super().connection_made(transport)
        self._since = self.loop.time()
        self._gentle = _GentleTransport(transport, self._close_gently)
        self._sends_files = is_possible(transport)
        self._next_look = self.loop.call_later(self.limits.look_seconds, self._look)
        if len(self.connections) > self.limits.connections:
            self._make_room()

    def _make_room(self) -> None:
        """End the connection that has asked for nothing the longest; where all are at work, this one."""
        idle = [other for other in self.connections if isinstance(other, Guard) and other.is_idle and other is not self]
        if idle:
            min(idle, key=lambda other: other._since).transport.close()
        elif len(self.connections) <= 2 * self.limits.connections:
            self._refuse(Unavailable("the registry has as many connections as it takes: try again"))
        else:
            self.transport.abort()

    @property
    def _peer(self) -> str:
        return self.client[0] if self.client else ""

    @property
    def is_idle(self) -> bool:
        """Whether nothing of a request has come that is not answered."""
        return self._awaiting == "request" and not self._is_answering() and not self.transport.is_closing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._next_look.cancel()
        self._disconnect_application()
        if self._sending:
            self._sending.stop()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Called when the server stops: the answer under way is the last, or that to a request which is on its way.

        A client cannot know that the server stops before a connection ends. To end an idle one at once would lose the
        request that it may be sending.
        """
        self._stops, self._hot = True, None
        if self._is_answering():
            self._answer_no_further()
        elif self._awaiting in ("request", "head"):
            self.loop.call_later(self.limits.drain_seconds, self._close_unless_answering)
        else:
            self.transport.close()

    def _close_unless_answering(self) -> None:
        if not self._is_answering():
            self.transport.close()

    # Bytes from the client

    def data_received(self, data: bytes) -> None:
        if self._hot is None or not self.is_idle or self.flow.write_paused:
            self._read(data)
        elif answer := self._hot.find(data, self._peer, self.server_state.default_headers, crowd=len(self.connections)):
            self._since = self.loop.time()
            self.transport.write(answer)
        else:
            self._read(data)
            if self._heads == 1 and self._awaiting == "request" and self.cycle.keep_alive:
                self._hot.offer(cast("dict[str, Any]", self.scope), data, self._peer, crowd=len(self.connections))

    def _read(self, data: bytes) -> None:
        self._heads = 0
        rest = memoryview(data)
        while rest and self._awaiting not in ("nothing", "end"):
            room = len(rest) if self._awaiting == "body" else self.limits.head_bytes - self._undelivered
            self._parse(rest[:room])
            rest = rest[room:]

    def _parse(self, piece: memoryview) -> None:
        if self._awaiting == "request":
            self._begin_head()
        self._undelivered += len(piece)
        try:
            self.parser.feed_data(piece)
            self._check_undelivered()
        except httptools.HttpParserUpgrade:
            # RFC 9110, section 7.8, lets a server ignore Upgrade, but the parser cannot go on in HTTP/1.1 after it.
            self._awaiting = "nothing"
        except RegistryError as error:
            self._refuse(error)
        except httptools.HttpParserError as error:
            self._refuse(_reason(error))

    def _check_undelivered(self) -> None:
        if self._awaiting == "head" and len(self.url) > self.limits.target_bytes:
            raise TargetTooLong(f"the request target is longer than {self.limits.target_bytes} bytes")
        if self._undelivered >= self.limits.head_bytes:
            raise HeadTooLarge(f"header fields, trailers or chunk extensions exceed {self.limits.head_bytes} bytes")

    def _begin_head(self) -> None:
        self._awaiting = "head"
        self._since = self.loop.time()
        self._idle_seconds = self.limits.idle_seconds

    # What the parser finds in them

    def on_message_begin(self) -> None:
        if self._awaiting == "request":  # right behind the end of another request
            self._begin_head()
        self._heads += 1
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        upgrade = self.parser.should_upgrade()
        self._check_head()
        self.url = origin_form(self.parser.get_http_version(), self.url, self.headers, upgrade=upgrade)
        self._awaiting = "body"
        self._undelivered = 0
        self._body_clock, self._body_bytes = 0.0, 0
        super().on_headers_complete()
        self.headers = []  # for trailers, which RFC 9110, section 6.5.1, keeps apart from the header section
        self.cycle.transport = self._gentle
        if self._sends_files:
            self.scope["extensions"] = {EXTENSION: {}}
            self.cycle.send = partial(self._send, self.cycle, self.cycle.send)  # type: ignore[method-assign]
        if upgrade or self._stops:
            self.cycle.keep_alive = False

    def _check_head(self) -> None:
        if len(self.headers) > self.limits.head_lines:
            raise HeadTooLarge(f"the request has more than {self.limits.head_lines} header fields")
        if len(self.url) > self.limits.target_bytes:
            raise TargetTooLong(f"the request target is longer than {self.limits.target_bytes} bytes")

    def on_body(self, body: bytes) -> None:
        self._undelivered = 0
        self._body_bytes += len(body)
        if (
            not self.cycle.body
        ):  # uvicorn adds to it: `bytes` and nothing are those bytes, where a bytearray copies them
            self.cycle.body, self._is_one_piece = cast("bytearray", b""), True
        elif self._is_one_piece:
            self.cycle.body, self._is_one_piece = bytearray(self.cycle.body), False
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._awaiting = "request"
        self._undelivered = 0
        if not self.expect_100_continue:  # or whoever reads the body would say to go on before the request is let in
            cast("dict[str, Any]", self.scope)[WHOLE] = True
        super().on_message_complete()

    # Answers

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """As uvicorn's, but for a timer that each answer would set and each request take back: `_look` is enough."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._since = self.loop.time()

    async def _send(
        self, cycle: RequestResponseCycle, usual: Callable[[Any], Awaitable[None]], message: dict[str, Any]
    ) -> None:
        """As uvicorn's, which knows nothing of files."""
        if message["type"] != EXTENSION:
            await usual(message)
            return
        await emptied(self.transport, self.flow.drain)
        if cycle.disconnected or self.transport.is_closing():
            return
        self._sending = Sending(self.transport)
        try:
            if await self._sending.send(message["file"].fileno(), message["offset"], message["count"]):
                cycle.expected_content_length -= message["count"]
        finally:
            self._sending = None

    def _is_answering(self) -> bool:
        cycle = self._answering
        return cycle is not None and not cycle.response_complete and not cycle.disconnected

    def _answer_no_further(self) -> None:
        """Let the answer under way be the last; requests that were sent ahead of it may be sent again elsewhere."""
        self.pipeline.clear()
        if self._answering is not None:
            self._answering.keep_alive = False

    def _disconnect_application(self) -> None:
        """Make `http.disconnect` the next thing the application receives, and drop what it still sends."""
        if self._answering is not None and self._is_answering():
            self._answering.disconnected = True
            self._answering.waiting_for_100_continue = False
            self._answering.message_event.set()

    def _refuse(self, error: RegistryError) -> None:
        """End the connection, with `error` as the last answer where the client can tell what it is the answer to."""
        if self._is_answering() and (self.pipeline or self._awaiting != "body"):
            # The fault is in a later request than the one being answered.
            self._answer_no_further()
            self._awaiting = "nothing"
            return
        answered = self._awaiting == "body" and self.cycle.response_started
        if not answered:
            self.transport.write(refusal(error, self.server_state.default_headers))
        self._linger()

    def _close_gently(self) -> None:
        if self._awaiting == "request":
            self.transport.close()
        else:
            self._linger()

    def _linger(self) -> None:
        """Say that no more will come, and drop what the client still sends.

        Closing at once would make the kernel reset the connection, and the client would lose the answer
        (RFC 9112, section 9.6).
        """
        self._awaiting = "end"
        self._since = self.loop.time()
        self.pipeline.clear()
        self._disconnect_application()
        if not self.transport.is_closing():
            self.flow.resume_reading()
            if self.transport.can_write_eof():  # TLS cannot
                self.transport.write_eof()

    # Time

    def _look(self) -> None:
        self._next_look = self.loop.call_later(self.limits.look_seconds, self._look)
        now = self.loop.time()
        if self.flow.read_paused:
            self._since = now  # what the server does not read is not late
        if self._takes_nothing(now):
            self.transport.abort()
        elif self._awaiting == "head" and now - self._since >= self.limits.head_seconds:
            self._refuse(
                RequestTooSlow(f"the head of the request took longer than {self.limits.head_seconds:g} seconds")
            )
        elif self._awaiting == "body" and self._brings_too_little():
            rate, seconds = self.limits.body_rate, self.limits.body_seconds
            self._refuse(RequestTooSlow(f"less than {rate:g} bytes a second arrived over {seconds:g} seconds"))
        elif self.is_idle and now - self._since >= self._idle_seconds:
            self.transport.close()
        elif self._awaiting == "end" and not self._unsent and now - self._since >= self.limits.linger_seconds:
            self.transport.abort()

    def _takes_nothing(self, now: float) -> bool:
        unsent = bytes_on_the_way(self.transport, is_more=self._sending is not None)
        if not unsent or unsent != self._unsent:
            self._unsent, self._moved = unsent, now
        return now - self._moved >= self.limits.answer_seconds

    def _brings_too_little(self) -> bool:
        """Whether a whole `body_seconds` of readiness has passed with less than the rate; looks are its clock."""
        if self.flow.read_paused or self.pipeline or self.cycle.waiting_for_100_continue:
            return False
        self._body_clock += self.limits.look_seconds
        if self._body_clock < self.limits.body_seconds:
            return False
        enough = self._body_bytes >= self.limits.body_rate * self._body_clock
        self._body_clock, self._body_bytes = 0.0, 0
        return not enough


def _reason(error: httptools.HttpParserError) -> RegistryError:
    """What to tell the client. An exception in one of our own callbacks that is not its fault is raised."""
    cause = error.__context__
    if isinstance(cause, RegistryError):
        return cause
    if isinstance(error, httptools.HttpParserCallbackError) and not isinstance(cause, httptools.HttpParserError):
        raise error
    return RequestInvalid("this is not an HTTP/1.1 request; a client that means https reached a plain http port")
