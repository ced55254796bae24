"""Values of settings: from what a person wrote, as text or in TOML, to what is meant; and sizes for people to read.

Every reader raises ValueError with what the value must be, as the end of a sentence that begins with the setting.
"""

import ipaddress
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

_UNITS = {unit: 1000**power for power, unit in enumerate(("", "kb", "mb", "gb", "tb"))}
_UNITS |= {unit: 1024**power for power, unit in enumerate(("b", "kib", "mib", "gib", "tib"))}

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def text(given: object) -> str:
    if not isinstance(given, str) or not given:
        raise ValueError("must be a text")
    return given


def path(given: object) -> Path:
    if not isinstance(given, str | Path) or not str(given) or "\0" in str(given):
        raise ValueError("must be a path")
    return Path(given)


def file(given: object) -> Path:
    found = path(given)
    try:
        is_there = found.is_file()
    except OSError:  # no file system has such a name
        is_there = False
    if not is_there:
        raise ValueError("must be a file that exists")
    return found


def flag(given: object) -> bool:
    known = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    meant = known.get(str(given).lower())
    if meant is None:
        raise ValueError("must be true or false")
    return meant


def whole(least: int, most: int | None = None) -> Callable[[object], int]:
    wanted = f"of at least {least}" if most is None else f"from {least} to {most}"

    def read(given: object) -> int:
        # int() alone would take "1_000", the digits of other scripts and a megabyte of nines.
        number = int(str(given)) if re.fullmatch(r"[0-9]{1,18}", str(given)) else -1
        if number < least or (most is not None and number > most):
            raise ValueError(f"must be a whole number {wanted}")
        return number

    return read


def size(given: object) -> int:
    """A number of bytes, plain or in units of 1000 (MB) or 1024 (MiB)."""
    wanted = re.fullmatch(r"([0-9]{1,18}) ?([A-Za-z]{0,3})", str(given))
    number = int(wanted[1]) * _UNITS.get(wanted[2].lower(), 0) if wanted else 0
    if not 0 < number < 2**63:
        raise ValueError("must be a number of bytes, such as 500MB, 10GiB or 1048576")
    return number


def size_text(count: int) -> str:
    """A number of bytes, for people."""
    if count < 1000:
        return f"{count} bytes"
    value, units = count / 1000, ["kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:,.1f} {units[0]}"


def one_of(choices: Sequence[str]) -> Callable[[object], str]:
    def read(given: object) -> str:
        if str(given).lower() in choices:
            return str(given).lower()
        raise ValueError(f"must be one of {', '.join(choices)}")

    return read


def host(given: object) -> str:
    bare = text(given).removeprefix("[").removesuffix("]")
    if not re.fullmatch(r"[A-Za-z0-9._:%-]+", bare):
        raise ValueError("must be a host name or an address")
    return bare


def database_url(given: object) -> str:
    url = text(given)
    if url.startswith(("postgresql:", "postgres:")):
        if not re.fullmatch(r"postgres(ql)?://[!-~]*", url):
            raise ValueError("must be postgresql://user:password@host:port/name, and other characters %-encoded")
        return url
    if not url.startswith("sqlite:"):
        raise ValueError("must be a postgresql:// or a sqlite:// address")
    if not re.fullmatch(r"sqlite:////[^?#]+", url):
        raise ValueError("must be sqlite:/// and an absolute path, such as sqlite:////var/lib/cove/cove.db")
    return url


def store_url(given: object) -> str:
    url = text(given)
    if url.startswith("s3:"):
        if not re.fullmatch(r"s3://[A-Za-z0-9._-]+(/[^?#]*)?", url):
            raise ValueError("must be s3://bucket or s3://bucket/prefix; credentials are no part of it")
        return url
    if not url.startswith("file:"):
        raise ValueError("must be a file:// or an s3:// address")
    if not re.fullmatch(r"file:///[^?#]+", url):
        raise ValueError("must be file:// and an absolute path, such as file:///var/lib/cove")
    return url


def origin(given: object) -> str:
    """A web origin (RFC 6454): scheme, host and port."""
    url = text(given).removesuffix("/")
    if not re.fullmatch(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?", url):
        raise ValueError("must be http:// or https://, a host and perhaps a port, and nothing more")
    try:
        port = urlsplit(url).port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("must have a valid address and a port from 1 to 65535")
    return url


def networks(given: object) -> tuple[Network, ...]:
    entries = given if isinstance(given, list) else text(given).split(",")
    try:
        return tuple(ipaddress.ip_network(text(entry).strip()) for entry in entries)
    except ValueError:
        raise ValueError("must be addresses or networks such as 10.0.0.0/8, separated by commas") from None
