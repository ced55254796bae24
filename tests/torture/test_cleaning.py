"""Cleaning up without a pause against clients that push and delete the same layers: no image that was acknowledged
loses a byte, and nothing is left over.
"""

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from storage.digest import Digest
from tests.cli.running import environment
from tests.torture.amounts import SECONDS
from tests.torture.pushes import expect, pull_image
from tests.torture.servers import Crowd, Server, start, wait_until
from tests.torture.sharers import COMMON, IMAGES, Sharer
from tests.torture.verdicts import is_tidy, settled, stored

CLEANER = (sys.executable, "-m", "tests.torture.cleaner")


class Cleaners:
    """Processes that clean up side by side."""

    def __init__(self, data: Path, **settings: str) -> None:
        self._environment = environment(data=str(data), **settings)
        self._log = data.with_name("cleaners")
        self._running: list[subprocess.Popen[bytes]] = []
        self.deaths = 0

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._running.append(subprocess.Popen(CLEANER, env=self._environment, stderr=log))

    def disturb(self, chance: random.Random) -> None:
        """Kill one of them and start another, or let one sleep for longer than its lease."""
        process = self._running.pop(0)
        assert process.poll() is None, self._log.read_text()
        if chance.random() < 0.5:
            process.send_signal(signal.SIGSTOP)
            threading.Event().wait(1)
            process.send_signal(signal.SIGCONT)
            self._running.append(process)
        else:
            process.kill()
            process.wait()
            self.deaths += 1
            self.start()

    def end(self) -> None:
        for process in self._running:
            process.kill()
            process.wait()


@contextmanager
def cleaning(data: Path, **settings: str) -> Iterator[Cleaners]:
    cleaners = Cleaners(data, **settings)
    try:
        for _ in range(2):
            cleaners.start()
        yield cleaners
    finally:
        cleaners.end()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def rounds(servers: list[Server], cleaners: Cleaners, sharers: list[Sharer]) -> None:
    chance, stop = random.Random(8), threading.Event()
    with Crowd() as crowd:
        for sharer in sharers:
            crowd.add(sharer.work, servers, stop)
        try:
            deadline = threading.Event()
            timer = threading.Timer(SECONDS, deadline.set)
            timer.start()
            while not deadline.wait(chance.uniform(0.2, 1.5)):
                cleaners.disturb(chance)
        finally:
            stop.set()


@pytest.mark.timeout(SECONDS + 300)
@pytest.mark.parametrize("grace", [0, 5])
def test_no_acknowledged_image_loses_a_byte_to_cleaning_up_and_nothing_is_left_over(
    stack: ExitStack, data: Path, record_property: Callable[[str, object], None], grace: int
) -> None:
    run = partial(start, gc_seconds="1", gc_grace_seconds=str(grace), keep_deleted_seconds="0")
    servers = [run(stack, data, log=data.with_name(f"log{number}")) for number in range(2)]
    sharers = [Sharer(number, grace * 0.8) for number in range(6)]
    with cleaning(data, gc_grace_seconds=str(grace), keep_deleted_seconds="0") as cleaners:
        rounds(servers, cleaners, sharers)
        with servers[1].client() as client:
            whole(client)
        for server in servers:
            settled(server, *(sharer.ledger for sharer in sharers))
        wait_until(lambda: is_tidy(data), 60)
        for repository in [COMMON, *(sharer.ledger.repository for sharer in sharers)]:
            empty(servers[0], repository)
        wait_until(lambda: is_tidy(data) and not stored(data), 60)
    record_property("pushes", sum(sharer.pushed for sharer in sharers))
    record_property("pushes begun again", sum(sharer.refused for sharer in sharers))
    record_property("cleaners killed", cleaners.deaths)
    assert cleaners.deaths
    assert all(sharer.pushed for sharer in sharers)


def whole(client: httpx.Client) -> None:
    """Every tag of the repository of all leads to a whole image."""
    answer = expect(client.get(f"/v2/{COMMON}/tags/list"), 200, 404)
    for tag in answer.json().get("tags") or []:
        pull_image(client, COMMON, tag)


def empty(server: Server, repository: str) -> None:
    with server.client() as client:
        for digest in map(Digest.of, IMAGES):
            expect(client.delete(f"/v2/{repository}/manifests/{digest}"), 202, 404)
