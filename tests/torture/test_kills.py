"""SIGKILL at any moment: what was acknowledged is there after the next start, and what was not can be pushed again."""

import os
import random
import threading
from collections.abc import Callable, Iterable
from functools import partial

import httpx
import pytest

from tests.torture.amounts import FULL, KILLS, some
from tests.torture.faults import MKDIR, RENAME, SYNC, UNLINK, injected
from tests.torture.pushes import Ledger, begin, expect, push_blob
from tests.torture.servers import Crowd, NotReady, Server, Start
from tests.torture.verdicts import settled

BATCH = 25  # kills of one registry; what is pushed adds up, and all of it is pulled after each
SECONDS = 1.5


def storm(serve: Start, rounds: int, pushers: int, *arguments: str) -> list[Ledger]:
    """Kill the server under load, and hold the next one to what was acknowledged."""
    ledgers = [Ledger(f"library/pusher{number}") for number in range(pushers)]
    chance = random.Random(rounds)
    server = serve(*arguments)
    for round_ in range(rounds):
        with Crowd() as crowd:
            for ledger in ledgers:
                crowd.add(ledger.push_until_cut, server.client(), f"r{round_}")
            threading.Event().wait(chance.uniform(0, SECONDS))
            server.kill()
        server = serve(*arguments)
        with Crowd() as crowd:
            crowd.add_all(partial(verified, server), ledgers)
    with server.client() as client:
        for ledger in ledgers:
            for round_ in range(rounds):
                ledger.push(client, f"r{round_}n0")
    settled(server, *ledgers)
    return ledgers


def verified(server: Server, ledger: Ledger) -> None:
    """By a client of its own: one that threads share now and then closes a connection that another was just given."""
    with server.client() as client:
        ledger.verify(client)


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(serve: Start) -> None:
    storm(serve, rounds=1, pushers=2)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("batch", range(max(1, KILLS // BATCH // 2)))
def test_nothing_acknowledged_is_lost_in_a_storm_of_kills(
    serve: Start, record_property: Callable[[str, object], None], workers: str, batch: int
) -> None:
    rounds = min(KILLS // 2, BATCH)
    ledgers = storm(serve, rounds, 4 + batch % 5, "--workers", workers)
    assert sum(len(ledger.blobs) for ledger in ledgers) > 2 * rounds
    record_property("kills", rounds)
    record_property("images kept", sum(len(ledger.manifests) for ledger in ledgers))


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


@pytest.mark.timeout(some(120, 1800))
@pytest.mark.parametrize(
    ("call", "step"),
    [(SYNC, 1), ("pwrite64", 25), ("write", 3), (RENAME, 1), (UNLINK, 1), (MKDIR, 1), ("flock", 1)],
)
def test_nothing_acknowledged_is_lost_when_the_server_is_killed_at_a_system_call(
    serve: Start, strace: str, call: str, step: int
) -> None:
    """At each `step`-th of the calls, or at few of them, which lie the closer together the earlier they come."""
    numbers = range(1, 5000, step) if FULL else [1, 3, 12, 40, 5000]
    assert kill_at(serve, strace, call, numbers) > 0


@pytest.mark.parametrize("number", [2, 6, 10])
def test_a_first_start_that_is_killed_is_made_good_by_the_next(serve: Start, strace: str, number: int) -> None:
    fault = f"inject={SYNC}:signal=KILL:when={number}"
    tracer = (strace, "-f", "-qqq", "-o", os.devnull, "-e", f"trace={SYNC}", "-e", fault)
    with pytest.raises(NotReady):
        serve(under=tracer)
    with serve().client() as client:
        Ledger("library/first").push(client, "first")
