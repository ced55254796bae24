"""Whether a request head can be read in one way only, and what it then asks for (RFC 9112).

Two servers in a row that read one head differently let a client smuggle a request past the first (section 11.2).
"""

import re
from collections.abc import Sequence

from registry.errors import RegistryError, RequestInvalid

_HOST = re.compile(rb"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_ABSOLUTE = re.compile(rb"https?://[^/?#]*", re.IGNORECASE)


class HeadTooLarge(RegistryError):
    """RFC 6585, section 5: the head, or the trailer section of a chunked body, is beyond the limit."""

    status, code = 431, "UNSUPPORTED"


class TargetTooLong(RegistryError):
    """RFC 9110, section 15.5.15."""

    status, code = 414, "UNSUPPORTED"


def origin_form(version: str, target: bytes, headers: Sequence[tuple[bytes, bytes]], *, upgrade: bool) -> bytes:
    """The target in origin form (RFC 9112, section 3.2) of a head that can be read in one way only.

    `upgrade` tells that it asks for another protocol. Raises `RequestInvalid`.
    """
    if version not in ("1.0", "1.1"):
        raise RequestInvalid("this server speaks HTTP/1.1 and HTTP/1.0")
    names = [name for name, _ in headers]
    fields = dict(headers)
    _must_name_one_host(version, names.count(b"host"), fields.get(b"host"))
    if b"transfer-encoding" in fields:
        _must_be_chunked(version, [value.lower() for name, value in headers if name == b"transfer-encoding"])
    if upgrade and (b"transfer-encoding" in fields or fields.get(b"content-length", b"0") != b"0"):
        # The parser takes the body of such a request for the new protocol, and other servers do not.
        raise RequestInvalid("a request with a body cannot ask for an upgrade")
    return _origin_form(target)


def _must_name_one_host(version: str, count: int, host: bytes | None) -> None:
    """RFC 9112, section 3.2: one Host field, which HTTP/1.0 may leave out."""
    if count > 1 or (version == "1.1" and not count):
        raise RequestInvalid("a request has exactly one Host header field")
    if host is not None and not _HOST.fullmatch(host):
        raise RequestInvalid("the Host header field is not a host name or address with an optional port")


def _must_be_chunked(version: str, codings: Sequence[bytes]) -> None:
    """RFC 9112, section 6.1: `chunked` is the only coding without an extension, and new in HTTP/1.1."""
    if version == "1.0" or codings != [b"chunked"]:
        raise RequestInvalid("the only Transfer-Encoding this server reads is chunked, in HTTP/1.1")


def _origin_form(target: bytes) -> bytes:
    if target.startswith(b"/"):
        return target
    path, absolute = _ABSOLUTE.subn(b"", target, count=1)
    if not absolute:
        raise RequestInvalid("the request target is neither a path nor an http URL")
    return path if path.startswith(b"/") else b"/" + path
