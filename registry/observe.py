"""What is seen from outside of each request: one line in the log, its numbers in the metrics, an id in the response."""

import asyncio
import logging
import re
import secrets
import time
from collections import Counter
from dataclasses import dataclass
from itertools import count

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry.core.pulls import SCOPE_KEY, Pull, Pulls
from registry.headers import EVERYWHERE
from registry.logs import Line, log_lines
from registry.metrics import Meter, Metrics
from registry.tracing import Tracing, Traits

log = logging.getLogger("cove.access")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ids = count(secrets.randbits(62))  # no secrets, but no two processes may give the same


@dataclass(slots=True)
class Seen:
    """What is known of one request so far."""

    started: float
    request_id: str
    status: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Repeated:
    """What is seen of each request that is given an answer again; `pull` is the one that it counts as, and `traits` are
    those of its span, where spans are made.
    """

    meter: Meter
    bytes_out: int
    line: Line
    pull: Pull | None
    traits: Traits | None


class Observer:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, metrics: Metrics, pulls: Pulls, traces: Tracing | None = None) -> None:
        self._app = app
        self._metrics = metrics
        self._pulls = pulls
        self._traces = traces
        self._answering: set[asyncio.Task[object]] = set()

    async def rest(self) -> None:
        """Return when no request is under way: also cancelled ones have work to finish, and need threads for it."""
        while self._answering:
            await asyncio.wait(self._answering)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        task = asyncio.current_task()
        if task:
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        headers = Headers(scope=scope)
        seen = Seen(time.perf_counter(), _request_id(headers.get("x-request-id")))
        scope["cove.request_id"] = seen.request_id
        if self._traces is None:
            await self._answer(scope, receive, send, seen)
            return
        with self._traces.request(headers):
            await self._answer(scope, receive, send, seen)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, seen: Seen) -> None:

        async def counted_receive() -> Message:
            message = await receive()
            seen.bytes_in += len(message.get("body", b""))
            return message

        async def counted_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                said = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *_with_caching(message["headers"]),
                    *(field for field in EVERYWHERE if field[0] not in said),
                    (b"x-request-id", seen.request_id.encode()),
                ]
            seen.bytes_out += message.get("count") or len(message.get("body", b""))
            await send(message)

        self._metrics.begin()
        try:
            await self._app(scope, counted_receive, counted_send)
        finally:
            self._metrics.end()
            self._report(scope, seen)

    def repeated(self, scope: Scope, status: int, bytes_out: int) -> Repeated:
        """What to report of a request of this kind when it is answered likewise."""
        fields = {"method": scope["method"], "path": scope["path"], "status": status, "duration_ms": 0.0}
        fields |= {"bytes_in": 0, "bytes_out": bytes_out, **_people(scope)}
        meter = self._metrics.meter(scope["method"], _route(scope), status)
        traits = _traits(scope, status) if self._traces else None
        return Repeated(meter, bytes_out, Line(log, fields), scope.get(SCOPE_KEY), traits)

    def report_repeated(self, answers: list[tuple[Repeated, str]], seconds: float) -> None:
        """Report requests, by kind and id, that were answered again within so many seconds."""
        for kind, times in Counter(kind for kind, _ in answers).items():
            kind.meter.count(seconds, bytes_out=kind.bytes_out, times=times)
            if kind.pull:
                self._pulls.count(kind.pull, times)
        log_lines(log, [(kind.line, request_id) for kind, request_id in answers])
        if self._traces:
            for kind, request_id in answers:
                if kind.traits:
                    self._traces.repeated(kind.traits, request_id, seconds)

    def _report(self, scope: Scope, seen: Seen) -> None:
        seconds = time.perf_counter() - seen.started
        meter = self._metrics.meter(scope["method"], _route(scope), seen.status)
        meter.count(seconds, bytes_in=seen.bytes_in, bytes_out=seen.bytes_out)
        if self._traces:
            self._traces.tell(_traits(scope, seen.status), seen.request_id)
        log.info(
            "request",
            extra={
                "request_id": seen.request_id,
                "method": scope["method"],
                "path": scope["path"],
                "status": seen.status,
                "duration_ms": round(seconds * 1000, 1),
                "bytes_in": seen.bytes_in,
                "bytes_out": seen.bytes_out,
                **_people(scope),
            },
        )


def _route(scope: Scope) -> str:
    route: str = scope.get("cove.route", "none")
    return route


def _traits(scope: Scope, status: int) -> Traits:
    name = scope.get("path_params", {}).get("name")
    repository = name if scope["path"].startswith("/v2/") else None
    return Traits(scope["method"], _route(scope), scope["path"], status, repository, **_people(scope))


def _people(scope: Scope) -> dict[str, str | None]:
    client = scope.get("cove.client") or (scope["client"][0] if scope.get("client") else None)
    return {"client": client, "user": scope.get("cove.user")}


def _with_caching(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """What an answer does not say to be good for longer is good once: it depends on who asked, and when."""
    if any(name == b"cache-control" for name, _ in headers):
        return headers
    return [*headers, (b"cache-control", b"no-store")]


def _request_id(given: str | None) -> str:
    """A proxy's id is kept, if it can be one, so that its log and this one can be matched."""
    return given if given and _REQUEST_ID.fullmatch(given) else new_request_id()


def new_request_id() -> str:
    return f"{next(_ids):016x}"
