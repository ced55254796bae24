"""Failed sign-ins, counted per origin; what an origin is, the caller decides."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, select

from storage.metadata.database import put
from storage.metadata.prepared import Prepared
from storage.metadata.tables import login_failures


@dataclass(frozen=True, slots=True)
class FailureRecord:
    origin: str
    count: int
    first_at: int
    last_at: int


_BY_ORIGIN = Prepared(select(login_failures).where(login_failures.c.origin == bindparam("origin")))


def find(tx: Connection, origin: str) -> FailureRecord | None:
    row = _BY_ORIGIN.row(tx, origin=origin)
    return FailureRecord(*row) if row else None


def record(tx: Connection, origin: str, *, since: int, now: int) -> None:
    """Count one more failure; a count that began before `since` starts anew."""
    old = find(tx, origin)
    count, first_at = (old.count + 1, old.first_at) if old and old.first_at >= since else (1, now)
    row = {"origin": origin, "count": count, "first_at": first_at, "last_at": now}
    put(tx, login_failures, ("origin",), row)


def forget(tx: Connection, origin: str) -> None:
    tx.execute(delete(login_failures).where(login_failures.c.origin == origin))


def forget_before(tx: Connection, last_at: int) -> None:
    tx.execute(delete(login_failures).where(login_failures.c.last_at < last_at))
