"""Personal access tokens: secrets that people make for their programs."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, or_, select, update

from storage.metadata.database import insert_row
from storage.metadata.management_tables import access_tokens
from storage.metadata.prepared import Prepared


@dataclass(frozen=True, slots=True)
class AccessTokenRecord:
    """`permissions` is JSON, or None for all that the account may do. Times are in milliseconds."""

    id: int
    user_id: int
    name: str
    secret_hash: str
    permissions: str | None
    created_at: int
    expires_at: int | None
    used_at: int | None

    def __repr__(self) -> str:
        return f"AccessTokenRecord(id={self.id}, name={self.name!r})"

    def is_active(self, now: int) -> bool:
        return self.expires_at is None or now < self.expires_at


_COLUMNS = [access_tokens.c[name] for name in AccessTokenRecord.__slots__]
_BY_HASH = Prepared(select(*_COLUMNS).where(access_tokens.c.secret_hash == bindparam("hash")))
_BY_ID = Prepared(select(*_COLUMNS).where(access_tokens.c.id == bindparam("id")))
_USED = (
    update(access_tokens)
    .where(access_tokens.c.id == bindparam("token"))
    .where(or_(access_tokens.c.used_at.is_(None), access_tokens.c.used_at < bindparam("before")))
    .values(used_at=bindparam("now"))
)


def find_by_hash(tx: Connection, secret_hash: str) -> AccessTokenRecord | None:
    row = _BY_HASH.row(tx, hash=secret_hash)
    return AccessTokenRecord(*row) if row else None


def find_by_id(tx: Connection, token_id: int) -> AccessTokenRecord | None:
    row = _BY_ID.row(tx, id=token_id)
    return AccessTokenRecord(*row) if row else None


def list_of(tx: Connection, user_id: int) -> list[AccessTokenRecord]:
    listed = select(*_COLUMNS).where(access_tokens.c.user_id == user_id).order_by(access_tokens.c.name)
    return [AccessTokenRecord(*row) for row in tx.execute(listed)]


def find(tx: Connection, user_id: int, name: str) -> AccessTokenRecord | None:
    own = select(*_COLUMNS).where(access_tokens.c.user_id == user_id, access_tokens.c.name == name)
    row = tx.execute(own).one_or_none()
    return AccessTokenRecord(*row) if row else None


def list_naming(tx: Connection, text: str) -> list[AccessTokenRecord]:
    """Those with the text in their permissions."""
    found = select(*_COLUMNS).where(access_tokens.c.permissions.contains(text, autoescape=True))
    return [AccessTokenRecord(*row) for row in tx.execute(found)]


def set_permissions(tx: Connection, token_id: int, permissions: str) -> None:
    tx.execute(update(access_tokens).where(access_tokens.c.id == token_id).values(permissions=permissions))


def add(tx: Connection, values: dict[str, Any]) -> AccessTokenRecord:
    """`values` are those of the record, without its id."""
    return AccessTokenRecord(id=insert_row(tx, access_tokens, values), **values)


def mark_used(tx: Connection, token_id: int, now: int, *, before: int) -> None:
    """Note that a token was used, unless that is known since the time `before`."""
    tx.execute(_USED, {"token": token_id, "now": now, "before": before})


def remove(tx: Connection, token_id: int) -> None:
    tx.execute(delete(access_tokens).where(access_tokens.c.id == token_id))
