"""How clients reach the registry: the certificate, the public address, and what a proxy lets through."""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from registry import certificates
from registry.authorities import describe
from registry.config import Config
from registry.doctor.findings import Finding, clock, good, warning, wrong

_SECONDS = 10
_SOON_DAYS = 14
_API = "docker-distribution-api-version"
_HUGE = 100 * 1024**3  # bytes that a request says to have; none of them is kept
_PIECE, _PIECES = 64 * 1024, 64
_BUFFERING = "Switch that off (nginx: proxy_request_buffering off), or every layer is written twice, and time runs out."


def look(config: Config) -> Iterator[Finding]:
    if config.tls:
        yield from _certificate(*config.tls, urlsplit(config.public_url or "").hostname)
    yield from _ways_in(config)
    if config.public_url:
        yield from _public(config.public_url)


def _certificate(chain: Path, key: Path, name: str | None) -> Iterator[Finding]:
    try:
        certificates.load(chain, key)
        told = describe(chain.read_bytes())
    except (OSError, ValueError) as error:
        yield wrong("certificate", f"{chain} and {key} cannot be used: {error}", "They are PEM, and belong together.")
        return
    days = (told.expires - datetime.now(UTC)).days
    renewing = "Renew it; a running server takes new files over by itself. `cove tls self-signed` makes one."
    if days < 0:
        yield wrong("certificate", f"{chain} ended on {told.expires:%Y-%m-%d}", renewing)
    elif days < _SOON_DAYS:
        yield warning("certificate", f"{chain} ends in {days} days", renewing)
    else:
        yield good("certificate", f"{chain} is good for another {days} days")
    if name and not told.is_for(name):
        yield wrong("certificate", f"{chain} is not for {name}, but for {', '.join(told.names)}", renewing)
    if key.stat().st_mode & 0o077:
        yield warning("certificate", f"others may read the key {key}", f"chmod 600 {key}")


def _ways_in(config: Config) -> Iterator[Finding]:
    if any(network.prefixlen == 0 for network in config.trusted_proxies):
        advice = "Name the addresses of the proxies alone: with this, any client can claim to be another."
        yield wrong("trusted_proxies", "everybody is believed", advice)
    has_proxy = (config.public_url or "").startswith("https:") and not config.tls
    if has_proxy and not config.trusted_proxies:
        advice = "Set trusted_proxies to the proxy's address: wrong passwords of one client count for all until then."
        yield warning("trusted_proxies", "clients behind the proxy cannot be told apart", advice)
    if not config.tls and not has_proxy and not _is_loopback(config.host):
        advice = "Set tls_cert and tls_key (`cove tls self-signed`), or put a proxy with a certificate before it."
        yield warning("TLS", "passwords cross the network as clear text", advice)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _public(url: str) -> Iterator[Finding]:
    try:
        answer = httpx.get(f"{url}/v2/", timeout=_SECONDS, follow_redirects=False)
    except httpx.HTTPError as error:
        yield _unreachable(url, str(error))
        return
    if _API not in answer.headers:
        advice = "Is public_url right, and does the proxy pass /v2/ on to the address and port of this registry?"
        yield wrong(
            "public address", f"something else than a registry answers at {url}, with {answer.status_code}", advice
        )
        return
    challenge = answer.headers.get("www-authenticate", "")
    if answer.status_code == 401 and f'"{url}/service/token"' not in challenge:
        advice = "The server there was started with another public_url: start it anew, or look where the address leads."
        yield wrong("public address", f"{url} sends clients elsewhere: {challenge}", advice)
    else:
        yield good("public address", f"{url} is reached, and sends clients to its own token service")
    if "date" in answer.headers:
        with suppress(ValueError):  # what is no date says nothing about the clock
            yield clock(url, parsedate_to_datetime(answer.headers["date"]).timestamp() - time.time())
    yield _large_requests(url)


def _unreachable(url: str, error: str) -> Finding:
    advice = "Does the server run, does the proxy, and does the name lead to it? Is the port open in the firewall?"
    if "certificate" in error.lower():
        advice = (
            "Clients have to trust the authority (`cove tls self-signed` tells how; here SSL_CERT_FILE names it), and"
            " the certificate has to be for this name and not at its end."
        )
    return wrong("public address", f"{url} cannot be reached: {error}", advice)


def _large_requests(url: str) -> Finding:
    """Begin a request that is larger than any proxy keeps: the registry refuses it at once, for it names nobody."""
    try:
        status = _begin(url)
    except OSError as error:
        return wrong("large layers", f"{url} ends requests that are large: {error}", "Look at the limits of the proxy.")
    if status == 413:
        advice = "Lift the limit (nginx: client_max_body_size 0), or large layers cannot be pushed."
        return wrong("large layers", "a proxy refuses large requests with 413", advice)
    if status is None:
        return wrong("large layers", "a proxy keeps whole requests before it passes them on", _BUFFERING)
    return good("large layers", "requests of any size are passed on as they come")


def _begin(url: str) -> int | None:
    """The status of the answer to a request of which only the first pieces are sent; None when there is none."""
    place = urlsplit(url)
    address = (place.hostname or "", place.port or (443 if place.scheme == "https" else 80))
    head = f"POST /v2/library/doctor/blobs/uploads/ HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: {_HUGE}\r\n\r\n"
    with socket.create_connection(address, _SECONDS) as plain:
        secure = ssl.create_default_context() if place.scheme == "https" else None
        with secure.wrap_socket(plain, server_hostname=address[0]) if secure else plain as wire:
            wire.sendall(head.encode())
            return _status(wire)


def _status(wire: socket.socket) -> int | None:
    """Some proxies look for an answer only between two pieces, and gather a few kilobytes first."""
    wire.settimeout(_SECONDS / _PIECES)
    for _ in range(_PIECES):
        with suppress(BrokenPipeError, ConnectionResetError, TimeoutError):  # an answer may be waiting all the same
            wire.sendall(bytes(_PIECE))
        with suppress(TimeoutError):
            words = wire.recv(100).split(b" ")
            if len(words) < 2 or not words[1].isdigit():
                raise ConnectionResetError("it was closed without an answer")
            return int(words[1])
    return None
