"""What values settings can have. Each rule makes a sound value of what was sent, or raises `ValueError` with what it
must be. Numbers and flags may come as texts: programs send them so.
"""

import json
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from auth.distinguished_names import BadName, normal_dn
from auth.ldap import LdapAddress, is_attribute

Value = str | int | bool
Check = Callable[[object], Value]

LARGEST_LIMIT = 1024**5
_TEXT_LIMIT = 10_000
_PREFIX = re.compile(r"[!-9;-~]{1,64}")
_LARGEST = 10**10 - 1


def any_text(value: object) -> str:
    if not isinstance(value, str) or len(value) > _TEXT_LIMIT or "\0" in value:
        raise ValueError(f"a text of at most {_TEXT_LIMIT} characters")
    return value


def flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise ValueError("true or false")


def whole(least: int, most: int, value: object) -> int:
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not re.fullmatch(r"-?[0-9]{1,18}", text) or not least <= int(text) <= most:
        raise ValueError(f"a whole number from {least} to {most}")
    return int(text)


def minutes(value: object) -> int:
    return whole(1, _LARGEST, value)


def days(value: object) -> int:
    return whole(1, 2**31 - 2, value)


def seconds(value: object) -> int:
    return whole(1, 3600, value)


def scope_number(value: object) -> int:
    """Of an LDAP search: the entry itself, those right below, or all below (RFC 4511, section 4.5.1.2)."""
    return whole(0, 2, value)


def storage_limit(value: object) -> int:
    """Bytes; -1 for no limit."""
    limit = whole(-1, LARGEST_LIMIT, value)
    if limit == 0:
        raise ValueError("-1 for no limit, or a number of bytes")
    return limit


def one_of(*choices: str) -> Check:
    def check(value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return value

    return check


def name_prefix(value: object) -> str:
    """A colon would end the name in Basic credentials (RFC 7617, section 2)."""
    if not isinstance(value, str) or not _PREFIX.fullmatch(value):
        raise ValueError("1 to 64 characters without spaces and colons")
    return value


def endpoint(value: object) -> str:
    text = any_text(value)
    if text and (urlsplit(text).scheme not in ("http", "https") or not urlsplit(text).hostname):
        raise ValueError("an address that begins with https:// or http://")
    return text


def syslog_address(value: object) -> str:
    """Of a server that takes messages by TCP, or by UDP where it says so."""
    text = any_text(value)
    try:
        parts = urlsplit(text if "://" in text else f"tcp://{text}")
        is_sound = (
            parts.scheme in ("tcp", "udp") and parts.hostname and parts.port and not parts.path and parts.query == ""
        )
    except ValueError:
        is_sound = False
    if text and not is_sound:
        raise ValueError("an address such as logs.example:514, tcp://logs.example:514 or udp://logs.example:514")
    return text


def directory(value: object) -> str:
    """The address of an LDAP server."""
    text = any_text(value)
    if text:
        LdapAddress.parse(text)
    return text


def distinguished_name(value: object) -> str:
    """Of an entry in an LDAP directory."""
    text = any_text(value)
    try:
        _ = text and normal_dn(text)
    except BadName:
        raise ValueError("a distinguished name, such as dc=example,dc=com") from None
    return text


def attribute(value: object) -> str:
    """The name of one in an LDAP directory."""
    text = any_text(value)
    if text and not is_attribute(text):
        raise ValueError("the name of an attribute, such as uid")
    return text


def pattern(value: object) -> str:
    """A regular expression."""
    text = any_text(value)
    try:
        re.compile(text)
    except re.error:
        raise ValueError("a regular expression") from None
    return text


def parameters(value: object) -> str:
    """A JSON object of texts."""
    try:
        found = json.loads(any_text(value) or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
        raise ValueError("a JSON object whose values are texts")
    return str(value) or "{}"


def unsupported(_value: object) -> Value:
    raise ValueError("left as it is")
