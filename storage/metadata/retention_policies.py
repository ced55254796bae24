"""What of a project is kept."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, select, update

from storage.metadata.database import insert_row
from storage.metadata.management_tables import retention_policies


@dataclass(frozen=True, slots=True)
class PolicyRecord:
    """`policy` is JSON. Times are in milliseconds."""

    id: int
    project_id: int
    policy: str
    created_at: int
    updated_at: int


_COLUMNS = [retention_policies.c[name] for name in PolicyRecord.__slots__]


def find(tx: Connection, policy_id: int) -> PolicyRecord | None:
    return _find(tx, retention_policies.c.id == policy_id)


def find_of_project(tx: Connection, project_id: int) -> PolicyRecord | None:
    return _find(tx, retention_policies.c.project_id == project_id)


def add(tx: Connection, project_id: int, policy: str, now: int) -> int:
    values = {"project_id": project_id, "policy": policy, "created_at": now, "updated_at": now}
    return insert_row(tx, retention_policies, values)


def change(tx: Connection, policy_id: int, policy: str, now: int) -> None:
    own = retention_policies.c.id == policy_id
    tx.execute(update(retention_policies).where(own).values(policy=policy, updated_at=now))


def remove(tx: Connection, policy_id: int) -> None:
    tx.execute(delete(retention_policies).where(retention_policies.c.id == policy_id))


def _find(tx: Connection, wanted: ColumnElement[bool]) -> PolicyRecord | None:
    row = tx.execute(select(*_COLUMNS).where(wanted)).one_or_none()
    return PolicyRecord(*row) if row else None
