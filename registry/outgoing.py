"""Requests to servers that users name: only to addresses that they may reach, and within bounds of time.

A name is looked up once, its address is judged, and that address is connected to: another answer a moment later leads
nowhere else. Redirections are not followed, and no proxy of the environment is asked.

    OutgoingError          the request has failed; its message is for users
    +-- NotAllowed         the address is none that may be reached
"""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit, urlunsplit

from registry.values import Network

SECONDS, CONNECT_SECONDS = 15, 5
"""Until the answer must be there once a connection is, and until that is."""
_STEP_SECONDS = 0.2
_DATAGRAM_LIMIT = 60_000  # bytes
_SITE_LOCAL = ipaddress.ip_network("fec0::/10")  # RFC 3879: private once, and in use still; Python takes it for global
_EMBEDDING = tuple(
    ipaddress.ip_network(text)
    for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")  # an IPv4 address is in them
)
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class OutgoingError(Exception):
    """The request has failed."""


class NotAllowed(OutgoingError):
    """The address is none that may be reached."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Which addresses may be asked: those of the internet, and those of the networks that an administrator allows.

    `setting` is where that is done, for the error to tell.
    """

    allowed: tuple[Network, ...] = ()
    setting: str = ""

    def includes(self, address: Address) -> bool:
        inner = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        real = inner or address
        if any(real in network for network in self.allowed):
            return True
        is_special = any(real in network for network in (*_EMBEDDING, _SITE_LOCAL))
        return real.is_global and not real.is_multicast and not is_special

    def resolve(self, host: str, port: int) -> list[str]:
        """The addresses of a host, the first ones first, all of which may be reached.

        Raises `NotAllowed`, `OutgoingError`.
        """
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise OutgoingError(f"the name {host[:80]!r} cannot be resolved") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not all(self.includes(ipaddress.ip_address(address.partition("%")[0])) for address in addresses):
            allowing = f": {self.setting} would allow it" if self.setting else ""
            raise NotAllowed(f"{host[:80]!r} is at an address that may not be reached from here{allowing}")
        return addresses


@dataclass(frozen=True, slots=True)
class Request:
    """A POST. `verify` is whether the certificate of the other side counts."""

    url: str
    headers: Mapping[str, str]
    content: bytes
    verify: bool = True


class Sender:
    """Sends one request at a time, until it is stopped."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._stopping = threading.Event()

    def send(self, request: Request) -> int:
        """Send it, and return the status of the answer, of which nothing else counts. Raises `OutgoingError`."""
        url = urlsplit(request.url)
        host, is_secure = url.hostname or "", url.scheme == "https"
        connection = HTTPConnection(url.netloc)
        connection.sock = self._open(host, url.port or (443 if is_secure else 80))
        with closing(connection), self._in_time(connection):
            if is_secure:
                _secure(connection, host, verify=request.verify)
            target = urlunsplit(("", "", url.path or "/", url.query, ""))
            connection.request("POST", target, request.content, dict(request.headers))
            return connection.getresponse().status

    def stop(self) -> None:
        """End what is under way, from another thread."""
        self._stopping.set()

    def _open(self, host: str, port: int) -> socket.socket:
        """A connection to the first of the host's addresses that takes one. Raises `OutgoingError`."""
        try:
            return _connected(self._reach.resolve(host, port), port)
        except OSError:
            raise OutgoingError(f"{host[:80]!r} takes no connection on port {port}") from None

    @contextmanager
    def _in_time(self, connection: HTTPConnection) -> Iterator[None]:
        """End the connection in time, however slowly the other side goes on. Raises `OutgoingError`."""
        is_over = threading.Event()

        def watch() -> None:
            """Wait in steps, since either the answer or a stop may end it."""
            until = time.monotonic() + SECONDS
            while not is_over.wait(_STEP_SECONDS):
                if self._stopping.is_set() or time.monotonic() > until:
                    with suppress(OSError):
                        connection.sock.shutdown(socket.SHUT_RDWR)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        except (OSError, HTTPException) as error:
            raise OutgoingError(f"no answer came, or not in time: {error!r}") from None
        finally:
            is_over.set()
            watcher.join()


class Outlet:
    """Sends lines to a server that only listens."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    def send(self, host: str, port: int, lines: Sequence[bytes], *, is_udp: bool) -> None:
        """By TCP, each with a line feed, or as datagrams. Raises `OutgoingError`."""
        addresses = self._reach.resolve(host, port)
        try:
            if is_udp:
                _send_datagrams(addresses[0], port, lines)
                return
            with _connected(addresses, port) as connection:
                connection.sendall(b"".join(line + b"\n" for line in lines))
        except OSError as error:
            raise OutgoingError(f"it does not take them: {error}") from None


def _send_datagrams(address: str, port: int, lines: Sequence[bytes]) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        for line in lines:
            sender.sendto(line[:_DATAGRAM_LIMIT], (address, port))


def _connected(addresses: Sequence[str], port: int) -> socket.socket:
    """To the first address that takes a connection. Raises `OSError`."""
    seconds = CONNECT_SECONDS / len(addresses)
    for address in addresses[:-1]:
        with suppress(OSError):
            return socket.create_connection((address, port), seconds)
    return socket.create_connection((addresses[-1], port), seconds)


def _secure(connection: HTTPConnection, host: str, *, verify: bool) -> None:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    # The handshake comes once the socket is where another thread can end it.
    wrapped = context.wrap_socket(connection.sock, server_hostname=host, do_handshake_on_connect=False)
    connection.sock = wrapped
    wrapped.do_handshake()
