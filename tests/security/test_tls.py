"""The handshake of TLS, which comes before anything that the guard sees."""

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from registry import server
from registry.guard import Limits
from registry.server import bind
from tests.http.certificates import certificate
from tests.http.raw import PATIENCE, Client, get
from tests.http.test_sending import Files


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """A server as `serve` configures it."""
    config = server._configuration(Files(), grace=PATIENCE, tls=certificate(tmp_path), limits=Limits())
    sock = bind("localhost", 0)
    serving = uvicorn.Server(config)
    thread = threading.Thread(target=serving.run, args=([sock],))
    thread.start()
    yield sock.getsockname()[1]
    serving.should_exit = True
    thread.join()


def context() -> ssl.SSLContext:
    made = ssl.create_default_context()
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HANDSHAKE_SECONDS", 0.3)


@pytest.mark.usefixtures("impatient")
def test_client_that_does_not_go_on_with_the_handshake_is_let_go(port: int) -> None:
    with Client(port) as silent, Client(port) as half:
        half.send(b"\x16\x03\x01\x02\x00\x01")
        assert (silent.rest(), half.rest()) == (b"", b"")


def test_versions_that_are_broken_are_not_spoken(port: int) -> None:
    old = context()
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock, pytest.raises((ssl.SSLError, OSError)):
        old.wrap_socket(sock)
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock, context().wrap_socket(sock) as wrapped:
        assert wrapped.version() in ("TLSv1.2", "TLSv1.3")


def test_file_is_not_sent_past_the_encryption(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock, context().wrap_socket(sock) as wrapped:
        wrapped.sendall(get("/extensions"))
        assert wrapped.recv(1000).startswith(b"HTTP/1.1 404")
