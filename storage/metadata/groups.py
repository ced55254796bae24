"""Groups of people, and who is in them."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, update

from storage.metadata.database import insert_many, insert_row
from storage.metadata.listings import Field, Listing, fetch
from storage.metadata.management_tables import group_members, user_groups


@dataclass(frozen=True, slots=True)
class GroupRecord:
    """`kind` is Harbor's number: 1 LDAP, 2 HTTP, 3 OpenID Connect; `ldap_dn` is empty but for LDAP."""

    id: int
    name: str
    kind: int
    ldap_dn: str


_COLUMNS = [user_groups.c[name] for name in GroupRecord.__slots__]
_FIELDS = {
    "id": Field(user_groups.c.id, "number"),
    "group_name": Field(user_groups.c.name),
    "group_type": Field(user_groups.c.kind, "number"),
    "ldap_group_dn": Field(user_groups.c.ldap_dn),
    "dn_key": Field(user_groups.c.dn_key),
}


def list_page(tx: Connection, listing: Listing) -> tuple[list[GroupRecord], int]:
    """A page of the groups, and how many there are. Raises `BadFilter`."""
    rows, total = fetch(tx, select(*_COLUMNS), _FIELDS, listing, usual=("group_name", "id"))
    return [GroupRecord(*row) for row in rows], total


def find_by_id(tx: Connection, group_id: int) -> GroupRecord | None:
    row = tx.execute(select(*_COLUMNS).where(user_groups.c.id == group_id)).one_or_none()
    return GroupRecord(*row) if row else None


def find(tx: Connection, kind: int, name: str, dn_key: str = "") -> GroupRecord | None:
    """An LDAP group by the one spelling of its distinguished name, and another one by its name."""
    known = user_groups.c.dn_key == dn_key if dn_key else user_groups.c.name == name
    row = tx.execute(select(*_COLUMNS).where(user_groups.c.kind == kind, known).limit(1)).one_or_none()
    return GroupRecord(*row) if row else None


def add(tx: Connection, kind: int, name: str, ldap_dn: str = "", dn_key: str = "") -> GroupRecord:
    values = {"kind": kind, "name": name, "ldap_dn": ldap_dn, "dn_key": dn_key}
    return GroupRecord(insert_row(tx, user_groups, values), name, kind, ldap_dn)


def rename(tx: Connection, group_id: int, name: str) -> None:
    tx.execute(update(user_groups).where(user_groups.c.id == group_id).values(name=name))


def remove(tx: Connection, group_id: int) -> None:
    """With its memberships in projects, and of people."""
    tx.execute(delete(user_groups).where(user_groups.c.id == group_id))


def put_user(tx: Connection, user_id: int, group_ids: Collection[int]) -> None:
    """Note which groups somebody is in now."""
    held = set(tx.execute(select(group_members.c.group_id).where(group_members.c.user_id == user_id)).scalars())
    if held != set(group_ids):
        tx.execute(delete(group_members).where(group_members.c.user_id == user_id))
        rows = [{"user_id": user_id, "group_id": group_id} for group_id in sorted(group_ids)]
        insert_many(tx, group_members, rows)
