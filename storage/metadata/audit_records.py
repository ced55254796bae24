"""Who did what, and when."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select

from storage.metadata.database import insert_many
from storage.metadata.listings import Field, Listing, conditions, fetch
from storage.metadata.management_tables import audit_records
from storage.metadata.sights import Sight
from storage.metadata.tables import projects


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """`at` is in milliseconds; names are those of the time."""

    id: int
    at: int
    project_id: int | None
    user_name: str
    operation: str
    resource_type: str
    resource: str
    description: str
    succeeded: bool


_COLUMNS = [audit_records.c[name] for name in AuditRecord.__slots__]
_FIELDS = {
    "id": Field(audit_records.c.id, "number"),
    "username": Field(audit_records.c.user_name),
    "operation": Field(audit_records.c.operation),
    "resource_type": Field(audit_records.c.resource_type),
    "resource": Field(audit_records.c.resource),
    "operation_result": Field(audit_records.c.succeeded, "flag"),
    "op_time": Field(audit_records.c.at, "time"),
}


def add_all(tx: Connection, records: Sequence[Mapping[str, Any]]) -> None:
    """Each has the values of a record, without its id."""
    insert_many(tx, audit_records, records)


def list_page(
    tx: Connection, listing: Listing, *, sight: Sight | None = None, project_id: int | None = None
) -> tuple[list[AuditRecord], int]:
    """A page, the newest first, and how many there are: of one project, of the projects that `sight` shows, or of all.

    Raises `BadFilter`.
    """
    chosen = select(*_COLUMNS).where(*_within(sight, project_id))
    rows, total = fetch(tx, chosen, _FIELDS, listing, usual=("-op_time", "-id"), key=audit_records.c.id)
    return [AuditRecord(*row) for row in rows], total


def list_before(
    tx: Connection,
    listing: Listing,
    *,
    before: int | None,
    count: int,
    sight: Sight | None = None,
    project_id: int | None = None,
) -> list[AuditRecord]:
    """Up to `count` of what `list_page` lists, written before the record of that id, the last written first.

    Raises `BadFilter`.
    """
    chosen = select(*_COLUMNS).where(*_within(sight, project_id), *conditions(tx, _FIELDS, listing))
    if before is not None:
        chosen = chosen.where(audit_records.c.id < before)
    return [AuditRecord(*row) for row in tx.execute(chosen.order_by(audit_records.c.id.desc()).limit(count))]


def _within(sight: Sight | None, project_id: int | None) -> list[ColumnElement[bool]]:
    within = [] if project_id is None else [audit_records.c.project_id == project_id]
    if sight is None:
        return within
    seen = select(projects.c.id).where(sight.shows(projects.c.id))
    return [*within, audit_records.c.project_id.in_(seen)]


def count_until(tx: Connection, last: int, events: Collection[str] = ()) -> int:
    """How many records are from before that time; with `events`, of these kinds: `pull_artifact`, or all of `pull`."""
    return int(tx.execute(select(func.count()).where(_old(last, events))).scalar_one())


def remove_until(tx: Connection, last: int, events: Collection[str], count: int) -> int:
    """Remove at most `count` of what `count_until` counts; tells how many."""
    found = select(audit_records.c.id).where(_old(last, events)).order_by(audit_records.c.at).limit(count)
    return tx.execute(delete(audit_records).where(audit_records.c.id.in_(found))).rowcount


def _old(last: int, events: Collection[str]) -> ColumnElement[bool]:
    is_old, operation = audit_records.c.at < last, audit_records.c.operation
    if not events:
        return is_old
    names, event = sorted(events), operation + "_" + audit_records.c.resource_type
    return and_(is_old, or_(operation.in_(names), event.in_(names)))
