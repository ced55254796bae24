"""Runs an ASGI application under uvicorn, in this process or in several.

One process: `uvicorn.Server` here. Several: uvicorn's supervisor starts workers that share the listening socket,
replaces those that die or do not answer its ping for five seconds, and rolls them one by one on SIGHUP.

One process does nothing on SIGHUP: its certificate is read anew when the files change. Only with its terminal it ends.

Stopping, by SIGTERM or Ctrl-C: no new connections, idle ones are closed, requests that are here or on their way may end
within `grace` seconds, what is left then is cancelled, and the status is 0. A second signal does not wait: it cancels
at once, a third kills; workers are killed by the second. By itself uvicorn dies of the signal after a clean stop (143),
and hurries for a second SIGINT but not for a second SIGTERM; its supervisor never hurries, waits for a stuck worker for
ever and keeps the socket open meanwhile.

    ServerError    the address cannot be bound, or the certificate not be loaded; its sentence is for the operator
"""

import asyncio
import ctypes
import errno
import logging
import os
import resource
import signal
import socket
import ssl
import sys
import time
from asyncio import AbstractServer
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing import connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import uvicorn
import uvloop
from uvicorn._types import ASGI3Application
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from registry import certificates
from registry.guard import Limits, guard

BACKLOG = 2048
HANDSHAKE_SECONDS = 10
START_SECONDS = 60  # of a worker; uvicorn gives up after five
_FILES = resource.RLIMIT_NOFILE
_FILES_BESIDES = 40  # logs, locks, listeners, Python's own
_FILES_PER_CONNECTION = 2  # its socket, and what is sent or received
_DATABASE_CONNECTIONS = 48  # at most, of two files each, and no more than there are clients to serve
_PR_SET_PDEATHSIG = 1  # prctl(2)

logger = logging.getLogger(__name__)


class ServerError(Exception):
    """The server cannot start as it was told to; the message says why."""


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens on `host`: a name or an address, IPv6 with or without brackets. Raises `ServerError`.

    It listens at once, so that a port in use is noticed here, and connections wait until an application is there.
    """
    if not 0 <= port <= 65535:
        raise ServerError(f"cannot listen on port {port}: ports are numbers from 0 to 65535")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise ServerError(f"cannot listen on {host!r}: {error}") from None
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise ServerError(f"cannot listen on {host} port {port}: {_reason(error)}") from None
    return sock


def _reason(error: OSError) -> str:
    reasons = {
        errno.EADDRINUSE: "another program listens there already",
        errno.EACCES: "this user may not use the port; choose one above 1023",
        errno.EADDRNOTAVAIL: "the address does not belong to this machine",
    }
    return reasons.get(error.errno or 0, str(error))


def serve(
    make_app: Callable[[], ASGI3Application],
    sock: socket.socket,
    *,
    workers: int,
    grace: float,
    tls: tuple[Path, Path] | None,
    limits: Limits,
    ready: Callable[[], None] = lambda: None,
) -> int:
    """Serve until a signal stops it and return the exit status: 0 after a stop, 3 when the application did not start.

    `grace` is seconds. `tls` names a certificate chain and its key. `make_app` is called once in each process that
    serves; with several workers it must be picklable and set up logging, and what it raises is logged and stops all.
    `ready` is called once, when requests are answered.
    Raises `ServerError`, and with one worker whatever `make_app` raises.
    """
    if tls:
        _must_load(*tls)
    if workers == 1:
        return _serve_here(_configuration(make_app(), grace=grace, tls=tls, limits=limits), sock, ready)
    start = _Start(make_app, os.getpid())
    config = _configuration(start, grace=grace, tls=tls, limits=limits, workers=workers)
    supervisor = _Supervisor(config, [sock], ready)
    supervisor.run()
    return STARTUP_FAILURE if any(worker.exitcode == STARTUP_FAILURE for worker in supervisor.processes) else 0


def _must_load(certificate: Path, key: Path) -> None:
    try:
        certificates.load(certificate, key)
    except OSError as error:
        raise ServerError(f"cannot use the certificate {certificate} with the key {key}: {error}") from None


def within_files(limits: Limits) -> Limits:
    """The limits with no more connections than a process has files for, after asking for as many as it may have.

    A process without a file left cannot even refuse a connection, nor open its database. Raises `ServerError`.
    """
    allowed, most = (sys.maxsize if n == resource.RLIM_INFINITY else n for n in resource.getrlimit(_FILES))
    wanted = _FILES_BESIDES + limits.connections * _FILES_PER_CONNECTION + _DATABASE_CONNECTIONS * 2
    if allowed < wanted:
        allowed = min(wanted, most)
        resource.setrlimit(_FILES, (allowed, resource.getrlimit(_FILES)[1]))
    affordable = _affordable(allowed)
    if affordable < 1:
        raise ServerError(f"a process may open only {allowed} files, which is not enough to serve anybody")
    if affordable >= limits.connections:
        return limits
    logger.warning("A process may open only %d files: it takes %d connections at a time", allowed, affordable)
    return replace(limits, connections=affordable)


def _affordable(files: int) -> int:
    left = files - _FILES_BESIDES
    few = left // (_FILES_PER_CONNECTION + 2)
    return few if few <= _DATABASE_CONNECTIONS else (left - _DATABASE_CONNECTIONS * 2) // _FILES_PER_CONNECTION


def _configuration(
    app: "ASGI3Application | _Start",
    *,
    grace: float,
    tls: tuple[Path, Path] | None,
    limits: Limits,
    workers: int = 1,
) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=isinstance(app, _Start),
        interface="asgi3",
        workers=workers,
        loop=f"{Loop.__module__}:{Loop.__name__}",
        http=guard(limits),  # type: ignore[arg-type]  # uvicorn only calls it
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=grace,  # type: ignore[arg-type]  # goes to asyncio.wait_for, which takes a float
        ssl_context_factory=_Tls(*tls) if tls else None,
    )


@dataclass(frozen=True, slots=True)
class _Tls:
    """What uvicorn listens with, in whichever process it is asked."""

    chain: Path
    key: Path

    def __call__(self, _config: uvicorn.Config, _usual: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        return certificates.Certificate(self.chain, self.key).context()


def _serve_here(config: uvicorn.Config, sock: socket.socket, ready: Callable[[], None]) -> int:
    logging.getLogger("uvicorn.error").addFilter(_is_no_cancellation)
    if sys.stdin is None or not sys.stdin.isatty():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    server = _Server(config, ready)
    try:
        server.run([sock])
    except SystemExit as end:  # uvicorn's word for an application that refuses in its lifespan
        return end.code if isinstance(end.code, int) else STARTUP_FAILURE
    return 0 if server.started else STARTUP_FAILURE


def _is_no_cancellation(record: logging.LogRecord) -> bool:
    """uvicorn says how many requests it cancels at the end of the grace; a traceback for each says no more."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


