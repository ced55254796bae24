"""A client that writes bytes, and small applications to write them to."""

import argparse
import asyncio
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope

from registry.guard import Limits, guard
from registry.server import bind, serve, within_files

PATIENCE = 20  # seconds after which a test gives up; nothing in a passing test waits for it


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One connection."""

    def __init__(self, port: int, *, receive_buffer: int | None = None) -> None:
        self.sock = socket.socket()
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread = b""

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def send_until_refused(self, piece: bytes, times: int) -> int:
        """Send until the server has had enough, and say how often it took the piece."""
        for sent in range(times):
            try:
                self.sock.sendall(piece)
            except OSError:
                return sent
        return times

    def read(self, size: int = 65536) -> bytes:
        return self.sock.recv(size)

    def head(self) -> bytes:
        """The head of the next answer."""
        while b"\r\n\r\n" not in self._unread:
            self._more()
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        return head

    def answer(self) -> Answer:
        """The next answer, by its Content-Length."""
        line, *fields = self.head().decode().split("\r\n")
        headers = {name.lower(): value for name, value in (entry.split(": ", 1) for entry in fields)}
        length = int(headers.get("content-length", 0))
        while len(self._unread) < length:
            self._more()
        body, self._unread = self._unread[:length], self._unread[length:]
        return Answer(int(line.split()[1]), headers, body)

    def _more(self) -> None:
        data = self.read()
        if not data:
            raise EOFError(f"the connection ended after {self._unread!r}")
        self._unread += data

    def rest(self) -> bytes:
        """Everything up to the end of the connection."""
        data, self._unread = self._unread, b""
        try:
            while piece := self.read():
                data += piece
        except ConnectionResetError:
            pass
        return data


def get(path: str, *fields: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: cove", *fields, "", ""]).encode()


def post(path: str, *fields: str) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: cove", *fields, "", ""]).encode()


@dataclass
class Echo:
    """Answers what the path asks for, and remembers what it saw.

    Any path: JSON about the request, its body read to the end. /early: 401 with the body unread. /stream/N: N MiB.
    /begin: the head of an answer, then the body is read. /pause: reads the body after `seconds`. /sip: reads it in
    pieces, `seconds` apart. /hold: answers after `seconds`. /pid: the process.
    """

    seconds: float = 1
    paths: list[str] = field(default_factory=list)
    disconnected_after: list[int] = field(default_factory=list)
    streamed: int = 0
    begun: threading.Event = field(default_factory=threading.Event)
    gone: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        if scope["type"] != "http":
            return
        self.paths.append(scope["path"])
        self.begun.set()
        name = scope["path"].split("/")[1]
        handler = getattr(self, name, self.echo)
        await handler(scope, receive, send)

    async def echo(self, scope: Any, receive: ASGIReceiveCallable, send: ASGISendCallable, status: int = 200) -> None:
        length = await self._read(receive)
        if length is None:
            return
        headers = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]]
        await _answer(send, status, {"path": scope["path"], "length": length, "headers": headers})

    async def early(self, scope: Any, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await _answer(send, 401, {"path": scope["path"]})

    async def begin(self, scope: Any, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await _start(send, 200, 4)
        if await self._read(receive) is not None:
            await send({"type": "http.response.body", "body": b"done", "more_body": False})

    async def pause(self, scope: Any, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await asyncio.sleep(self.seconds)
        await self.echo(scope, receive, send)

    async def sip(self, scope: Any, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await self.echo(scope, _slowly(receive, self.seconds), send)

    async def hold(self, scope: Any, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await asyncio.sleep(self.seconds)
        await _answer(send, 200, {"path": scope["path"]})

    async def pid(self, scope: Any, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await _answer(send, 200, os.getpid())

    async def stream(self, scope: Any, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        pieces = int(scope["path"].split("/")[2])
        await _start(send, 200, pieces << 20)
        watch = asyncio.create_task(self._watch(receive))
        for number in range(pieces):
            if self.gone.is_set():
                break
            await send({"type": "http.response.body", "body": b"x" * (1 << 20), "more_body": number + 1 < pieces})
            self.streamed = number + 1
        watch.cancel()

    async def _watch(self, receive: ASGIReceiveCallable) -> None:
        while (await receive())["type"] != "http.disconnect":
            continue
        self.gone.set()

    async def _read(self, receive: ASGIReceiveCallable) -> int | None:
        """The length of the body, or None when the client was gone before its end."""
        length = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                self.disconnected_after.append(length)
                self.gone.set()
                return None
            length += len(message["body"])
            if not message["more_body"]:
                return length


def _slowly(receive: ASGIReceiveCallable, seconds: float) -> ASGIReceiveCallable:
    async def receive_slowly() -> Any:
        await asyncio.sleep(seconds)
        return await receive()

    return receive_slowly


async def _live(receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def _start(send: ASGISendCallable, status: int, length: int) -> None:
    fields = [(b"content-length", str(length).encode())]
    await send({"type": "http.response.start", "status": status, "headers": fields, "trailers": False})


async def _answer(send: ASGISendCallable, status: int, content: object) -> None:
    body = json.dumps(content).encode()
    await _start(send, status, len(body))
    await send({"type": "http.response.body", "body": body, "more_body": False})


@contextmanager
def running(app: Echo, limits: Limits) -> Iterator[int]:
    """Serve in a thread of this process, and give the port."""
    sock = bind("127.0.0.1", 0)
    protocol = guard(limits)
    config = uvicorn.Config(app, http=protocol, log_config=None, access_log=False, server_header=False)  # type: ignore[arg-type]
    config.timeout_graceful_shutdown = PATIENCE
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([sock],))
    thread.start()
    try:
        yield sock.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def wait_for(event: threading.Event) -> bool:
    return event.wait(PATIENCE)


@dataclass(frozen=True)
class MakeEcho:
    """An application that can be made in a worker; with `fail` it cannot, with `refuse` it does not start."""

    fail: bool = False
    refuse: bool = False

    def __call__(self) -> Any:
        if self.fail:
            raise TypeError("no application today")
        return _refuse_to_live if self.refuse else Echo(seconds=float(os.environ.get("SECONDS", "1")))


async def _refuse_to_live(_scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "not today"})


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--grace", type=float, default=PATIENCE * 3)
    parser.add_argument("--tls", type=Path, nargs=2)
    parser.add_argument("--fail", action="store_true")
    parser.add_argument("--refuse", action="store_true")
    options = parser.parse_args()
    sock = bind("127.0.0.1", 0)
    sys.stdout.write(f"{sock.getsockname()[1]}\n")
    sys.stdout.flush()
    return serve(
        MakeEcho(options.fail, options.refuse),
        sock,
        workers=options.workers,
        grace=options.grace,
        tls=tuple(options.tls) if options.tls else None,
        limits=within_files(Limits()),
        ready=lambda: print("ready", flush=True),  # noqa: T201 -- what its parent waits for
    )


def resident_bytes(pid: int) -> int:
    """The memory a process holds, from proc(5)."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def is_listening(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def eventually(what: Any, seconds: float = PATIENCE) -> bool:
    """Whether `what()` comes true before the patience ends."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.05)
    return False


if __name__ == "__main__":
    sys.exit(main())
if __name__ == "__mp_main__":
    time.sleep(float(os.environ.get("READING_SECONDS", "0")))  # a worker, which reads this module when it begins
