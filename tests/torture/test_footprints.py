"""What a server takes: with little to do, and after much."""

import os

import pytest

from tests.torture.amounts import some
from tests.torture.pushes import MIB, Ledger, begin, expect
from tests.torture.servers import Server, Start, wait_until
from tests.torture.verdicts import settled


def test_one_process_takes_less_than_ninety_megabytes(serve: Start) -> None:
    assert serve().stop() == 0  # the first start makes the data and imports what only that needs
    server, ledger = serve(), Ledger("library/idle")
    with server.client() as client:
        ledger.push(client, "v1")
        ledger.verify(client)
    assert server.memory() < 90_000_000


def test_memory_of_a_password_hash_is_given_back(serve: Start) -> None:
    server = serve()
    with server.client() as client:
        client.get("/healthz")
        before = server.memory()
        expect(client.get("/v2/"), 200)
        assert server.memory() - before < 10_000_000


def open_files(server: Server) -> int:
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def work(server: Server, rounds: range) -> Ledger:
    """Push, pull, ask for what is not there, leave uploads behind and delete, on connections that come and go."""
    ledger = Ledger("library/worked")
    for number in rounds:
        with server.client() as client:
            image = ledger.push(client, f"n{number % 20}", 30_000 + number)
            expect(client.get("/v2/library/worked/manifests/none"), 404)
            expect(client.patch(begin(client, ledger.repository), content=b"left behind"), 202)
            ledger.delete(client, image)
    ledger.blobs.clear()  # no image needs them
    return ledger


@pytest.mark.timeout(some(120, 3600))
def test_much_work_leaves_no_file_open_and_takes_no_more_memory(serve: Start) -> None:
    server = serve(gc_seconds="1", gc_grace_seconds="5", keep_deleted_seconds="0", upload_expiry_seconds="5")
    work(server, range(some(30, 500)))
    files, memory = open_files(server), server.memory()
    ledger = work(server, range(1000, 1000 + some(60, 5000)))
    wait_until(lambda: open_files(server) <= files + 5)
    assert server.memory() - memory < 40 * MIB
    assert (server.data / "cove.db-wal").stat().st_size < 64 * MIB
    settled(server, ledger)
