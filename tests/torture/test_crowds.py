"""Many at once: clients that pull, push, dawdle or do nothing, and commands beside them."""

import socket
import subprocess
import threading
from contextlib import ExitStack

import httpx
import pytest

from storage.digest import Digest
from tests.cli.running import COVE, environment
from tests.http.serving import image_manifest
from tests.torture.pushes import MIB, Ledger, content_of, expect, pull_image, push_blob, put_manifest
from tests.torture.servers import PASSWORD, Crowd, Server, Start
from tests.torture.streams import AUTHORIZATION

REPOSITORY = "library/crowd"


def push_image(client: httpx.Client, layer: bytes) -> Digest:
    config, digest = push_blob(client, REPOSITORY, b"{}"), push_blob(client, REPOSITORY, layer)
    manifest = image_manifest(config, 2, digest, len(layer))
    expect(put_manifest(client, REPOSITORY, "v1", manifest), 201)
    return Digest.of(manifest)


def pull(server: Server, image: Digest) -> None:
    with server.client() as client:
        assert pull_image(client, REPOSITORY, "v1") == image


def push(server: Server, ledger: Ledger) -> None:
    with server.client() as client:
        for number in range(4):
            ledger.push(client, f"n{number}", MIB)
        ledger.verify(client)


@pytest.mark.slow
def test_twenty_clients_pull_one_image_while_four_push(serve: Start) -> None:
    server = serve()
    with server.client() as client:
        image = push_image(client, content_of("popular", 50 * MIB))
    with Crowd() as crowd:
        for _ in range(20):
            crowd.add(pull, server, image)
        for number in range(4):
            crowd.add(push, server, Ledger(f"library/pusher{number}"))
    assert "Traceback" not in server.log.read_text()


def test_clients_that_do_not_read_or_do_not_speak_keep_nobody_waiting(serve: Start) -> None:
    server = serve()
    with server.client() as client, ExitStack() as stack:
        image = push_image(client, content_of("popular", 20 * MIB))
        layer = client.get(f"/v2/{REPOSITORY}/manifests/v1").json()["layers"][0]["digest"]
        before = server.memory()
        for number in range(60):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            if number % 3 == 0:
                connection.sendall(request("GET", f"/v2/{REPOSITORY}/blobs/{layer}", 0))
            elif number % 3 == 1:
                connection.sendall(request("POST", f"/v2/{REPOSITORY}/blobs/uploads/?digest={layer}", MIB))
        for _ in range(2):
            pull(server, image)
        Ledger("library/other").push(client, "n", MIB)
        assert server.memory() - before < 64 * MIB


def request(method: str, target: str, length: int) -> bytes:
    head = f"{method} {target} HTTP/1.1\r\nHost: cove\r\nAuthorization: {AUTHORIZATION}\r\nContent-Length: {length}"
    return head.encode() + b"\r\n\r\n"


def test_commands_and_pushes_write_at_the_same_time_without_an_error_on_either_side(serve: Start) -> None:
    server, ledger, stop = serve(), Ledger(REPOSITORY), threading.Event()

    def push_on() -> None:
        with server.client() as client:
            number = 0
            while not stop.is_set():
                number += 1
                ledger.push(client, f"n{number}", 20_000)

    with Crowd() as crowd:
        crowd.add(push_on)
        try:
            for arguments in (("user", "add", "ann", "--password-stdin"), ("project", "add", "team")):
                assert command(server, *arguments).returncode == 0
        finally:
            stop.set()
    with server.client() as client:
        ledger.verify(client)
    with httpx.Client(base_url=server.url, auth=("ann", PASSWORD)) as client:
        expect(client.get("/v2/"), 200)
    assert len(ledger.manifests) > 1


def command(server: Server, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COVE, *arguments, "--data", str(server.data)],
        env=environment(),
        input=PASSWORD,
        capture_output=True,
        text=True,
        check=False,
    )
