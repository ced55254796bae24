"""Browsers that are signed in."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from storage.metadata.database import insert_row
from storage.metadata.management_tables import sessions


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """`credential_version` is the user's when it signed in; `agent` is what the browser calls itself. Times are in
    milliseconds.
    """

    id: int
    secret_hash: str
    user_id: int
    credential_version: int
    address: str
    agent: str
    created_at: int
    used_at: int
    expires_at: int

    def __repr__(self) -> str:
        return f"SessionRecord(id={self.id}, user_id={self.user_id})"


_COLUMNS = [sessions.c[name] for name in SessionRecord.__slots__]
_BY_HASH = select(*_COLUMNS).where(sessions.c.secret_hash == bindparam("hash"))


def find_by_hash(tx: Connection, secret_hash: str) -> SessionRecord | None:
    row = tx.execute(_BY_HASH, {"hash": secret_hash}).one_or_none()
    return SessionRecord(*row) if row else None


def list_of(tx: Connection, user_id: int, now: int) -> list[SessionRecord]:
    """Those of somebody that have not expired, the last used first."""
    own = select(*_COLUMNS).where(sessions.c.user_id == user_id, sessions.c.expires_at > now)
    return [SessionRecord(*row) for row in tx.execute(own.order_by(sessions.c.used_at.desc(), sessions.c.id.desc()))]


def add(tx: Connection, values: dict[str, Any]) -> SessionRecord:
    """`values` are those of the record, without its id."""
    return SessionRecord(id=insert_row(tx, sessions, values), **values)


def mark_used(tx: Connection, session_id: int, *, now: int, expires_at: int) -> None:
    tx.execute(update(sessions).where(sessions.c.id == session_id).values(used_at=now, expires_at=expires_at))


def remove(tx: Connection, session_id: int, *, user_id: int | None = None) -> bool:
    """Tells whether there was one, of that user where one is named."""
    own = delete(sessions).where(sessions.c.id == session_id)
    return tx.execute(own if user_id is None else own.where(sessions.c.user_id == user_id)).rowcount == 1


def remove_others(tx: Connection, user_id: int, kept: int | None) -> int:
    """All of somebody but the one of that number; tells how many."""
    own = delete(sessions).where(sessions.c.user_id == user_id)
    return tx.execute(own if kept is None else own.where(sessions.c.id != kept)).rowcount


def remove_by_hash(tx: Connection, secret_hash: str) -> None:
    tx.execute(delete(sessions).where(sessions.c.secret_hash == secret_hash))


def remove_expired(tx: Connection, now: int) -> None:
    tx.execute(delete(sessions).where(sessions.c.expires_at <= now))
