"""Work that one process at a time does, on whichever node: whoever has the lease, until it lapses.

A holder that fell asleep may have lost its lease without noticing: it asks `is_held` in each transaction of its work.
"""

from sqlalchemy import Connection, delete, or_, select, update

from storage.metadata.database import insert_if_absent
from storage.metadata.tables import leases

_HOUR_MS = 3_600_000


def take(tx: Connection, name: str, holder: str, *, now: int, until: int) -> bool:
    """Take a lease that is free or has lapsed, or make one's own last on; tells whether that succeeded.

    One that lasts for an hour longer than asked for now was taken by a clock that was wrong, and is free too.
    """
    if insert_if_absent(tx, leases, {"name": name, "holder": holder, "until": until}):
        return True
    is_free = or_(leases.c.holder == holder, leases.c.until <= now, leases.c.until > until + _HOUR_MS)
    taken = update(leases).where(leases.c.name == name, is_free).values(holder=holder, until=until)
    return tx.execute(taken).rowcount == 1


def is_held(tx: Connection, name: str, *, now: int, holder: str | None = None) -> bool:
    """Whether the lease is in the hands of `holder`, or of anybody."""
    held = select(leases.c.name).where(leases.c.name == name, leases.c.until > now)
    if holder is not None:
        held = held.where(leases.c.holder == holder)
    return tx.execute(held).first() is not None


def release(tx: Connection, name: str, holder: str) -> None:
    """Give a lease back; one that was lost is fine."""
    tx.execute(delete(leases).where(leases.c.name == name, leases.c.holder == holder))
