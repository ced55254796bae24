"""What a server that has little to do takes."""

from tests.torture.pushes import Ledger, expect
from tests.torture.servers import Start


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
