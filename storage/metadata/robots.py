"""Robots: accounts of machines."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from storage.metadata.database import insert_row
from storage.metadata.management_tables import robots


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

    def __repr__(self) -> str:
        return f"RobotRecord(id={self.id}, name={self.name!r})"

    def is_active(self, now: int) -> bool:
        return not self.is_disabled and (self.expires_at is None or now < self.expires_at)


_COLUMNS = [robots.c[name] for name in RobotRecord.__slots__]
_BY_NAME = select(*_COLUMNS).where(robots.c.name == bindparam("name"))
_BY_ID = select(*_COLUMNS).where(robots.c.id == bindparam("id"))


def find(tx: Connection, name: str) -> RobotRecord | None:
    row = tx.execute(_BY_NAME, {"name": name}).one_or_none()
    return RobotRecord(*row) if row else None


def find_by_id(tx: Connection, robot_id: int) -> RobotRecord | None:
    row = tx.execute(_BY_ID, {"id": robot_id}).one_or_none()
    return RobotRecord(*row) if row else None


def add(tx: Connection, values: dict[str, Any]) -> RobotRecord:
    """`values` are those of the record, without its id."""
    return RobotRecord(id=insert_row(tx, robots, values), **values)


def change(tx: Connection, robot_id: int, **values: object) -> None:
    tx.execute(update(robots).where(robots.c.id == robot_id).values(**values))


def set_secret(tx: Connection, robot_id: int, secret_hash: str, now: int) -> None:
    """Another secret; what was issued for the one before is void."""
    change(tx, robot_id, secret_hash=secret_hash, secret_version=robots.c.secret_version + 1, updated_at=now)


def remove(tx: Connection, robot_id: int) -> None:
    tx.execute(delete(robots).where(robots.c.id == robot_id))
