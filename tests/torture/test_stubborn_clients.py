"""Clients by the hundred that say nothing, half of something, or take nothing; those who behave do not notice."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from storage.digest import Digest
from tests.torture.amounts import some
from tests.torture.pushes import MIB, Ledger, begin, content_of, expect, finish, kept, pull_blob, push_blob
from tests.torture.servers import PASSWORD, Crowd, Server, Start, listens, wait_until
from tests.torture.streams import AUTHORIZATION, begun

REPOSITORY = "library/stubborn"
HUNDRED = some(20, 100)


def head(method: str, target: str, length: int) -> bytes:
    lines = [
        f"{method} {target} HTTP/1.1",
        "Host: cove",
        f"Authorization: {AUTHORIZATION}",
        f"Content-Length: {length}",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


@contextmanager
def crowd_of(server: Server, number: int, said: bytes) -> Iterator[list[socket.socket]]:
    """Connections that say this, and no more."""
    with ExitStack() as stack:
        opened = []
        for _ in range(number):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            connection.sendall(said)
            opened.append(connection)
        yield opened


def is_closed(connection: socket.socket) -> bool:
    """Whether the server has ended it, after whatever it had to say."""
    connection.settimeout(0)
    try:
        while connection.recv(65536):
            pass
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
    return True


@pytest.mark.timeout(300)
def test_hundreds_of_half_said_requests_keep_nobody_waiting_and_are_all_ended(
    serve: Start, record_property: Callable[[str, object], None]
) -> None:
    server, ledger = serve(), Ledger(REPOSITORY)
    with server.client() as client:
        ledger.push(client, "before", MIB)
        layer = push_blob(client, REPOSITORY, content_of("large", 20 * MIB))
        before = server.memory()
        with (
            crowd_of(server, 5 * HUNDRED, b"") as idle,
            crowd_of(server, 5 * HUNDRED, b"GET /v2/ HTTP/1.1\r\nHost: cove\r\nX-") as half_heads,
            crowd_of(server, 2 * HUNDRED, head("POST", f"/v2/{REPOSITORY}/blobs/uploads/?digest={layer}", MIB)) as half,
            crowd_of(server, 2 * HUNDRED, head("GET", f"/v2/{REPOSITORY}/blobs/{layer}", 0)) as deaf,
        ):
            for number in range(5):
                ledger.push(client, f"n{number}", MIB)
            ledger.verify(client)
            record_property("MiB for them all", (server.memory() - before) // MIB)
            # A piece or two of the answer wait for each that takes nothing of it.
            assert server.memory() - before < 60 * MIB + len(deaf) * MIB
            # What is not read stays in the kernel's buffers, so only those that were to speak are seen to be ended.
            for crowd in (idle, half_heads, half):
                wait_until(lambda crowd=crowd: all(map(is_closed, crowd)), 90)  # type: ignore[misc]
        ledger.push(client, "after", MIB)
    assert "Traceback" not in server.log.read_text()


def test_flood_of_wrong_passwords_holds_up_no_token_and_nobody_elsewhere(serve: Start) -> None:
    server, ledger, stop = serve("--workers", "2"), Ledger(REPOSITORY), threading.Event()
    statuses: set[int] = set()

    def guess(number: int) -> None:
        with server.client(auth=("admin", f"Wrong-horse{number}")) as client:
            while not stop.is_set():
                statuses.add(client.get("/service/token", params={"service": "cove"}).status_code)

    with server.client() as client:
        params = {"service": "cove", "scope": f"repository:{REPOSITORY}:pull,push,delete"}
        token = expect(client.get("/service/token", params=params), 200).json()["token"]
        with server.client(auth=None, headers={"Authorization": f"Bearer {token}"}) as bearer, Crowd() as crowd:
            crowd.add_all(guess, range(some(20, 100)))
            try:
                for number in range(some(10, 100)):
                    ledger.push(bearer, f"n{number}", 20_000)
                ledger.verify(bearer)
                elsewhere = httpx.HTTPTransport(local_address="127.0.0.2")
                with server.client(transport=elsewhere) as other:
                    wait_until(lambda: other.get("/v2/").status_code == 200)
            finally:
                stop.set()
    assert statuses == {401, 429}
    assert PASSWORD not in server.log.read_text()


# The end of a server that is at work


def upload(server: Server, location: str, content: bytes, half: threading.Barrier, ending: threading.Event) -> None:
    with begun(server, "PATCH", location, len(content)) as connection:
        connection.send(content[: len(content) // 2])
        half.wait(30)
        ending.wait(30)
        connection.send(content[len(content) // 2 :])
        assert connection.getresponse().status == 202


def download(server: Server, digest: Digest, half: threading.Barrier, ending: threading.Event) -> None:
    received = 0
    with server.client() as client, client.stream("GET", f"/v2/{REPOSITORY}/blobs/{digest}") as response:
        pieces = response.iter_raw(MIB)
        received += len(next(pieces))
        half.wait(30)
        ending.wait(30)
        received += sum(map(len, pieces))
    assert received == 16 * MIB


@pytest.mark.parametrize("workers", ["1", "2"])
def test_seventy_transfers_under_way_all_end_when_the_server_is_told_to_stop(serve: Start, workers: str) -> None:
    server, content = serve("--workers", workers), content_of("late", 400_000)
    with server.client() as client:
        digest = push_blob(client, REPOSITORY, content_of("drained", 16 * MIB))
        locations = [begin(client, REPOSITORY) for _ in range(20)]
    half, ending = threading.Barrier(71), threading.Event()
    with Crowd() as crowd:
        for location in locations:
            crowd.add(upload, server, location, content, half, ending)
        for _ in range(50):
            crowd.add(download, server, digest, half, ending)
        try:
            half.wait(60)
            server.process.terminate()
            wait_until(lambda: not listens(server))
        finally:
            ending.set()
    assert server.process.wait(timeout=40) == 0
    with serve().client() as client:
        for location in locations:
            assert kept(client, location) == len(content)
        expect(finish(client, locations[0], Digest.of(content)), 201)
        pull_blob(client, REPOSITORY, Digest.of(content))
    assert "Traceback" not in server.log.read_text()
