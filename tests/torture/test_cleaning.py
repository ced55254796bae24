"""Cleaning up without a pause against clients that push and delete the same layers: no image that was acknowledged
loses a byte, and nothing is left over.
"""

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from storage.digest import Digest
from tests.cli.running import environment
from tests.torture.amounts import SECONDS, some
from tests.torture.pushes import expect, pull_image
from tests.torture.servers import Crowd, Server, Start, wait_until
from tests.torture.sharers import COMMON, IMAGES, Sharer
from tests.torture.verdicts import is_tidy, settled, stored

Record = Callable[[str, object], None]
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


@contextmanager
def at_work(sharers: list[Sharer], servers: list[Server]) -> Iterator[Callable[[], bool]]:
    """Clients that work while the block runs; it is told whether they are to go on for longer."""
    stop, over = threading.Event(), time.monotonic() + SECONDS
    with Crowd() as crowd:
        for sharer in sharers:
            crowd.add(sharer.work, servers, stop)
        try:
            yield lambda: time.monotonic() < over and not crowd.has_failed
        finally:
            stop.set()


@pytest.mark.timeout(SECONDS + 300)
@pytest.mark.parametrize(("records", "grace"), [("sqlite", 5), ("postgres", 0), ("sqlite", 0)][: some(2, 3)])
def test_no_acknowledged_image_loses_a_byte_to_cleaning_up_and_nothing_is_left_over(
    serve: Start, request: pytest.FixtureRequest, record_property: Record, records: str, grace: int
) -> None:
    place = {"database_url": request.getfixturevalue("postgres").make_database()} if records == "postgres" else {}
    settings: dict[str, Any] = {"gc_grace_seconds": str(grace), "keep_deleted_seconds": "0", **place}
    data = (first := serve(gc_seconds="1", **settings)).data
    servers = [first, serve(log=data.with_name("second-log"), gc_seconds="1", **settings)]
    sharers = [Sharer(number, grace * 0.8) for number in range(6)]
    chance = random.Random(grace)
    with cleaning(data, **settings) as cleaners:
        with at_work(sharers, servers) as goes_on:
            while goes_on():
                time.sleep(chance.uniform(0.2, 1.5))
                cleaners.disturb(chance)
        with servers[1].client() as client:
            whole(client)
        for server in servers:
            settled(server, *(sharer.ledger for sharer in sharers), **place)
        wait_until(lambda: is_tidy(data, **place), 60, pause=0.2)
        for repository in [COMMON, *(sharer.ledger.repository for sharer in sharers)]:
            empty(servers[0], repository)
        wait_until(lambda: not stored(data) and is_tidy(data, **place), 60, pause=0.2)
    note(record_property, sharers)
    record_property("cleaners killed", cleaners.deaths)
    assert all(sharer.pushed for sharer in sharers)


@pytest.mark.timeout(SECONDS + 300)
def test_no_acknowledged_image_loses_a_byte_when_servers_are_killed_while_they_clean_up(
    serve: Start, record_property: Record
) -> None:
    run = partial(serve, "--workers", "2", gc_seconds="1", gc_grace_seconds="0", keep_deleted_seconds="0")
    servers, deaths, chance = [run()], 0, random.Random(8)
    sharers = [Sharer(number, 0, patient=True) for number in range(6)]
    with at_work(sharers, servers) as goes_on:
        while goes_on():
            enough = pushes(sharers) + chance.randrange(40)
            wait_until(lambda enough=enough: pushes(sharers) > enough or not goes_on(), 60)  # type: ignore[misc]
            servers[0].kill()
            deaths += 1
            servers[0] = run()
    with servers[0].client() as client:
        whole(client)
    settled(servers[0], *(sharer.ledger for sharer in sharers))
    note(record_property, sharers)
    record_property("servers killed", deaths)
    assert pushes(sharers) >= deaths


def pushes(sharers: list[Sharer]) -> int:
    return sum(sharer.pushed for sharer in sharers)


def note(record_property: Record, sharers: list[Sharer]) -> None:
    record_property("pushes", pushes(sharers))
    record_property("pushes begun again", sum(sharer.refused for sharer in sharers))


def whole(client: httpx.Client) -> None:
    """Every tag of the repository of all leads to a whole image."""
    answer = expect(client.get(f"/v2/{COMMON}/tags/list"), 200, 404)
    for tag in answer.json().get("tags") or []:
        pull_image(client, COMMON, tag)


def empty(server: Server, repository: str) -> None:
    with server.client() as client:
        for digest in map(Digest.of, IMAGES):
            expect(client.delete(f"/v2/{repository}/manifests/{digest}"), 202, 404)
