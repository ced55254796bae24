"""Where requests come from, and how clients reach the registry."""

import re
from dataclasses import dataclass
from ipaddress import ip_address

from starlette.requests import Request

from registry.errors import NameInvalid
from registry.values import Network

_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{0,5})?")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from and which address its client used. Forwarded headers count only from `proxies`."""

    public_url: str | None = None
    proxies: tuple[Network, ...] = ()

    def base(self, request: Request) -> str:
        """`scheme://host[:port]` as the client knows this registry. Raises `NameInvalid` for a host that is none."""
        if self.public_url:
            return self.public_url
        scheme, host = request.scope["scheme"], request.headers.get("host", "")
        if self._is_trusted(_peer(request)):
            scheme = request.headers.get("x-forwarded-proto", scheme)
            host = request.headers.get("x-forwarded-host", host)
        if scheme not in ("http", "https") or not _HOST.fullmatch(host):
            raise NameInvalid("the request names no valid host")
        return f"{scheme}://{host}"

    def client(self, request: Request) -> str:
        """The client's address: behind trusted proxies, the last one in X-Forwarded-For that is not theirs."""
        # A proxy may append to the client's line or add one of its own: both are the same list (RFC 9110, section 5.3).
        listed = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
        hops = [hop.strip() for hop in listed if hop.strip()]
        address = _peer(request)
        while hops and self._is_trusted(address):
            address = hops.pop()
        return address

    def _is_trusted(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self.proxies)


def _peer(request: Request) -> str:
    """A socket for both kinds of addresses shows an IPv4 client as ::ffff:192.0.2.1; it is the same client."""
    return request.client.host.removeprefix("::ffff:") if request.client else "unknown"
