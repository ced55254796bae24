"""SIGKILL at any moment: what was acknowledged is there after the next start, and what was not can be pushed again."""

import os
import random
import threading
from collections.abc import Iterable

import httpx
import pytest

from tests.torture.faults import MKDIR, RENAME, SYNC, UNLINK, injected
from tests.torture.pushes import Ledger, begin, expect, push_blob
from tests.torture.servers import Crowd, NotReady, Server, Start

ROUNDS = 12
SECONDS = 1.5


def storm(serve: Start, rounds: int, pushers: int) -> list[Ledger]:
    """Kill the server under load, and hold the next one to what was acknowledged."""
    ledgers = [Ledger(f"library/pusher{number}") for number in range(pushers)]
    chance = random.Random(7)
    server = serve()
    for round_ in range(rounds):
        with Crowd() as crowd:
            for ledger in ledgers:
                crowd.add(ledger.push_until_cut, server.client(), f"r{round_}")
            threading.Event().wait(chance.uniform(0, SECONDS))
            server.kill()
        server = serve()
        with Crowd() as crowd:
            for ledger in ledgers:
                crowd.add(verify, server, ledger)
    with server.client() as client:
        for ledger in ledgers:
            for round_ in range(rounds):
                ledger.push(client, f"r{round_}n0")
            ledger.verify(client)
    assert "Traceback" not in server.log.read_text()
    return ledgers


def verify(server: Server, ledger: Ledger) -> None:
    """By a client of its own: one for several threads may close a connection that another has just chosen."""
    with server.client() as client:
        ledger.verify(client)


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(serve: Start) -> None:
    storm(serve, rounds=1, pushers=2)


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_in_a_storm_of_kills(serve: Start) -> None:
    ledgers = storm(serve, ROUNDS, pushers=4)
    assert sum(len(ledger.blobs) for ledger in ledgers) > 4 * ROUNDS


# At any system call


def everything(server: Server, ledger: Ledger, name: str) -> None:
    """All that writes: chunks, manifests, a tag that moves, deletes of a manifest, a blob and an upload."""
    with server.client() as client:
        old = ledger.push(client, f"{name}-old", size=200_000)
        ledger.push(client, name, size=200_000)
        ledger.delete(client, old)
        gone = push_blob(client, ledger.repository, name.encode())
        expect(client.delete(f"/v2/{ledger.repository}/blobs/{gone}"), 202)
        expect(client.delete(begin(client, ledger.repository)), 204)


def dies(server: Server, ledger: Ledger, name: str) -> bool:
    """Whether the server died of the fault before all was done."""
    try:
        everything(server, ledger, name)
    except httpx.TransportError:
        server.process.wait()
        return True
    return False


def kill_at(serve: Start, strace: str, call: str, numbers: Iterable[int]) -> int:
    """Kill the server when a thread makes the call for the n-th time, until all is done before; returns how often."""
    ledger = Ledger("library/traced")
    server = serve()
    for died, number in enumerate(numbers):
        with injected(strace, server, call, f"signal=KILL:when={number}"):
            if not dies(server, ledger, f"n{number}"):
                return died
        server = serve()
        with server.client() as client:
            ledger.verify(client)
            everything(server, ledger, f"n{number}")
            ledger.verify(client)
        assert "Traceback" not in server.log.read_text()
    raise AssertionError("the push never came through")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "step"),
    [(SYNC, 3), ("pwrite64", 25), ("write", 12), (RENAME, 2), (UNLINK, 1), (MKDIR, 2), ("flock", 4)],
)
def test_nothing_acknowledged_is_lost_when_the_server_is_killed_at_a_system_call(
    serve: Start, strace: str, call: str, step: int
) -> None:
    assert kill_at(serve, strace, call, range(1, 500, step)) > 0


@pytest.mark.slow
@pytest.mark.parametrize("number", [2, 6, 10])
def test_a_first_start_that_is_killed_is_made_good_by_the_next(serve: Start, strace: str, number: int) -> None:
    fault = f"inject={SYNC}:signal=KILL:when={number}"
    tracer = (strace, "-f", "-qqq", "-o", os.devnull, "-e", f"trace={SYNC}", "-e", fault)
    with pytest.raises(NotReady):
        serve(under=tracer)
    with serve().client() as client:
        Ledger("library/first").push(client, "first")
