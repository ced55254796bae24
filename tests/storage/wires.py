"""A wire to PostgreSQL that can be cut."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Wire:
    """Passes bytes on. With `loses_commits`, the COMMIT of a writer reaches the server, and its answer nobody;
    while it `is_down`, whoever connects is cut off at once.
    """

    port: int
    upstream: int
    loses_commits: bool = False
    is_down: bool = False
    _ends: list[socket.socket] = field(default_factory=list)

    def address(self, url: str) -> str:
        """The database's address, by this wire."""
        return url.replace(f":{self.upstream}/", f":{self.port}/")

    def cut(self) -> None:
        """End all connections, without a word from the server."""
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def join(self, client: socket.socket) -> None:
        if self.is_down:
            client.close()
            return
        server = socket.create_connection(("127.0.0.1", self.upstream))
        self._ends += [client, server]
        threading.Thread(target=self._send, args=(client, server)).start()
        threading.Thread(target=self._receive, args=(server, client)).start()

    def _send(self, client: socket.socket, server: socket.socket) -> None:
        is_writer = False
        with suppress(OSError), server:
            while data := client.recv(65536):
                is_writer = is_writer or b"READ COMMITTED" in data
                if self.loses_commits and is_writer and data.endswith(b"COMMIT\0"):
                    with suppress(OSError):
                        client.shutdown(socket.SHUT_RDWR)
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _receive(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError), client:
            while data := server.recv(65536):
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)


@contextmanager
def wire_to(upstream: int) -> Iterator[Wire]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        wire = Wire(listener.getsockname()[1], upstream)
        thread = threading.Thread(target=_accept, args=(listener, wire))
        thread.start()
        try:
            yield wire
        finally:
            wire.cut()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _accept(listener: socket.socket, wire: Wire) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            wire.join(client)
