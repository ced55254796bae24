"""Accounts of people."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, or_, select, update

from storage.metadata.database import insert_row
from storage.metadata.listings import Field, Listing, fetch
from storage.metadata.prepared import Prepared
from storage.metadata.tables import users


@dataclass(frozen=True, slots=True)
class UserRecord:
    id: int
    name: str
    password_hash: str
    is_admin: bool
    is_disabled: bool
    credential_version: int
    created_at: int
    updated_at: int = 0
    email: str | None = None
    real_name: str = ""
    comment: str = ""
    source: str = "local"
    external_id: str | None = None
    is_group_admin: bool = False

    def __repr__(self) -> str:
        return f"UserRecord(id={self.id}, name={self.name!r})"


_COLUMNS = [users.c[name] for name in UserRecord.__slots__]
_BY_NAME = Prepared(select(*_COLUMNS).where(users.c.name == bindparam("name")))
_BY_EMAIL = Prepared(select(*_COLUMNS).where(users.c.email == bindparam("email")))
_BY_ID = Prepared(select(*_COLUMNS).where(users.c.id == bindparam("id")))
_BY_EXTERNAL_ID = Prepared(select(*_COLUMNS).where(users.c.external_id == bindparam("external_id")))
_BY_LOGIN = Prepared(
    select(*_COLUMNS).where(or_(users.c.name == bindparam("login"), users.c.email == bindparam("login")))
)


def find(tx: Connection, name: str) -> UserRecord | None:
    row = _BY_NAME.row(tx, name=name)
    return UserRecord(*row) if row else None


def find_by_id(tx: Connection, user_id: int) -> UserRecord | None:
    row = _BY_ID.row(tx, id=user_id)
    return UserRecord(*row) if row else None


def find_by_login(tx: Connection, login: str) -> UserRecord | None:
    """The account of that name or, where there is none, of that address; the same work whether or not there is one."""
    found = [UserRecord(*row) for row in _BY_LOGIN.rows(tx, login=login)]
    return min(found, key=lambda user: user.name != login, default=None)


def find_by_email(tx: Connection, email: str) -> UserRecord | None:
    row = _BY_EMAIL.row(tx, email=email)
    return UserRecord(*row) if row else None


def find_by_external_id(tx: Connection, external_id: str) -> UserRecord | None:
    row = _BY_EXTERNAL_ID.row(tx, external_id=external_id)
    return UserRecord(*row) if row else None


def list_all(tx: Connection) -> list[UserRecord]:
    return [UserRecord(*row) for row in tx.execute(select(*_COLUMNS).order_by(users.c.name))]


def list_active_admins(tx: Connection) -> list[UserRecord]:
    active = select(*_COLUMNS).where(users.c.is_admin, ~users.c.is_disabled)
    return [UserRecord(*row) for row in tx.execute(active)]


def has_others(tx: Connection) -> bool:
    """Whether there are more accounts than that of the first administrator."""
    return len(tx.execute(select(users.c.id).limit(2)).all()) > 1


def has_prefix(tx: Connection, prefix: str) -> bool:
    """Whether the name of an account begins so."""
    begins = users.c.name.startswith(prefix, autoescape=True)
    return tx.execute(select(users.c.name).where(begins).limit(1)).first() is not None


_FIELDS = {
    "user_id": Field(users.c.id, "number"),
    "username": Field(users.c.name),
    "email": Field(users.c.email),
    "realname": Field(users.c.real_name),
    "comment": Field(users.c.comment),
    "sysadmin_flag": Field(users.c.is_admin, "flag"),
    "creation_time": Field(users.c.created_at, "time"),
    "update_time": Field(users.c.updated_at, "time"),
}


def list_page(tx: Connection, listing: Listing, *, without: int | None = None) -> tuple[list[UserRecord], int]:
    """A page of the accounts and how many there are, apart from the account `without`. Raises `BadFilter`."""
    chosen = select(*_COLUMNS) if without is None else select(*_COLUMNS).where(users.c.id != without)
    rows, total = fetch(tx, chosen, _FIELDS, listing, usual=("username",))
    return [UserRecord(*row) for row in rows], total


def add(tx: Connection, name: str, password_hash: str, *, is_admin: bool, now: int, **more: str | None) -> UserRecord:
    """`more` are `email`, `real_name`, `comment`, `source` and `external_id`."""
    values: dict[str, Any] = {
        "name": name,
        "password_hash": password_hash,
        "is_admin": is_admin,
        "is_disabled": False,
        "credential_version": 1,
        "created_at": now,
        "updated_at": now,
        **more,
    }
    return UserRecord(id=insert_row(tx, users, values), **values)


def set_password(tx: Connection, user_id: int, password_hash: str) -> None:
    _change(tx, user_id, password_hash=password_hash)


def set_disabled(tx: Connection, user_id: int, *, disabled: bool) -> None:
    _change(tx, user_id, is_disabled=disabled)


def set_admin(tx: Connection, user_id: int, *, admin: bool, by_group: bool = False) -> None:
    _change(tx, user_id, is_admin=admin, is_group_admin=admin and by_group)


def set_profile(tx: Connection, user_id: int, *, email: str | None, real_name: str, comment: str, now: int) -> None:
    values = {"email": email, "real_name": real_name, "comment": comment, "updated_at": now}
    tx.execute(update(users).where(users.c.id == user_id).values(**values))


def remove(tx: Connection, user_id: int) -> None:
    tx.execute(delete(users).where(users.c.id == user_id))


def replace_hash(tx: Connection, user_id: int, old_hash: str, new_hash: str) -> None:
    """Another hash of the same password, unless the password was changed meanwhile; what was issued stays good."""
    same = (users.c.id == user_id) & (users.c.password_hash == old_hash)
    tx.execute(update(users).where(same).values(password_hash=new_hash))


def _change(tx: Connection, user_id: int, **values: object) -> None:
    newer = users.c.credential_version + 1
    tx.execute(update(users).where(users.c.id == user_id).values(credential_version=newer, **values))
