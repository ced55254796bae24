"""Errors as HTTP/1.1 answers, for what is refused before any application hears of it."""

import json
from collections.abc import Iterable

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from registry.errors import RegistryError
from registry.headers import EVERYWHERE


def refusal(error: RegistryError, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The answer, which ends the connection; `headers` are those of the server."""
    body = json.dumps({"errors": error.entries()}).encode()
    fields = [
        *headers,
        *EVERYWHERE,
        *((name.encode(), value.encode()) for name, value in error.headers.items()),
        (b"cache-control", b"no-store"),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    head = b"".join(name + b": " + value + b"\r\n" for name, value in fields)
    return STATUS_LINE[error.status] + head + b"\r\n" + body
