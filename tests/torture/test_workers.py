"""Several processes serve one registry: any of them goes on with what another began, and each may die."""

import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

import registry.app
from registry.app import prepare
from registry.config import Config
from registry.errors import RequestInvalid
from storage.digest import Digest
from tests.torture.pushes import Ledger, begin, content_of, expect, finish, kept, pull_blob
from tests.torture.servers import Crowd, Server, Start, listens, start, wait_until

REPOSITORY = "library/workers"


@contextmanager
def only(server: Server, worker: int) -> Iterator[httpx.Client]:
    """A client whose connection goes to this worker: the others stand still, for less than their supervisor bears."""
    others = [pid for pid in server.workers() if pid != worker]
    for pid in others:
        os.kill(pid, signal.SIGSTOP)
    try:
        with server.client() as client:
            expect(client.get("/healthz"), 200)
            for pid in others:
                os.kill(pid, signal.SIGCONT)
            yield client
    finally:
        for pid in others:
            os.kill(pid, signal.SIGCONT)


def two(serve: Start) -> Server:
    """A server of two workers, both of which serve."""
    server = serve("--workers", "2")
    wait_until(lambda: len(server.workers()) == 2)
    for worker in server.workers():
        with only(server, worker):
            pass
    return server


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of two workers for all tests that leave them alive."""
    with ExitStack() as stack:
        yield two(partial(start, stack, tmp_path_factory.mktemp("pair") / "data"))


def test_upload_goes_on_in_another_process_chunk_by_chunk(pair: Server) -> None:
    content = content_of("spread", 600_000)
    first, second = pair.workers()
    with only(pair, first) as client, only(pair, second) as other:
        location = begin(client, REPOSITORY)
        for number in range(6):
            chunk = content[number * 100_000 : (number + 1) * 100_000]
            expect((other, client)[number % 2].patch(location, content=chunk), 202)
            assert kept((client, other)[number % 2], location) == (number + 1) * 100_000
        expect(finish(other, location, Digest.of(content)), 201)
        expect(client.get(location), 404)
        assert pull_blob(client, REPOSITORY, Digest.of(content)) == len(content)


def test_what_one_process_deletes_is_gone_in_the_other_at_once(pair: Server) -> None:
    ledger = Ledger(REPOSITORY)
    first, second = pair.workers()
    with only(pair, first) as client, only(pair, second) as other:
        for number in range(5):
            image = ledger.push(client, f"n{number}", 10_000)
            ledger.verify(other)
            ledger.delete(other, image)
            ledger.verify(client)


def test_metrics_of_either_process_count_the_requests_of_both(pair: Server) -> None:
    first, second = pair.workers()
    with only(pair, first) as client, only(pair, second) as other:
        before = [healthz_count(client), healthz_count(other)]
        for _ in range(3):
            client.get("/healthz")
            other.get("/healthz")
        assert before[0] == before[1]
        assert [healthz_count(client), healthz_count(other)] == [before[0] + 6, before[0] + 6]


def healthz_count(client: httpx.Client) -> int:
    text = expect(client.get("/metrics"), 200).text
    counts = re.findall(r'^cove_http_requests_total{.*route="/healthz".*} (.*)$', text, re.MULTILINE)
    return sum(int(float(each)) for each in counts)


def push_through_deaths(server: Server, ledger: Ledger, stop: threading.Event) -> None:
    """Push and delete until told to stop; what a dying worker cut off is begun again on a new connection."""
    number = 0
    while not stop.is_set():
        with server.client() as client:
            try:
                while not stop.is_set():
                    number += 1
                    pushed = ledger.push(client, f"n{number}", 50_000)
                    if number % 4 == 0:
                        ledger.delete(client, pushed)
            except httpx.TransportError:
                pass


@pytest.mark.slow
def test_killed_worker_is_replaced_and_nothing_acknowledged_is_lost(serve: Start) -> None:
    server = two(serve)
    ledgers = [Ledger(f"library/pusher{number}") for number in range(4)]
    stop = threading.Event()
    with Crowd() as crowd:
        for ledger in ledgers:
            crowd.add(push_through_deaths, server, ledger, stop)
        try:
            for _ in range(3):
                stop.wait(1)
                before = server.workers()
                os.kill(before[0], signal.SIGKILL)
                wait_until(lambda before=before: len(set(server.workers()) - {before[0]}) == 2)  # type: ignore[misc]
            stop.wait(1)
        finally:
            stop.set()
    for worker in server.workers():
        with only(server, worker) as client:
            for ledger in ledgers:
                ledger.verify(client)
    assert all(ledger.blobs for ledger in ledgers)
    assert server.stop() == 0


def test_no_worker_goes_on_without_the_process_that_looks_after_it(serve: Start) -> None:
    server = two(serve)
    workers = server.workers()
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    wait_until(lambda: not listens(server))
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
    port = str(server.port)
    assert serve("--workers", "2", "--port", port).port == server.port


def test_several_workers_on_an_sqlite_that_may_lose_data_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.app, "is_safe_for_processes", lambda version: False)
    with pytest.raises(RequestInvalid, match="can lose data when several processes write: use one worker"):
        prepare(Config(data=tmp_path / "data", workers=2))
    assert not (tmp_path / "data").exists()
    assert prepare(Config(data=tmp_path / "data", workers=1))
