"""The `Basic` scheme (RFC 7617): a name and a password in every request."""

import base64
import binascii
from dataclasses import dataclass, field

MAX_HEADER = 8 * 1024


class BadCredentials(Exception):
    """The header does not hold a name and a password; the message is for people and repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What somebody claims to be; nothing here has been checked."""

    username: str
    password: str = field(repr=False)


def parse_basic(header_value: str) -> Credentials | None:
    """Read the value of an `Authorization` header; None means that it uses another scheme.

    Raises `BadCredentials` for a Basic header over 8 KiB, that is not strict base64 of UTF-8, whose name is empty or
    has control characters, or whose password is empty. None is not "anonymous": only a request without the header is.
    """
    scheme, _, encoded = header_value.strip(" ").partition(" ")
    if scheme.lower() != "basic":
        return None
    if len(header_value) > MAX_HEADER:
        raise BadCredentials("the Authorization header is too long")
    # Only the first colon separates: a password may contain more, a name may not.
    username, _, password = _decode(encoded.strip(" ")).partition(":")
    if not username or not password:
        raise BadCredentials("the user name or the password is empty")
    if not username.isprintable():
        raise BadCredentials("the user name contains characters that cannot be printed")
    return Credentials(username, password)


def _decode(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        raise BadCredentials("the Authorization header is not base64 of UTF-8 text") from None
