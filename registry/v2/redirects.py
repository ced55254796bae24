"""Who can be sent elsewhere for the content of a blob, by what is known of clients and of S3."""

from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit


def can_follow(url: str, *, agent: str, wanted: str, http_version: str) -> bool:
    """Whether the client that sent this User-Agent and Range gets what it wants when it is sent to `url`.

    S3 answers to several ranges with the whole object. go-containerregistry (crane, cosign, ko, kaniko, Flux) follows
    nobody to an address that is not public, lest a registry have it ask what stands behind a firewall. HTTP/1.0
    has no 307 (RFC 1945, section 9.3).
    """
    if http_version == "1.0" or "," in wanted:
        return False
    return "go-containerregistry" not in agent.lower() or _is_public(urlsplit(url).hostname or "")


def _is_public(host: str) -> bool:
    """Whether the host is a name, or an address that is reached from everywhere."""
    try:
        address = ip_address(host)
    except ValueError:
        return True
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_global
