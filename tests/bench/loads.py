"""Makes the load: clients in processes of their own, so that none waits for another, and wrk for plain GET requests."""

import json
import multiprocessing
import os
import select
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import BrokenBarrierError
from typing import Any, TypeVar

from tests.bench.clients import PATIENCE_SECONDS, LoadFailed
from tests.bench.images import MANIFEST_TYPE

Client = TypeVar("Client")


@dataclass(frozen=True, slots=True)
class Done:
    """How much was done, in the unit of its row, and in how many seconds; 1 for what is no rate."""

    amount: float
    seconds: float

    @property
    def rate(self) -> float:
        return self.amount / self.seconds


def crowd(connects: Sequence[Callable[[], Client]], step: Callable[[Client], float], seconds: float) -> Done:
    """Let each client, a process of its own, take a step again and again for so long, and once at least.

    The clock runs from when all are connected. A step returns how much it did. Raises `LoadFailed`.
    """
    context = multiprocessing.get_context("fork")
    barrier, outcomes = context.Barrier(len(connects), timeout=PATIENCE_SECONDS), context.SimpleQueue()

    def live(connect: Callable[[], Client]) -> None:
        try:
            client = connect()
            barrier.wait()
            began = time.monotonic()
            amount = step(client)
            while time.monotonic() < began + seconds:
                amount += step(client)
            outcomes.put((amount, began, time.monotonic()))
        except Exception as error:  # raised again where the outcomes are put together
            barrier.abort()
            outcomes.put(error)

    processes = [context.Process(target=live, args=(connect,)) for connect in connects]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return _together([outcomes.get() for _ in processes if not outcomes.empty()], len(processes))


def _together(outcomes: Sequence[Any], count: int) -> Done:
    errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    for error in sorted(errors, key=lambda error: isinstance(error, BrokenBarrierError)):
        raise LoadFailed(str(error)) from error
    if len(outcomes) < count:
        raise LoadFailed("a client died")
    amounts, starts, ends = zip(*outcomes, strict=True)
    return Done(sum(amounts), max(ends) - min(starts))


def wrk(port: int, paths: Sequence[str], connections: int, seconds: float, authorization: str) -> dict[str, float]:
    """GET requests for each of the paths in turn. Raises `LoadFailed`; `refused` counts answers of 400 and above."""
    variables = {"PATHS": "\n".join(paths), "ACCEPT": MANIFEST_TYPE, "AUTHORIZATION": authorization}
    options = ["-t", "1", "-c", str(connections), "-d", "1h", "-s", str(Path(__file__).with_name("wrk.lua"))]
    command = ["wrk", *options, f"http://127.0.0.1:{port}/"]
    if shutil.which("wrk") is None:
        raise LoadFailed("wrk is not installed")
    with subprocess.Popen(
        command, env={**os.environ, **variables}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        try:
            time.sleep(seconds)
        finally:
            process.send_signal(signal.SIGINT)  # its own clock knows whole seconds only
        told: dict[str, float] = json.loads(process.communicate()[1])
    if told["broken"] or not told["requests"]:
        raise LoadFailed(f"wrk: {told}")
    return told


def gets(port: int, path: str, connections: int, seconds: float, authorization: str) -> Done:
    told = wrk(port, [path], connections, seconds, authorization)
    if told["refused"]:
        raise LoadFailed(f"{told['refused']} requests were refused")
    return Done(told["requests"], told["seconds"])


def heads(port: int, path: str, connections: int, seconds: float, authorization: str) -> Done:
    """HEAD requests, after which wrk would wait for a body. Raises `LoadFailed`."""
    credentials = f"Authorization: {authorization}\r\n" if authorization else ""
    request = f"HEAD {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: {MANIFEST_TYPE}\r\n{credentials}\r\n".encode()
    with ExitStack() as stack, select.epoll() as poll:
        made = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(connections)]
        sockets = {sock.fileno(): sock for sock in made}
        for number, sock in sockets.items():
            poll.register(number, select.EPOLLIN)
            sock.sendall(request)
        began, answered = time.monotonic(), 0
        while (elapsed := time.monotonic() - began) < seconds:
            for number, _ in poll.poll(PATIENCE_SECONDS):
                head = sockets[number].recv(65536)
                if not head.startswith(b"HTTP/1.1 200 ") or not head.endswith(b"\r\n\r\n"):
                    raise LoadFailed(f"HEAD was answered with {head[:100]!r}")
                sockets[number].sendall(request)
                answered += 1
    return Done(answered, elapsed)