class Loop(uvloop.Loop):
    """uvicorn gives clients a minute for the handshake of TLS, during which the guard does not know of them."""

    async def create_server(self, *arguments: Any, **options: Any) -> AbstractServer:  # type: ignore[override]  # passed on
        if options.get("ssl"):
            options["ssl_handshake_timeout"] = HANDSHAKE_SECONDS
        return await super().create_server(*arguments, **options)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  # the signature of a handler
        if self.should_exit:
            self.force_exit = True
            signal.signal(sig, signal.SIG_DFL)
        self.should_exit = True


class _Supervisor(Multiprocess):
    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], ready: Callable[[], None]) -> None:
        super().__init__(config, sockets)
        self._ready: Callable[[], None] | None = ready
        self._asked: WeakKeyDictionary[Process, float] = WeakKeyDictionary()  # when each was first asked for a word
        self._answered: WeakSet[Process] = WeakSet()

    def keep_subprocess_alive(self) -> None:
        """A worker that reads its modules cannot answer: it is given time, where uvicorn starts another after five
        seconds, and on a busy machine one after the other.
        """
        if not self._is_one_beginning():
            super().keep_subprocess_alive()
        answering = [worker for worker in self.processes if worker in self._answered]
        if (
            self._ready
            and not self.should_exit.is_set()
            and any(worker.is_ready(self.config.timeout_worker_healthcheck) for worker in answering)
        ):
            self._ready()
            self._ready = None

    def _is_one_beginning(self) -> bool:
        """Whether one lives that has not said a word yet, for `START_SECONDS` at most. Waits a second for it."""
        silent = [worker for worker in self.processes if worker not in self._answered and worker.process.is_alive()]
        for worker in silent:
            if worker not in self._asked:
                self._asked[worker] = time.monotonic()
                worker.parent_conn.send(b"ping")
        heard = connection.wait([worker.parent_conn for worker in silent], timeout=1) if silent else []
        for worker in silent:
            if worker.parent_conn in heard:
                worker.parent_conn.recv()
                self._answered.add(worker)
        since = time.monotonic() - START_SECONDS
        return any(worker not in self._answered and self._asked[worker] > since for worker in silent)

    def restart_all(self) -> None:
        """A new worker takes as long to start as it takes: the old one serves until then."""
        usual = self.config.timeout_worker_healthcheck
        self.config.timeout_worker_healthcheck = START_SECONDS
        try:
            super().restart_all()
        finally:
            self.config.timeout_worker_healthcheck = usual

    def terminate_all(self) -> None:
        for sock in self.sockets:
            sock.close()  # or connections would wait here for the end of the last worker
        super().terminate_all()

    def join_all(self) -> None:
        """Wait for the workers, who have been told to stop, until the grace is over or another signal has come."""
        self.signal_queue.clear()
        grace = self.config.timeout_graceful_shutdown or 0
        end = time.monotonic() + grace + self.config.timeout_worker_healthcheck
        while (running := self._running()) and time.monotonic() < end and not self.signal_queue:
            connection.wait([process.sentinel for process in running], timeout=0.1)
        for process in self._running():
            process.kill()
        super().join_all()

    def _running(self) -> list[SpawnProcess]:
        return [worker.process for worker in self.processes if worker.process.is_alive()]


@dataclass(frozen=True, slots=True)
class _Start:
    """Makes the application in a worker, which dies with the process that supervises it."""

    make_app: Callable[[], ASGI3Application]
    supervisor: int

    def __call__(self) -> ASGI3Application:
        die_with(self.supervisor)
        logging.getLogger("uvicorn.error").addFilter(_is_no_cancellation)
        try:
            return self.make_app()
        except Exception:
            logger.exception("The application could not be made")
            sys.exit(STARTUP_FAILURE)


def die_with(parent: int) -> None:
    """Stop as by SIGTERM when the parent ends, even when it is killed: its workers would go on listening."""
    if sys.platform != "linux":
        return
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:  # it ended before the kernel was told
        sys.exit(0)
