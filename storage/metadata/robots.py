"""Robots: accounts of machines."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, or_, select, update

from storage.metadata.database import insert_row
from storage.metadata.listings import Field, Listing, fetch
from storage.metadata.management_tables import robots
from storage.metadata.prepared import Prepared


@dataclass(frozen=True, slots=True)
class RobotRecord:
    """`name` is without the prefix that robots are shown with; `permissions` is JSON. Times are in milliseconds."""

    id: int
    project_id: int | None
    name: str
    description: str
    secret_hash: str
    secret_version: int
    duration_days: int
    expires_at: int | None
    is_disabled: bool
    permissions: str
    creator_kind: str
    creator_id: int
    created_at: int
    updated_at: int
    used_at: int | None = None
    used_from: str | None = None

    def __repr__(self) -> str:
        return f"RobotRecord(id={self.id}, name={self.name!r})"

    def is_active(self, now: int) -> bool:
        return not self.is_disabled and (self.expires_at is None or now < self.expires_at)


_COLUMNS = [robots.c[name] for name in RobotRecord.__slots__]
_BY_NAME = Prepared(select(*_COLUMNS).where(robots.c.name == bindparam("name")))
_BY_ID = Prepared(select(*_COLUMNS).where(robots.c.id == bindparam("id")))
_USED = (
    update(robots)
    .where(robots.c.id == bindparam("robot"))
    .where(or_(robots.c.used_at.is_(None), robots.c.used_at < bindparam("before")))
    .values(used_at=bindparam("now"), used_from=bindparam("address"))
)


def find(tx: Connection, name: str) -> RobotRecord | None:
    row = _BY_NAME.row(tx, name=name)
    return RobotRecord(*row) if row else None


def find_by_id(tx: Connection, robot_id: int) -> RobotRecord | None:
    row = _BY_ID.row(tx, id=robot_id)
    return RobotRecord(*row) if row else None


_FIELDS = {
    "id": Field(robots.c.id, "number"),
    "name": Field(robots.c.name),
    "description": Field(robots.c.description),
    "disable": Field(robots.c.is_disabled, "flag"),
    "creation_time": Field(robots.c.created_at, "time"),
    "update_time": Field(robots.c.updated_at, "time"),
    "expires_at": Field(robots.c.expires_at, "time"),
    "last_used_time": Field(robots.c.used_at, "time"),
}


def list_page(tx: Connection, project_id: int | None, listing: Listing) -> tuple[list[RobotRecord], int]:
    """A page of the robots of a project, or of the system, and how many there are. Raises `BadFilter`."""
    chosen = select(*_COLUMNS).where(robots.c.project_id.is_not_distinct_from(project_id))
    rows, total = fetch(tx, chosen, _FIELDS, listing, usual=("name",))
    return [RobotRecord(*row) for row in rows], total


def list_naming(tx: Connection, text: str) -> list[RobotRecord]:
    """Those with the text in their permissions."""
    found = select(*_COLUMNS).where(robots.c.permissions.contains(text, autoescape=True))
    return [RobotRecord(*row) for row in tx.execute(found)]


def add(tx: Connection, values: dict[str, Any]) -> RobotRecord:
    """`values` are those of the record, without its id."""
    return RobotRecord(id=insert_row(tx, robots, values), **values)


def change(tx: Connection, robot_id: int, **values: object) -> None:
    tx.execute(update(robots).where(robots.c.id == robot_id).values(**values))


def set_secret(tx: Connection, robot_id: int, secret_hash: str, now: int) -> None:
    """Another secret; what was issued for the one before is void."""
    change(tx, robot_id, secret_hash=secret_hash, secret_version=robots.c.secret_version + 1, updated_at=now)


def mark_used(tx: Connection, robot_id: int, now: int, address: str, *, before: int) -> None:
    """Note that a robot has signed in from there, unless it is known to have since the time `before`."""
    tx.execute(_USED, {"robot": robot_id, "now": now, "address": address, "before": before})


def remove(tx: Connection, robot_id: int) -> None:
    tx.execute(delete(robots).where(robots.c.id == robot_id))
