"""Calls of an OpenID provider: which addresses are asked, and that no answer takes too much."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from auth import provider_calls
from auth.provider_calls import CallFailed, calling
from tests.http.certificates import certificate

Answer = Callable[[socket.socket], None]


@contextmanager
def answering(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server on a port that reads what comes, and answers by itself."""

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with suppress(OSError), connection:
                    secured = context.wrap_socket(connection, server_side=True) if context else connection
                    secured.recv(65536)
                    answer(secured)
                    secured.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def saying(text: bytes) -> Answer:
    return lambda connection: connection.sendall(b"HTTP/1.1 " + text)


def ask(port: int, host: str = "provider.example", scheme: str = "http") -> dict[str, object]:
    with calling(lambda *_: ["127.0.0.1"], verifies_certificates=True) as http:
        return http.get(f"{scheme}://{host}:{port}/x")


FOUND = saying(b'200 OK\r\nContent-Length: 8\r\n\r\n{"a": 1}')


def test_address_that_was_judged_is_the_one_that_is_asked() -> None:
    asked = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return ["127.0.0.1"]

    with answering(FOUND) as port, calling(resolve, verifies_certificates=True) as http:
        assert http.get(f"http://provider.invalid:{port}/x") == {"a": 1}
    assert asked == [("provider.invalid", port)]


def test_what_judges_an_address_may_refuse_it() -> None:
    class Refused(Exception):
        pass

    def refuse(host: str, port: int) -> list[str]:
        raise Refused(f"{host} {port}")

    with pytest.raises(Refused, match=r"provider\.invalid 443"), calling(refuse, verifies_certificates=True) as http:
        http.get("https://provider.invalid/x")


def test_second_address_is_asked_where_the_first_takes_no_connection() -> None:
    with answering(FOUND) as port, calling(lambda *_: ["127.0.0.2", "127.0.0.1"], verifies_certificates=True) as http:
        assert http.get(f"http://provider.invalid:{port}/x") == {"a": 1}
    with pytest.raises(CallFailed, match="ConnectError"):
        ask(port)
    with pytest.raises(CallFailed, match="ConnectError"), calling(lambda *_: [], verifies_certificates=True) as http:
        http.get("http://provider.invalid/x")


def test_second_address_is_asked_where_the_first_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_calls, "TIMEOUT_SECONDS", 1.0)
    silent = "127.0.0.3"
    with (
        answering(FOUND) as port,
        socket.create_server((silent, port), backlog=0),
        socket.create_connection((silent, port)),  # and there is no room for another one
        calling(lambda *_: [silent, "127.0.0.1"], verifies_certificates=True) as http,
    ):
        assert http.get(f"http://provider.invalid:{port}/x") == {"a": 1}


def test_certificate_counts_unless_it_shall_not(tmp_path: Path) -> None:
    chain, key = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain, key)
    with answering(FOUND, context) as port:
        with pytest.raises(CallFailed, match="ConnectError"):
            ask(port, "localhost", "https")
        with calling(lambda *_: ["127.0.0.1"], verifies_certificates=False) as http:
            assert http.get(f"https://other.example:{port}/x") == {"a": 1}


def test_redirection_is_not_followed() -> None:
    elsewhere = saying(b"302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
    with answering(elsewhere) as port, pytest.raises(CallFailed, match="answers /x with 302"):
        ask(port)


def test_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with answering(FOUND) as port:
        assert ask(port) == {"a": 1}


@pytest.mark.parametrize("answer", [b"[]", b"x", b"\xff", b"[" * 100_000])
def test_answer_that_is_no_object_is_told(answer: bytes) -> None:
    length = str(len(answer)).encode()
    said = saying(b"200 OK\r\nContent-Length: " + length + b"\r\n\r\n" + answer)
    with answering(said) as port, pytest.raises(CallFailed, match="something else than JSON"):
        ask(port)


def test_answer_that_is_too_large_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_calls, "LARGEST_ANSWER", 1000)
    sent = []

    def pour(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(1000):
            connection.sendall(b" " * 65536)
            sent.append(1)

    with answering(pour) as port, pytest.raises(CallFailed, match="too much"):
        ask(port)
    assert len(sent) < 1000


def test_answer_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_calls, "TIMEOUT_SECONDS", 0.3)

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(100):
            connection.sendall(b" ")
            time.sleep(0.05)

    began = time.monotonic()
    with answering(drip) as port:
        with pytest.raises(CallFailed, match="too slowly"):
            ask(port)
        assert time.monotonic() - began < 4
