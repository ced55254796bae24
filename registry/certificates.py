"""The certificate that the server shows: a new one as soon as its files change, without a connection lost.

With each handshake the server looks whether the files are others by now. Connections that are open keep theirs. Files
that cannot be used, as while one of the two is new and the other is not, leave the certificate that was there.
"""

import logging
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

_State = tuple[tuple[int, ...] | None, ...]


def load(chain: Path, key: Path) -> ssl.SSLContext:
    """A context of a server with a chain of certificates and its key, PEM files. Raises `OSError`, also as SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context


@dataclass(slots=True)
class Certificate:
    """A chain and its key, as they are at each handshake. It can be sent to a process as long as it was not used."""

    chain: Path
    key: Path
    _seen: _State = field(default=(), init=False)
    _newest: ssl.SSLContext | None = field(default=None, init=False)

    def context(self) -> ssl.SSLContext:
        """The context to listen with. Raises `OSError`."""
        self._seen = self._state()
        self._newest = context = load(self.chain, self.key)
        context.sni_callback = self._choose  # called for clients that name no server, too
        return context

    def _choose(self, connection: Any, _server_name: str | None, _first: ssl.SSLContext) -> None:
        state = self._state()
        if state != self._seen:
            self._seen = state
            self._renew()
        connection.context = self._newest

    def _renew(self) -> None:
        try:
            self._newest = load(self.chain, self.key)
        except OSError as error:
            logger.warning("The certificate %s has changed and cannot be used: %s", self.chain, error)
        else:
            logger.info("The certificate %s was read anew", self.chain)

    def _state(self) -> _State:
        return tuple(_state(file) for file in (self.chain, self.key))


def _state(file: Path) -> tuple[int, ...] | None:
    """What is another for another content, also where a link was turned, and for other rights to read it; None where no
    file is.
    """
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
