"""Slowing down the guessing of passwords.

Failures are counted per account *and* address, and per address alone, in the database: all processes share the counts.
The owner of an account who signs in from elsewhere is never held up, and nobody is locked out for longer than a minute.
"""

import ipaddress
from dataclasses import dataclass

from storage.metadata import login_failures
from storage.metadata.database import Transaction

LONGEST_MS = 60 * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How many failures cost no waiting, of an account from an address and of an address, and when they are forgotten:
    so many milliseconds after the first.
    """

    per_account: int = 10
    per_address: int = 100
    window_ms: int = 15 * 60 * 1000


USUAL = Patience()


def wait_ms(tx: Transaction, account: str, address: str, now: int, patience: Patience = USUAL) -> int:
    """Milliseconds until the next attempt of this account from this address is heard; 0 for at once."""
    since = now - patience.window_ms
    return max(
        _pause(tx, _pair(account, address), patience.per_account, since, now),
        _pause(tx, _everybody(address), patience.per_address, since, now),
    )


def record_failure(tx: Transaction, account: str, address: str, now: int, patience: Patience = USUAL) -> None:
    since = now - patience.window_ms
    login_failures.forget_before(tx, since)
    for origin in (_pair(account, address), _everybody(address)):
        login_failures.record(tx, origin, since=since, now=now)


def has_failures(tx: Transaction, account: str, address: str) -> bool:
    return login_failures.find(tx, _pair(account, address)) is not None


def forget_failures(tx: Transaction, account: str, address: str) -> None:
    """After a success: the account's count starts anew. The address's goes on, or one own account would reset it."""
    login_failures.forget(tx, _pair(account, address))


def _pause(tx: Transaction, origin: str, free: int, since: int, now: int) -> int:
    found = login_failures.find(tx, origin)
    if found is None or found.count < free or found.first_at < since:
        return 0
    pause = min(1000 << min(found.count - free, 10), LONGEST_MS)
    return max(found.last_at + pause - now, 0)


def _pair(account: str, address: str) -> str:
    return f"{_network(address)} {account[:255]}"


def _everybody(address: str) -> str:
    return f"{_network(address)} *"


def _network(address: str) -> str:
    """An IPv6 host owns the whole of its /64, so that counts as one address; all of IPv4, mapped, shares one /64."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)
