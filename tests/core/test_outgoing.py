"""Requests to servers that users name: where they may go, and that they end."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from registry import outgoing
from registry.outgoing import NotAllowed, OutgoingError, Reach, Request, Sender
from tests.core.receivers import receiving
from tests.http.certificates import certificate

LOOPBACK = Reach((ip_network("127.0.0.0/8"), ip_network("::1/128")))


def send(request: Request, reach: Reach) -> int:
    return Sender(reach).send(request)


def post(url: str, *, verify: bool = True) -> Request:
    return Request(url, {"Content-Type": "application/json"}, b"{}", verify=verify)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254",
        "ff02::1", "fec0::1", "feff::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1",
        "2002:7f00:1::", "2001:0:7f00:1::", "2001:db8::1",
    ],
)  # fmt: skip
def test_address_inside_is_out_of_reach(address: str) -> None:
    assert not Reach().includes(ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_address_of_the_internet_is_within_reach(address: str) -> None:
    assert Reach().includes(ip_address(address))


def test_network_that_is_allowed_is_within_reach_and_no_other() -> None:
    reach = Reach((ip_network("10.1.0.0/16"),))
    assert reach.includes(ip_address("10.1.2.3"))
    assert reach.includes(ip_address("::ffff:10.1.2.3"))
    assert not reach.includes(ip_address("10.2.2.3"))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "[::1]", "0"])
def test_no_spelling_of_the_loopback_address_is_asked(host: str) -> None:
    with receiving() as receiver:
        port = receiver.url.rpartition(":")[2]
        with pytest.raises(NotAllowed):
            send(post(f"http://{host}:{port}/"), Reach())
    assert receiver.told == []


def test_one_address_out_of_reach_among_a_hosts_is_enough_to_refuse_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(2, 1, 6, "", ("8.8.8.8", 80)), (2, 1, 6, "", ("10.0.0.1", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: found)
    with pytest.raises(NotAllowed):
        Reach().resolve("mixed.example", 80)


def test_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second answer may be another one, which nobody has judged."""
    looked_up: list[object] = []
    real = socket.getaddrinfo

    def look_up(host: str, *rest: object, **more: object) -> object:
        if host == "localhost":
            looked_up.append(host)
        return real(host, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with receiving() as receiver:
        assert send(post(receiver.url), LOOPBACK) == 200
    assert looked_up == ["localhost"]


def test_request_is_sent_as_it_is_and_redirections_are_not_followed() -> None:
    with receiving() as receiver, receiving() as other:
        receiver.status, receiver.headers = 307, {"Location": other.url}
        assert send(post(f"{receiver.url}/a/b?c=d"), LOOPBACK) == 307
    assert receiver.paths == ["/a/b?c=d"]
    [(headers, body)] = receiver.told
    assert (headers["Host"], headers["Content-Type"], body) == (
        receiver.url.removeprefix("http://"),
        "application/json",
        {},
    )
    assert other.told == []


def test_certificate_counts_unless_somebody_says_that_it_does_not(tmp_path: Path) -> None:
    with receiving(certificate(tmp_path)) as receiver:
        with pytest.raises(OutgoingError, match="CERTIFICATE_VERIFY_FAILED"):
            send(post(receiver.url), LOOPBACK)
        assert send(post(receiver.url, verify=False), LOOPBACK) == 200
    assert len(receiver.told) == 1


def test_host_that_there_is_not_or_that_takes_no_connection_is_told() -> None:
    with pytest.raises(OutgoingError, match="cannot be resolved"):
        send(post("http://nowhere.invalid/"), LOOPBACK)
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(OutgoingError, match="takes no connection"):
        send(post(f"http://127.0.0.1:{port}/"), LOOPBACK)


@contextmanager
def dripping(byte: bytes) -> Iterator[int]:
    """The port of a server that answers byte by byte, without an end."""
    ended = threading.Event()

    def drip(listener: socket.socket) -> None:
        with listener.accept()[0] as connection, suppress(OSError):
            while not ended.is_set():
                connection.sendall(byte)
                ended.wait(0.1)

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = threading.Thread(target=drip, args=(listener,), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        ended.set()
        thread.join()


@pytest.mark.parametrize(("scheme", "byte"), [("http", b"H"), ("https", b"\x16")])
def test_server_that_answers_byte_by_byte_is_left(monkeypatch: pytest.MonkeyPatch, scheme: str, byte: bytes) -> None:
    monkeypatch.setattr(outgoing, "SECONDS", 0.5)
    with dripping(byte) as port, pytest.raises(OutgoingError):
        send(post(f"{scheme}://127.0.0.1:{port}/"), LOOPBACK)


def test_request_ends_when_the_server_does() -> None:
    sender = Sender(LOOPBACK)
    sender.stop()
    with dripping(b"H") as port, pytest.raises(OutgoingError, match="not in time"):
        sender.send(post(f"http://127.0.0.1:{port}/"))
